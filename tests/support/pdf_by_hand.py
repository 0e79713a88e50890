"""PDF files from their objects, written by hand: the kinds that no library would write."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image, TiffImagePlugin


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfImage:
    """An image for a page: its encoded bytes and what its dictionary says of them."""

    data: bytes
    width: int
    height: int
    entries: str


def pdf(*objects: bytes, root: int = 1) -> bytes:
    """A file of these objects, numbered from 1, with its cross-reference table."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start)
    return bytes(out)


def stream(data: bytes, entries: str = "") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries.encode(), data)


def one_page(
    *more: bytes, content: bytes = b"", page: str = "", resources: str = "", box: str = "0 0 595 842"
) -> bytes:
    """A document with one page. `more`: objects from number 5 on; `page`, `resources`: entries of dictionaries."""
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R"
        f" /Resources << {resources} >> {page} >>".encode(),
        content if content.startswith(b"<<") else stream(content),
        *more,
    )


def image_page(image: PdfImage, drawing: bytes = b"") -> bytes:
    """A page that an image fills, with a drawing over it: an embedded scan, or one that must be rendered."""
    width_pt, height_pt = image.width * 72 / 200, image.height * 72 / 200
    entries = f"/Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} {image.entries}"
    return one_page(
        stream(image.data, entries),
        content=b"q %.3f 0 0 %.3f 0 0 cm /I Do Q %s" % (width_pt, height_pt, drawing),
        resources="/XObject << /I 5 0 R >> /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>",
        box=f"0 0 {width_pt:.3f} {height_pt:.3f}",
    )


def fax_rows(page: Image.Image) -> bytes:
    """The rows of a page in black and white as ITU-T T.6 has them."""
    out = io.BytesIO()
    page.convert("1", dither=Image.Dither.NONE).save(
        out, "TIFF", compression="group4", strip_size=1 << 30, tiffinfo={262: 0}
    )
    data = out.getvalue()
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        (offset,), (length,) = image.tag_v2[273], image.tag_v2[279]
    return data[offset : offset + length]


def fax_image(page: Image.Image) -> PdfImage:
    """A page as an embedded CCITT image."""
    width, height = page.size
    entries = (
        f"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode"
        f" /DecodeParms << /K -1 /Columns {width} /Rows {height} >>"
    )
    return PdfImage(data=fax_rows(page), width=width, height=height, entries=entries)


def jbig2_image(page: Image.Image) -> PdfImage:
    """A page as an embedded JBIG2 image: one generic region, coded as a fax is (ITU-T T.88, 7.4.6, MMR)."""
    width, height = page.size
    information = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", width, height, 0, 0, 0, 1) + fax_rows(page)
    segments = ((0, 48, information), (1, 38, region))
    data = b"".join(struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body for number, kind, body in segments)
    entries = "/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /JBIG2Decode"
    return PdfImage(data=data, width=width, height=height, entries=entries)


def jpeg_image(page: Image.Image) -> PdfImage:
    """A page as an embedded JPEG."""
    return _by_pillow(page, "JPEG", "/ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /DCTDecode")


def jpeg2000_image(page: Image.Image) -> PdfImage:
    """A page as an embedded JPEG 2000."""
    return _by_pillow(page, "JPEG2000", "/Filter /JPXDecode")


def _by_pillow(page: Image.Image, name: str, entries: str) -> PdfImage:
    out = io.BytesIO()
    page.convert("L").save(out, name)
    return PdfImage(data=out.getvalue(), width=page.width, height=page.height, entries=entries)


def raw_image(page: Image.Image, entries: str = "") -> PdfImage:
    """A page as uncompressed grey."""
    data = np.asarray(page.convert("L")).tobytes()
    return PdfImage(
        data=data, width=page.width, height=page.height,
        entries=f"/ColorSpace /DeviceGray /BitsPerComponent 8 {entries}",
    )  # fmt: skip
