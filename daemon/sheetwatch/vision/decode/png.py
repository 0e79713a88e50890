"""PNG: every chunk and its checksum is verified, because Pillow and OpenCV do not verify the pixels' own."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from sheetwatch.domain import Limits, Page
from sheetwatch.vision.decode.pages import check_size, incomplete, unreadable, upright
from sheetwatch.vision.decode.pixels import dpi_of, open_image, to_grey
from sheetwatch.vision.decode.tags import exif_orientation_and_dpi

_SIGNATURE_BYTES = 8
_HEADER_BYTES = 33  # signature and IHDR
_CHUNK_FRAME_BYTES = 12  # length, name, checksum


@dataclass(frozen=True, slots=True, kw_only=True)
class _Png:
    data: bytes
    orientation: int
    count: int = 1

    def decode(self, index: int) -> Page:
        """Decode the only page."""
        with open_image(self.data, "PNG") as image:
            dpi = dpi_of(image)
            return Page(grey=upright(to_grey(image), self.orientation), index=index, dpi=dpi)

    def close(self) -> None:
        """Nothing is held open."""


def open_pages(data: bytes, limits: Limits) -> _Png:
    """Check all chunks from the header to IEND."""
    if len(data) < _HEADER_BYTES:
        raise incomplete("the file ends within its header")
    if data[12:16] != b"IHDR":
        raise unreadable("the PNG has no header")
    check_size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), limits)
    return _Png(data=data, orientation=_check_chunks(data))


def _check_chunks(data: bytes) -> int:
    """Verify the chain of chunks; returns the orientation that an eXIf chunk states, else 1."""
    view = memoryview(data)
    orientation = 1
    position = _SIGNATURE_BYTES
    while True:
        length = int.from_bytes(data[position : position + 4])
        end = position + _CHUNK_FRAME_BYTES + length
        if end > len(data):
            raise incomplete("the file ends before the end of the image")
        name = data[position + 4 : position + 8]
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise unreadable(f"the checksum of a {name.decode('latin-1')} chunk is wrong")
        if name == b"eXIf":
            orientation, _ = exif_orientation_and_dpi(data[position + 8 : end - 4])
        if name == b"IEND":
            return orientation
        position = end
