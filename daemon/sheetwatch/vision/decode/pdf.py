"""PDF: a scanned page is taken as the image it embeds, at its own resolution; everything else is rendered.

The embedded image is taken when the page shows nothing else: one upright image that fills the page, and at most
invisible text (OCR). Visible text, drawings and annotations may be marks, so such pages are rendered as a person
would see them. PDFium repairs cut files silently and would lose pages, so the file's end is checked here; what is
damaged within a page it leaves out, so a page that shows nothing is an error and no blank sheet. PDFium is not
thread-safe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from sheetwatch.domain import Limits, Page, ReasonCode, ScanError
from sheetwatch.vision.decode import jpeg
from sheetwatch.vision.decode.pages import check_size, incomplete, plausible_dpi, reduction, unreadable

Grey = npt.NDArray[np.uint8]

_POINTS_PER_INCH = 72
_RENDER_DPI = (200.0, 300.0)
_SMALLEST_DPI = 100.0
_EDGE_SHARE = 0.02  # how far an image may end inside or outside the page and still fill it
_LARGEST_SKEW = 0.01
_INK = 128
_BARE_SHARE = 0.001  # of a page's pixels that are ink: fewer are not even a line of text
_COVERING_SHARE = 0.5
_EVEN_BYTES = 256
_EVEN_ROW_BYTES = {"JBIG2Decode": 0.25, "CCITTFaxDecode": 6.0}  # at most, of a page without a mark; 6: Group 3
_PLAIN = {
    (pdfium_c.FPDF_COLORSPACE_DEVICEGRAY, 8),
    (pdfium_c.FPDF_COLORSPACE_DEVICERGB, 24),
}  # colour space, bits per pixel
_LEVELS_MAPPED = re.compile(rb"/Decode\s*[\[\d]")
_EVERY_PX = 1 << 30
_START = re.compile(rb"startxref\s+(\d{1,15})\s+%%EOF")
_CROSS_REFERENCES = re.compile(rb"\s*(xref\b|\d+\s+\d+\s+obj\b)")
_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,200}?/L\s+(\d{1,15})|/L\s+(\d{1,15})[^>]{0,200}?/Linearized\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pdf:
    """`plain`: no image in the file maps its levels to other ones, so that a JPEG's levels are what is shown."""

    document: Any
    limits: Limits

    plain: bool

    @property
    def count(self) -> int:
        """How many pages there are."""
        return len(self.document)

    def decode(self, index: int) -> Page:
        """Take or render one page."""
        return self.decode_reduced(index, _EVERY_PX)

    def decode_reduced(self, index: int, enough_px: int) -> Page:
        """As `decode`; a JPEG perhaps halved, as often as its longer side stays at least so many pixels."""
        page = self.document[index]
        try:
            return _decode(page, index, self, enough_px)
        finally:
            page.close()

    def close(self) -> None:
        """Close the document."""
        self.document.close()


def open_pages(data: bytes, limits: Limits) -> _Pdf:
    """Check the file's end, then open it."""
    _check_whole(data)
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in {pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY}:
            raise ScanError(ReasonCode.ENCRYPTED, "the PDF needs a password; save it without one") from error
        raise unreadable(f"the PDF is damaged: {error}") from error
    if not len(document):
        document.close()
        raise unreadable("the PDF holds no page")
    if document.get_formtype() != pdfium_c.FORMTYPE_NONE:
        document.init_forms()
    return _Pdf(document=document, limits=limits, plain=_LEVELS_MAPPED.search(data) is None)


def _check_whole(data: bytes) -> None:
    """The last cross-reference table must be where the end of the file says, with no objects behind it."""
    header = data.find(b"%PDF-")
    ends = list(_START.finditer(data, max(0, data.rfind(b"startxref"))))
    if not ends:
        raise incomplete("the PDF ends before its %%EOF")
    if re.match(rb"\s*\d", data[ends[-1].end() : ends[-1].end() + 64]):
        raise incomplete("the PDF ends within a later revision")
    linearized = _LINEARIZED.search(data, header, header + 1024)
    if linearized and len(data) - header < int(linearized[1] or linearized[2]):
        raise incomplete("the PDF is shorter than it says")
    offset = int(ends[-1][1])
    if not any(_CROSS_REFERENCES.match(data, base + offset) for base in {0, header}):
        raise incomplete("the PDF has no cross-reference table where it says")


