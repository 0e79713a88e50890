"""PNG: every chunk and its checksum is verified, because Pillow and OpenCV do not verify the pixels' own."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import Limits, Page
from sheetwatch.vision.decode.pages import check_size, incomplete, unreadable, upright
from sheetwatch.vision.decode.pixels import dpi_of, open_image, to_grey
from sheetwatch.vision.decode.tags import exif_orientation_and_dpi

if TYPE_CHECKING:
    from PIL import Image

_SIGNATURE_BYTES = 8
_HEADER_BYTES = 33  # signature and IHDR
_CHUNK_FRAME_BYTES = 12  # length, name, checksum
_UNPACK_BYTES = 1 << 20
# First column, first row, step across, step down of each pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Png:
    data: bytes
    orientation: int
    count: int = 1

    def decode(self, index: int) -> Page:
        """Decode the only page."""
        with open_image(self.data, "PNG") as image:
            image.load()
            if image.info.get("interlace") or _last_row_is_zero(image):
                _check_row_count(self.data)
            return Page(grey=upright(to_grey(image), self.orientation), index=index, dpi=dpi_of(image))

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


def _last_row_is_zero(image: Image.Image) -> bool:
    """Whether rows may be missing: Pillow fills up with zeros, without a word."""
    return image.crop((0, image.height - 1, image.width, image.height)).getbbox(alpha_only=False) is None


def _check_row_count(data: bytes) -> None:
    """Unpack all pixels and count their bytes; costs as much as decoding, so it is done only on suspicion."""
    unpacker = zlib.decompressobj()
    found = 0
    position = _SIGNATURE_BYTES
    while position < len(data):
        length = int.from_bytes(data[position : position + 4])
        packed = data[position + 8 : position + 8 + length] if data[position + 4 : position + 8] == b"IDAT" else b""
        while packed:
            found += len(unpacker.decompress(packed, _UNPACK_BYTES))
            packed = unpacker.unconsumed_tail
        position += _CHUNK_FRAME_BYTES + length
    if found < _row_bytes(data):
        raise incomplete("rows are missing at the end of the image")


def _row_bytes(data: bytes) -> int:
    """How many bytes all rows take, unpacked; PNG specification, sections 7.2 and 8.2 (Adam7)."""
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    bits = data[24] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
    passes = _ADAM7 if data[28] else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
