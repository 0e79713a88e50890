"""Files made by hand to hurt: small on the disk, vast or endless once they are opened."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sheetwatch.domain import ReasonCode
from support.mutations import png_chunk
from support.pdf_by_hand import PdfImage, image_page, jpeg_image, one_page, pdf, stream
from support.seed_scans import small_page, tiff_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SPENT = frozenset({ReasonCode.TOO_LARGE, ReasonCode.TIMED_OUT, ReasonCode.WORKER_CRASHED})
"""What a file may cost that no header gives away: its memory, its time, or its worker."""

FROM_HEADERS = frozenset({
    "60000 x 60000 zeros.png", "1 x 4000000.png", "65535 x 65535.jpg", "a million pixels below zero.bmp",
    "4294967295 x 4294967295.tif", "5000 directories in a loop.tif", "5000 directories.tif",
    "says it has 501 pages.pdf", "says it has 1000000 pages.pdf", "100000 pages, all the same one.pdf",
    "an image beyond the limit.pdf", "an image of 2^31 columns.pdf",
})  # fmt: skip
"""Refused as too large without a pixel decoded."""

_MIB = 1 << 20
_BLACK_WEBP = "524946461a000000574542505650384c0e0000002f7ffe9f0f071011fd0f4444ff03"
"""Lossless, 16000 x 16000 px: packed in 34 bytes, but in 25 seconds."""


def bombs() -> dict[str, bytes]:
    """Every bomb by its name."""
    return {
        **dict(_pictures()),
        **dict(_tiffs()),
        **dict(_pdf_structures()),
        **dict(_pdf_contents()),
        **dict(_disguised()),
    }


def zeros_png(width: int, height: int, *, bits: int = 8, kind: int = 0) -> bytes:
    """A valid PNG, all of it zeros; the packed rows are repeated, not computed."""
    channels = {0: 1, 2: 3, 6: 4}[kind]
    length = height * (1 + (width * bits * channels + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    body = png_chunk(b"IDAT", deflated_zeros(length))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def deflated_zeros(length: int) -> bytes:
    """What zlib.compress(bytes(length)) says, in a moment: one packed mebibyte, again and again."""
    packer = zlib.compressobj(9, wbits=-15)
    head = packer.compress(bytes(_MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    whole, rest = divmod(length, _MIB)
    packer = zlib.compressobj(9, wbits=-15)
    tail = packer.compress(bytes(rest)) + packer.flush()
    adler = ((length % 65521) << 16) | 1
    return b"\x78\xda" + head * whole + tail + struct.pack(">I", adler)


def _pictures() -> Iterator[tuple[str, bytes]]:
    yield "60000 x 60000 zeros.png", zeros_png(60_000, 60_000)
    yield "within the limit, 960 MB of it.png", zeros_png(10_900, 11_000, bits=16, kind=6)
    yield "1 x 1000000.png", zeros_png(1, 1_000_000)
    yield "1000000 x 1.png", zeros_png(1_000_000, 1)
    yield "1 x 4000000.png", zeros_png(1, 4_000_000)
    yield "text of 1 GB.png", _png_with(png_chunk(b"zTXt", b"Comment\0\0" + deflated_zeros(1 << 30)))
    yield "profile of 1 GB.png", _png_with(png_chunk(b"iCCP", b"icc\0\0" + deflated_zeros(1 << 30)))
    yield "animation of one frame, says millions.png", _png_with(png_chunk(b"acTL", struct.pack(">II", 1 << 30, 0)))
    yield "1 x 65000.jpg", _saved(Image.new("L", (1, 65_000), 200), "JPEG")
    yield "65000 x 1.jpg", _saved(Image.new("L", (65_000, 1), 200), "JPEG")
    yield "a height of 65535 and no rows.jpg", _jpeg_of_size(65_535, 1_800)
    yield "65535 x 65535.jpg", _jpeg_of_size(65_535, 65_535)
    yield "1 x 1000000.bmp", _saved(Image.new("L", (1, 1_000_000), 200), "BMP")
    yield "a million pixels below zero.bmp", _bmp_of_size(-1_000_000, -1_000_000)
    yield "16000 x 16000.webp", bytes.fromhex(_BLACK_WEBP)
    yield "claims to be AVIF.heic", b"\0\0\0\x18ftypavif" + bytes(8) + b"mif1" + b"\xff" * 4000


def _tiffs() -> Iterator[tuple[str, bytes]]:
    grey = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 277: 1, 278: 64}
    raw = bytes(64 * 64)
    yield (
        "4294967295 x 4294967295.tif",
        tiff_of(raw, grey | {256: 0xFFFF_FFFF, 257: 0xFFFF_FFFF}, offsets_tag=273, parts=1),
    )
    yield "65535 samples to a pixel.tif", tiff_of(raw, grey | {277: 0xFFFF}, offsets_tag=273, parts=1)
    yield "tiles of 4 gigapixels.tif", tiff_of(raw, grey | {322: 0xFFF0, 323: 0xFFF0}, offsets_tag=324, parts=1)
    tall = Image.frombytes("L", (1, 1_000_000), bytes(1_000_000))
    yield "1 x 1000000.tif", _saved(tall, "TIFF", compression="tiff_adobe_deflate")
    yield "deflated 119 megapixels.tif", _deflated_tiff(10_900, 10_900)
    yield "deflated, says 8 x 8 and is 4 GB.tif", _deflated_tiff(8, 8, length=1 << 32)
    yield "5000 directories in a loop.tif", _directories(5_000, loop=True)
    yield "5000 directories.tif", _directories(5_000, loop=False)
    yield "directories of 65535 entries, one upon the other.tif", _overlapping_directories()
    yield "a million strips, each the whole file.tif", _strips_of_everything()


def _pdf_structures() -> Iterator[tuple[str, bytes]]:
    catalog = b"<< /Type /Catalog /Pages 2 0 R >>"
    yield "pages that are their own parents.pdf", pdf(catalog, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>")
    yield (
        "two page nodes in a circle.pdf",
        pdf(
            catalog,
            b"<< /Type /Pages /Kids [3 0 R] /Count 2 >>",
            b"<< /Type /Pages /Kids [2 0 R] /Parent 2 0 R /Count 2 >>",
        ),
    )
    for count in (501, 1_000_000, (1 << 31) - 1):
        yield f"says it has {count} pages.pdf", pdf(catalog, b"<< /Type /Pages /Kids [] /Count %d >>" % count)
    yield (
        "100000 pages, all the same one.pdf",
        pdf(catalog, b"<< /Type /Pages /Kids [%s] /Count 100000 >>" % (b"3 0 R " * 100_000), _page_object()),
    )
    yield "a page under 20000 nodes.pdf", _deep_page_tree(20_000)
    yield "200000 brackets.pdf", one_page(page=f"/Deep {'[' * 200_000}{']' * 200_000}")
    yield "200000 dictionaries.pdf", one_page(page=f"/Deep {'<< /D ' * 200_000}{'>> ' * 200_000}")
    for name, box in _BOXES.items():
        yield f"{name}.pdf", one_page(content=b"0 0 9 9 re f", box=box)
    yield "a length that is itself.pdf", one_page(b"5 0 R", content=b"<< /Length 5 0 R >>\nstream\nq\nendstream")
    yield "previous tables in a circle.pdf", _circle_of_tables()
    yield (
        "100000 annotations.pdf",
        one_page(b"<< /Type /Annot /Subtype /Square /Rect [0 0 9 9] >>", page=f"/Annots [{'5 0 R ' * 100_000}]"),
    )


_BOXES = {
    "a page of 35 million kilometres": "0 0 1e14 1e14",
    "a page of 1e38 points": "-1e38 -1e38 1e38 1e38",
    "a page without an extent": "0 0 0 0",
    "a page of no numbers": "0 0 /A (b)",
    "a page as wide as a hair": "0 0 0.01 14400",
    "a page a thousand times as high as wide": "0 0 10 10000",
}


def _pdf_contents() -> Iterator[tuple[str, bytes]]:
    as_form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9]"
    nested = [stream(b"/X Do " * 10, f"{as_form} /Resources << /XObject << /X {n} 0 R >> >>") for n in range(6, 26)]
    line = stream(b"0 0 m 500 500 l S", "/Type /XObject /Subtype /Form /BBox [0 0 595 842]")
    form = "/XObject << /X 5 0 R >>"
    yield "10^20 lines.pdf", one_page(*nested, line, content=b"/X Do", resources=form)
    itself = stream(b"/X Do /X Do", f"{as_form} /Resources << {form} >>")
    yield "a form that draws itself.pdf", one_page(itself, content=b"/X Do", resources=form)
    yield "a content of 2 GB.pdf", one_page(content=_flate(deflated_zeros(2 << 30)))
    yield (
        "a content packed three times.pdf",
        one_page(content=_flate(zlib.compress(zlib.compress(deflated_zeros(4 << 30), 9), 9), times=3)),
    )
    yield "five million paths.pdf", one_page(content=_flate(zlib.compress(b"0 0 m 9 9 l S\n" * 5_000_000, 1)))
    yield "a million states saved.pdf", one_page(content=b"q " * 1_000_000)
    deflated = PdfImage(
        data=deflated_zeros(119_000_000), width=10_900, height=10_900,
        entries="/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode",
    )  # fmt: skip
    yield "an image of 119 megapixels.pdf", image_page(deflated)
    for name, width, height in (
        ("an image beyond the limit", 60_000, 60_000),
        ("an image of 2^31 columns", 1 << 31, 1),
    ):
        entries = "/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode"
        yield f"{name}.pdf", image_page(PdfImage(data=deflated_zeros(9), width=width, height=height, entries=entries))
    yield "a JPEG packed in 1 GB.pdf", _jpeg_in_a_bomb()
    yield "JBIG2 of 4294967295 columns.pdf", image_page(_jbig2_of_size(0xFFFF_FFFF, 0x7FFF_FFFF))
    yield "a pattern of a millionth.pdf", _tiny_pattern()
    yield "a function that divides by nothing.pdf", _shading()


def _disguised() -> Iterator[tuple[str, bytes]]:
    yield "a text.jpg", b"These are words, and no picture.\n" * 100
    yield "a program.jpg", b"\x7fELF\x02\x01\x01" + bytes(5_000)
    yield "an archive.jpg", b"PK\x03\x04" + bytes(range(256)) * 20
    yield "a film.jpg", b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 20
    yield "a GIF.jpg", _saved(small_page().convert("P"), "GIF")
    yield "a web page.jpg", b"<!DOCTYPE html><html><body>" + b"<p>" * 9_000
    yield "a PNG.jpg", _saved(small_page(), "PNG")
    yield "a TIFF.jpg", _saved(small_page(), "TIFF")
    yield "a PDF.jpg", image_page(jpeg_image(small_page()))
    yield "a JPEG.pdf", _saved(small_page(), "JPEG")


def _saved(image: Image.Image, name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def _png_with(chunk: bytes) -> bytes:
    """A small PNG with one more chunk behind its header."""
    data = _saved(small_page(), "PNG")
    return data[:33] + chunk + data[33:]


def _jpeg_of_size(height: int, width: int) -> bytes:
    """A small JPEG that says it is another size."""
    data = bytearray(_saved(small_page(), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _bmp_of_size(width: int, height: int) -> bytes:
    data = bytearray(_saved(small_page(), "BMP"))
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def _deflated_tiff(width: int, height: int, *, length: int | None = None) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, 278: height}
    return tiff_of(deflated_zeros(length or width * height), tags, offsets_tag=273, parts=1)


def _directories(count: int, *, loop: bool) -> bytes:
    """A chain of page directories, each of a page of 8 x 8; in a loop, the last leads to the second."""
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    size = 2 + 12 * len(tags) + 4
    out = bytearray(b"II*\0" + struct.pack("<I", 72) + bytes(64))
    for number in range(count):
        following = 72 + size * (number + 1)
        if number == count - 1:
            following = 72 + size if loop else 0
        out += struct.pack("<H", len(tags))
        out += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
        out += struct.pack("<I", following)
    return bytes(out)


def _overlapping_directories() -> bytes:
    """1000 directories of 65535 entries each, one beginning four bytes behind the other."""
    count, span = 1_000, 2 + 12 * 0xFFFF
    following = [*(8 + 4 * number for number in range(1, count)), 0]
    return b"II*\0" + struct.pack("<I", 8) + b"\xff" * span + struct.pack(f"<{count}I", *following)


def _strips_of_everything() -> bytes:
    count, lists_at = 999_999, 8
    lists = np.full(count, 8, "<u4").tobytes() + np.full(count, 8_000_000, "<u4").tobytes()
    tags = {
        256: (1, 64), 257: (1, count), 258: (1, 1), 259: (1, 4), 262: (1, 0), 273: (count, lists_at), 277: (1, 1),
        278: (1, 1), 279: (count, lists_at + 4 * count),
    }  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 4, *value) for tag, value in sorted(tags.items()))
    end = 8 + len(lists)
    return b"II*\0" + struct.pack("<I", end) + lists + struct.pack("<H", len(tags)) + table + bytes(4)


def _page_object() -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>"


def _deep_page_tree(depth: int) -> bytes:
    nodes = [
        b"<< /Type /Pages /Kids [%d 0 R] /Parent %d 0 R /Count 1 >>" % (number + 1, max(2, number - 1))
        for number in range(2, depth + 2)
    ]
    return pdf(b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, _page_object())


def _circle_of_tables() -> bytes:
    data = one_page(content=b"0 0 9 9 re f")
    table = data.rfind(b"xref\n0")
    return data.replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % table, 1)


def _flate(data: bytes, times: int = 1) -> bytes:
    return stream(data, f"/Filter [{'/FlateDecode ' * times}]")


def _jpeg_in_a_bomb() -> bytes:
    image = jpeg_image(small_page())
    packed = zlib.compress(image.data + bytes(64 * _MIB), 9)
    entries = "/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter [/FlateDecode /FlateDecode /DCTDecode]"
    bomb = PdfImage(data=zlib.compress(packed * 16, 9), width=image.width, height=image.height, entries=entries)
    return image_page(bomb)


def _jbig2_of_size(width: int, height: int) -> PdfImage:
    body = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    data = struct.pack(">IBBBI", 0, 48, 0, 1, len(body)) + body
    return PdfImage(
        data=data, width=64, height=64, entries="/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /JBIG2Decode"
    )


def _tiny_pattern() -> bytes:
    cell = stream(
        b"0 0 0.000001 0.000001 re f",
        "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.000001 /YStep 0.000001"
        " /Resources << >>",
    )
    return one_page(cell, content=b"/Pattern cs /P scn 0 0 595 842 re f", resources="/Pattern << /P 5 0 R >>")


def _shading() -> bytes:
    function = stream(b"{ 0 div exch 0 div 1 index }", "/FunctionType 4 /Domain [0 1 0 1] /Range [0 1 0 1 0 1]")
    shading = b"<< /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 1 0 1] /Matrix [595 0 0 842 0 0] /Function 6 0 R >>"
    return one_page(shading, function, content=b"/S sh", resources="/Shading << /S 5 0 R >>")