def _decode(page: Any, index: int, pdf: _Pdf, enough_px: int) -> Page:
    limits = pdf.limits
    objects = list(page.get_objects(max_depth=8))
    images = [item for item in objects if item.type == pdfium_c.FPDF_PAGEOBJ_IMAGE]
    for image in images:
        width, height = image.get_px_size()
        check_size(width, height, limits)
    scan = images[0] if len(images) == 1 else None
    if scan is not None and _shows_only(page, objects, scan) and _fills_upright(page, scan):
        return _embedded(page, scan, index, pdf, enough_px)
    return _rendered(page, images, index, limits)


def _shows_only(page: Any, objects: list[Any], scan: Any) -> bool:
    """Whether the page shows nothing but this image."""
    if pdfium_c.FPDFPage_GetAnnotCount(page) or pdfium_c.FPDFPageObj_HasTransparency(scan) or scan.level:
        return False
    metadata = scan.get_metadata()
    if metadata.bits_per_pixel == 1 and metadata.colorspace == pdfium_c.FPDF_COLORSPACE_UNKNOWN:
        return False  # a stencil, painted in a colour that only rendering knows
    return all(item.type == pdfium_c.FPDF_PAGEOBJ_IMAGE or _is_invisible_text(item) for item in objects)


def _is_invisible_text(item: Any) -> bool:
    return bool(
        item.type == pdfium_c.FPDF_PAGEOBJ_TEXT
        and pdfium_c.FPDFTextObj_GetTextRenderMode(item) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
    )


def _fills_upright(page: Any, scan: Any) -> bool:
    """Whether the image covers the page, axis-parallel, with square pixels."""
    a, b, c, d, _, _ = scan.get_matrix().get()
    across, down = max(abs(a), abs(b)), max(abs(c), abs(d))
    if min(abs(a), abs(b)) > _LARGEST_SKEW * across or min(abs(c), abs(d)) > _LARGEST_SKEW * down:
        return False
    width_px, height_px = scan.get_px_size()
    if not 0.97 < (width_px / across) / (height_px / down) < 1.03:
        return False
    left, bottom, right, top = page.get_bbox()
    slack = _EDGE_SHARE * max(right - left, top - bottom)
    edges = zip(scan.get_bounds(), (left, bottom, right, top), strict=True)
    return all(abs(found - wanted) <= slack for found, wanted in edges)


def _embedded(page: Any, scan: Any, index: int, pdf: _Pdf, enough_px: int) -> Page:
    """The image itself, turned as the page shows it."""
    reduced = 1
    if pdf.plain and _is_plain_jpeg(scan):
        data = bytes(scan.get_data(decode_simple=True))
        header = jpeg.read_header(data, pdf.limits)
        reduced = reduction(header.width, header.height, enough_px)
        grey = jpeg.pixels(data, header, reduced)
    else:
        grey = _bitmap(scan, pdf.limits)
    a, b, c, d, _, _ = scan.get_matrix().get()
    dpi = plausible_dpi(scan.get_px_size()[0] / max(abs(a), abs(b)) * _POINTS_PER_INCH)
    grey = _turned(grey, (a, b, c, d), page.get_rotation())
    return Page(grey=grey, index=index, dpi=dpi, reduced=reduced)


def _is_plain_jpeg(scan: Any) -> bool:
    """Whether OpenCV sees the same in an image as PDFium: a JPEG in grey or in one of the usual three colours."""
    metadata = scan.get_metadata()
    return scan.get_filters()[-1:] == ["DCTDecode"] and (metadata.colorspace, metadata.bits_per_pixel) in _PLAIN


def _bitmap(scan: Any, limits: Limits) -> Grey:
    """An image as PDFium decodes it, which fills up a damaged or cut JPEG without a word."""
    if scan.get_filters()[-1:] == ["DCTDecode"]:
        data = bytes(scan.get_data(decode_simple=True))
        jpeg.read_header(data, limits)
        jpeg.check_pixels(data)
    bitmap = scan.get_bitmap(render=False)
    if _is_lost(scan, bitmap):
        raise unreadable("the image is damaged: nothing of it can be decoded")
    return _as_grey(bitmap)


