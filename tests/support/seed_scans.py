"""Whole scans of every kind, small, for the fuzzer to damage."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw

from support.pdf_by_hand import fax_image, image_page, jbig2_image, jpeg2000_image, jpeg_image, raw_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

WIDTH, HEIGHT = 210, 297
_WRITING = b"BT /F 14 Tf 20 40 Td (7.5 and a few more words) Tj ET 1 0 0 RG 4 w 10 10 m 60 90 l S"


def small_page(number: int = 0) -> Image.Image:
    """A page with lines, boxes and some writing: neither blank nor any form."""
    page = Image.new("L", (WIDTH, HEIGHT), 235)
    draw = ImageDraw.Draw(page)
    for top in range(20, HEIGHT - 20, 24):
        draw.rectangle((15, top, WIDTH - 15, top + 16), outline=70)
        draw.text((20 + 7 * number, top + 2), f"{number}. {top * 37 % 101}", fill=20)
    return page


def seed_scans() -> dict[str, bytes]:
    """Whole files by their kind and ending."""
    page = small_page()
    return {**_pictures(page), **_tiffs(page), **_pdfs(page)}


def sheet_scans(grey: npt.NDArray[np.uint8]) -> dict[str, bytes]:
    """A filled sheet in the kinds that offices send."""
    page = Image.fromarray(grey)
    return {
        "sheet.jpg": _saved(page, "JPEG", quality=85),
        "sheet-restarts.jpg": _opencv(grey, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
        "sheet.png": _saved(page, "PNG"),
        "sheet-raw.tif": _saved(page, "TIFF"),
        "sheet-g4.tif": _saved(_line_art(page), "TIFF", compression="group4"),
        "sheet-jpeg.pdf": image_page(jpeg_image(page)),
        "sheet-fax.pdf": image_page(fax_image(page)),
    }


def _pictures(page: Image.Image) -> dict[str, bytes]:
    grey, colour = np.asarray(page), page.convert("RGB")
    return {
        "grey.jpg": _saved(page, "JPEG"),
        "colour.jpg": _saved(colour, "JPEG", quality=80),
        "progressive.jpg": _saved(colour, "JPEG", progressive=True),
        "cmyk.jpg": _saved(page.convert("CMYK"), "JPEG"),
        "restarts.jpg": _opencv(grey, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        "grey.png": _saved(page, "PNG"),
        "line.png": _saved(_line_art(page), "PNG"),
        "alpha.png": _saved(page.convert("RGBA"), "PNG"),
        "deep.png": _opencv(grey.astype(np.uint16) * 257, ".png"),
        "palette.png": _saved(page.convert("P"), "PNG", transparency=3),
        "animated.png": _saved(page, "PNG", save_all=True, append_images=[small_page(1), small_page(2)]),
        "page.webp": _saved(page, "WEBP", quality=60),
        "page.bmp": _saved(page, "BMP"),
    }


def _tiffs(page: Image.Image) -> dict[str, bytes]:
    line, more = _line_art(page), [small_page(1), small_page(2)]
    return {
        "raw.tif": _saved(page, "TIFF"),
        "lzw.tif": _saved(page, "TIFF", compression="tiff_lzw"),
        "deflate.tif": _saved(page, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": _saved(page.convert("RGB"), "TIFF", compression="jpeg"),
        "packbits.tif": _saved(page, "TIFF", compression="packbits"),
        "g4.tif": _saved(line, "TIFF", compression="group4"),
        "g3.tif": _saved(line, "TIFF", compression="group3"),
        "big.tif": _saved(page, "TIFF", big_tiff=True),
        "tiled.tif": _tiled(page),
        "pages.tif": _saved(page, "TIFF", save_all=True, append_images=more, compression="tiff_lzw"),
        "pages-g4.tif": _saved(
            line, "TIFF", save_all=True, append_images=[_line_art(one) for one in more], compression="group4"
        ),
    }  # fmt: skip


def _pdfs(page: Image.Image) -> dict[str, bytes]:
    return {
        "embedded-jpeg.pdf": image_page(jpeg_image(page)),
        "embedded-fax.pdf": image_page(fax_image(page)),
        "embedded-jbig2.pdf": image_page(jbig2_image(page)),
        "embedded-jpeg2000.pdf": image_page(jpeg2000_image(page)),
        "embedded-raw.pdf": image_page(raw_image(page)),
        "rendered.pdf": image_page(jpeg_image(page), drawing=_WRITING),
        "rendered-jbig2.pdf": image_page(jbig2_image(page), drawing=_WRITING),
        "pages.pdf": _saved(page, "PDF", save_all=True, append_images=[small_page(1), _line_art(small_page(2))]),
    }


def _line_art(page: Image.Image) -> Image.Image:
    return page.convert("1", dither=Image.Dither.NONE)


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def _opencv(pixels: npt.NDArray[Any], suffix: str, *options: int) -> bytes:
    written, data = cv2.imencode(suffix, pixels, list(options))
    assert written
    return data.tobytes()


def _tiled(page: Image.Image) -> bytes:
    """A TIFF in tiles; Pillow and OpenCV write strips only."""
    side = 64
    across, down = -(-page.width // side), -(-page.height // side)
    padded = np.full((down * side, across * side), 255, np.uint8)
    padded[: page.height, : page.width] = np.asarray(page)
    tiles = padded.reshape(down, side, across, side).swapaxes(1, 2)
    return tiff_of(
        tiles.tobytes(),
        {256: page.width, 257: page.height, 258: 8, 259: 1, 262: 1, 277: 1, 322: side, 323: side},
        offsets_tag=324,
        parts=across * down,
    )


def tiff_of(pixels: bytes, tags: Mapping[int, int], *, offsets_tag: int, parts: int) -> bytes:
    """A little-endian TIFF of equal strips (offsets_tag 273) or tiles (324)."""
    lengths_tag = {273: 279, 324: 325}[offsets_tag]
    each, lists_at = len(pixels) // parts, 8 + len(pixels)
    lists = struct.pack(f"<{parts}I", *(8 + number * each for number in range(parts)))
    lists += struct.pack(f"<{parts}I", *([each] * parts))
    single = {offsets_tag: 8, lengths_tag: each}
    several = {offsets_tag: lists_at, lengths_tag: lists_at + 4 * parts}
    entries = {**tags, **(single if parts == 1 else several)}
    table = b"".join(
        struct.pack("<HHII", tag, 4, parts if tag in single else 1, value) for tag, value in sorted(entries.items())
    )
    head = b"II*\0" + struct.pack("<I", lists_at + len(lists))
    return head + pixels + lists + struct.pack("<H", len(entries)) + table + bytes(4)
