"""WebP, BMP and, where pillow-heif is installed, HEIC."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from sheetwatch.domain import Limits, Page
from sheetwatch.vision.decode.pages import check_size, incomplete, unreadable
from sheetwatch.vision.decode.pixels import dpi_of, open_image, to_grey

if TYPE_CHECKING:
    from collections.abc import Callable

_ZEROS_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class _Single:
    image: Image.Image
    count: int = 1

    def decode(self, index: int) -> Page:
        """Decode the only page."""
        dpi = dpi_of(self.image)
        return Page(grey=to_grey(ImageOps.exif_transpose(self.image)), index=index, dpi=dpi)

    def close(self) -> None:
        """Close the image."""
        self.image.close()


def open_pages(data: bytes, limits: Limits) -> _Single:
    """Check that the file is as long as it says, and open it."""
    opener: Callable[[bytes], Image.Image] = _open_heic
    if data.startswith(b"RIFF"):
        opener = _open_webp
    elif data.startswith(b"BM"):
        opener = _open_bmp
    image = opener(data)
    check_size(*image.size, limits)
    return _Single(image=image)


def _open_webp(data: bytes) -> Image.Image:
    end = 8 + int.from_bytes(data[4:8], "little")
    # The decoder fills up what is missing without a word; compressed pixels never end with so many zeros.
    if len(data) < max(20, end) or not data[end - _ZEROS_BYTES : end].strip(b"\0"):
        raise incomplete("the file ends before the end of the image")
    return open_image(data, "WEBP")


def _open_bmp(data: bytes) -> Image.Image:
    if len(data) < max(int.from_bytes(data[2:6], "little"), 26):
        raise incomplete("the file ends before the end of the image")
    return open_image(data, "BMP")


def _open_heic(data: bytes) -> Image.Image:
    try:
        import pillow_heif  # noqa: PLC0415 - an optional library
    except ImportError as error:
        raise unreadable("this is a HEIC photograph; install pillow-heif, or save it as JPEG") from error
    _check_boxes(data)
    image: Image.Image = pillow_heif.open_heif(BytesIO(data)).to_pillow()
    return image


def _check_boxes(data: bytes) -> None:
    """The outermost boxes of ISO/IEC 14496-12 must lie inside the file."""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16])
        if size == 0:
            return
        if size < 8 or position + size > len(data):
            raise incomplete("the file ends before the end of the image")
        position += size