def _as_grey(bitmap: Any) -> Grey:
    pixels = bitmap.to_numpy()
    codes = {"BGR": cv2.COLOR_BGR2GRAY, "BGRX": cv2.COLOR_BGRA2GRAY}
    if bitmap.mode in codes:
        return np.asarray(cv2.cvtColor(pixels, codes[bitmap.mode]), dtype=np.uint8)
    if bitmap.mode != "L":
        raise unreadable(f"an embedded image of kind {bitmap.mode}")
    return np.array(pixels, dtype=np.uint8).reshape(pixels.shape[:2])


def _turned(grey: Grey, matrix: tuple[float, float, float, float], rotation_deg: int) -> Grey:
    """Apply the image's matrix (quarter turns and mirrors only) and the page's clockwise rotation."""
    a, b, c, d = matrix
    across, down = (a, -b), (-c, d)  # where the image's x and y run on the page, y downwards
    for _ in range(rotation_deg // 90 % 4):
        across, down = (-across[1], across[0]), (-down[1], down[0])
    if abs(across[1]) > abs(across[0]):
        grey, across, down = grey.T, down, across
    if across[0] < 0:
        grey = grey[:, ::-1]
    if down[1] < 0:
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def _rendered(page: Any, images: list[Any], index: int, limits: Limits) -> Page:
    """The page as a person sees it, at the resolution of its images within 200 to 300 dpi."""
    width_in, height_in = (length / _POINTS_PER_INCH for length in page.get_size())
    if width_in <= 0 or height_in <= 0:
        raise unreadable("a page without a size")
    low, high = _RENDER_DPI
    native = max((_native_dpi(image) for image in images), default=high)
    affordable = (limits.megapixels * 1e6 / (width_in * height_in)) ** 0.5
    dpi = min(max(native, low), high, 0.99 * affordable)
    if dpi < _SMALLEST_DPI:
        raise ScanError(
            ReasonCode.TOO_LARGE,
            f"a page of {width_in:.0f} x {height_in:.0f} inches at {_SMALLEST_DPI:.0f} dpi "
            f"has more than {limits.megapixels:g} megapixels (limits.megapixels)",
        )
    grey = _as_grey(page.render(scale=dpi / _POINTS_PER_INCH, grayscale=True))
    if _is_bare(grey) and not any(_is_shown(image, page) for image in images):
        raise unreadable("the page shows nothing: what it should show is damaged, or it was made empty")
    return Page(grey=grey, index=index, dpi=dpi)


def _is_bare(grey: Grey) -> bool:
    return float((grey < _INK).mean()) < _BARE_SHARE


def _is_shown(image: Any, page: Any) -> bool:
    """Whether an image can be decoded and covers the page: of a blank sheet, a scanner takes a picture too."""
    left, bottom, right, top = image.get_bounds()
    page_left, page_bottom, page_right, page_top = page.get_bbox()
    across, down = min(right, page_right) - max(left, page_left), min(top, page_top) - max(bottom, page_bottom)
    if max(across, 0) * max(down, 0) < _COVERING_SHARE * (page_right - page_left) * (page_top - page_bottom):
        return False
    try:
        return not _is_lost(image, image.get_bitmap(render=False))
    except pdfium.PdfiumError:
        return False


def _is_lost(image: Any, bitmap: Any) -> bool:
    """Whether an image is one even level, though its data is longer than that needs: PDFium says nothing of damage."""
    bytes_per_row = _EVEN_ROW_BYTES.get(next(reversed(image.get_filters()), ""))
    if bytes_per_row is None:
        return False
    pixels = bitmap.to_numpy()
    return bool(pixels.min() == pixels.max()) and len(image.get_data()) > _EVEN_BYTES + bytes_per_row * pixels.shape[0]


def _native_dpi(image: Any) -> float:
    a, b, _, _, _, _ = image.get_matrix().get()
    length = (a * a + b * b) ** 0.5
    return float(image.get_px_size()[0] / length * _POINTS_PER_INCH) if length > 0 else 0.0
