"""Scans in every format that offices send, made in memory from one small picture."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH, HEIGHT = 120, 160


@pytest.fixture(scope="session")
def colour() -> Image.Image:
    """A picture with all grey levels, no symmetry and some texture."""
    noise = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    pixels = cv2.normalize(smooth, np.zeros_like(smooth), 0, 255, cv2.NORM_MINMAX)
    pixels[:40, :30] = 0
    return Image.fromarray(np.asarray(pixels, dtype=np.uint8))


@pytest.fixture(scope="session")
def grey(colour: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(colour.convert("L"))


class WriteTiff(Protocol):
    """Writes an uncompressed TIFF from scratch: the kinds that Pillow reads but cannot write."""

    def __call__(self, *pages: bytes, order: str = "<", big: bool = False, **tags: int | tuple[int, ...]) -> bytes: ...


_TAGS = {
    "subfile": 254, "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "offsets": 273,
    "orientation": 274, "samples": 277, "rows": 278, "lengths": 279, "planar": 284, "colours": 320, "tile_width": 322,
    "tile_height": 323, "tile_offsets": 324, "tile_lengths": 325, "extra": 338, "format": 339,
}  # fmt: skip


def _tiff(*pages: bytes, order: str = "<", big: bool = False, **tags: int | tuple[int, ...]) -> bytes:
    """One directory per page; `strips` splits a page's bytes into that many equal strips or tiles."""
    strips = tags.pop("strips", 1)
    assert isinstance(strips, int)
    word = "Q" if big else "I"
    head = (b"II" if order == "<" else b"MM") + (
        struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    )
    out = bytearray(head)
    for number, pixels in enumerate(pages):
        out += _directory(bytes(pixels), len(out), strips, word, order, tags, last=number == len(pages) - 1)
    return bytes(out)


def _directory(  # noqa: PLR0917 - a table of bytes has many sides
    pixels: bytes, at: int, strips: int, word: str, order: str, tags: dict[str, Any], *, last: bool
) -> bytes:
    tiled = "tile_width" in tags
    each = len(pixels) // strips
    entries: dict[str, Any] = {"compression": 1, **tags}
    names = ("tile_offsets", "tile_lengths") if tiled else ("offsets", "lengths")
    entries |= {names[0]: (0,) * strips, names[1]: (each,) * strips}
    count = len(entries)
    counter, entry_bytes = ("Q", 20) if word == "Q" else ("H", 12)
    inline = struct.calcsize(word)
    values_at = at + struct.calcsize(order + counter) + count * entry_bytes + inline
    long_values = sum(4 * len(v) for v in entries.values() if isinstance(v, tuple) and 4 * len(v) > inline)
    pixels_at = values_at + long_values
    entries[names[0]] = tuple(pixels_at + number * each for number in range(strips))
    table, values = struct.pack(order + counter, count), b""
    for name, value in sorted(entries.items(), key=lambda item: _TAGS[item[0]]):
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        table += struct.pack(f"{order}HH{word}", _TAGS[name], 4, len(numbers))
        if len(packed) > inline:
            table += struct.pack(order + word, values_at + len(values))
            values += packed
        else:
            table += packed.ljust(inline, b"\0")
    following = 0 if last else pixels_at + len(pixels)
    return table + struct.pack(order + word, following) + values + pixels


@pytest.fixture(scope="session")
def write_tiff() -> WriteTiff:
    return _tiff


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def _pdf(data: bytes, **options: Any) -> bytes:
    stream = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(stream, **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def scans(colour: Image.Image) -> dict[str, bytes]:
    """Whole files by a name of their kind; all show `colour`, as exactly as the kind allows."""
    grey, line = colour.convert("L"), colour.convert("1")
    deep = np.asarray(grey).astype(np.uint16) * 257
    restarts = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2, cv2.IMWRITE_JPEG_QUALITY, 95]
    pdf = _saved(colour, "PDF", save_all=True, append_images=[grey.copy(), line.copy()])
    return {
        "jpeg": _saved(colour, "JPEG", quality=95),
        "jpeg progressive": _saved(colour, "JPEG", quality=95, progressive=True),
        "jpeg grey": _saved(grey, "JPEG", quality=95),
        "jpeg cmyk": _saved(colour.convert("CMYK"), "JPEG", quality=95),
        "jpeg restarts": cv2.imencode(".jpg", np.asarray(colour)[:, :, ::-1], restarts)[1].tobytes(),
        "png": _saved(colour, "PNG"),
        "png grey 16": cv2.imencode(".png", deep)[1].tobytes(),
        "png colour 16": cv2.imencode(".png", np.asarray(colour)[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes(),
        "png 1": _saved(line, "PNG"),
        "png palette": _saved(grey.convert("P"), "PNG"),
        "png alpha": _saved(colour.convert("RGBA"), "PNG"),
        "tiff": _saved(colour, "TIFF"),
        "tiff lzw": _saved(colour, "TIFF", compression="tiff_lzw"),
        "tiff deflate": _saved(colour, "TIFF", compression="tiff_adobe_deflate"),
        "tiff packbits": _saved(grey, "TIFF", compression="packbits"),
        "tiff jpeg": _saved(colour, "TIFF", compression="jpeg", quality=95),
        "tiff group 4": _saved(line, "TIFF", compression="group4"),
        "tiff group 3": _saved(line, "TIFF", compression="group3"),
        "tiff grey 16": cv2.imencode(".tif", deep)[1].tobytes(),
        "tiff big": _saved(grey, "TIFF", big_tiff=True),
        "tiff pages": _saved(grey, "TIFF", save_all=True, append_images=[grey.copy(), colour.copy()]),
        "tiff pages group 4": _saved(line, "TIFF", save_all=True, append_images=[line.copy()], compression="group4"),
        "webp": _saved(colour, "WEBP", lossless=True),
        "bmp": _saved(colour, "BMP"),
        "pdf": pdf,
        "pdf linearised": _pdf(pdf, linearize=True),
        "pdf object streams": _pdf(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate),
    }
