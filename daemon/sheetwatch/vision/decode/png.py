"""PNG: every chunk and its checksum is verified; OpenCV decodes, which refuses missing rows and needs little memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Limits, Page
from sheetwatch.vision.decode.native import no_damage
from sheetwatch.vision.decode.pages import check_size, incomplete, over_white, plausible_dpi, unreadable, upright
from sheetwatch.vision.decode.tags import exif_orientation_and_dpi

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_SIGNATURE_BYTES = 8
_HEADER_BYTES = 33  # signature and IHDR
_CHUNK_FRAME_BYTES = 12  # length, name, checksum
_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_PER_METRE = 0.0254


@dataclass(slots=True, kw_only=True)
class _Header:
    """What the chunks say. `transparent`: the body of tRNS, None when there is none."""

    bits: int
    kind: int
    transparent: bytes | None = None
    orientation: int = 1
    dpi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Png:
    data: bytes
    header: _Header
    count: int = 1

    def decode(self, index: int) -> Page:
        """Decode the only page."""
        header = self.header
        if header.kind in {_GREY_ALPHA, _COLOUR_ALPHA} or header.transparent is not None:
            grey = _with_transparency(self.data, header)
        else:
            grey = _pixels(self.data, cv2.IMREAD_GRAYSCALE)
        return Page(grey=upright(grey, header.orientation), index=index, dpi=header.dpi)

    def close(self) -> None:
        """Nothing is held open."""


def open_pages(data: bytes, limits: Limits) -> _Png:
    """Check all chunks from the header to IEND."""
    if len(data) < _HEADER_BYTES:
        raise incomplete("the file ends within its header")
    if data[12:16] != b"IHDR":
        raise unreadable("the PNG has no header")
    check_size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]), limits)
    header = _Header(bits=data[24], kind=data[25])
    _check_chunks(data, header)
    return _Png(data=data, header=header)


def _check_chunks(data: bytes, header: _Header) -> None:
    """Verify the chain of chunks, and keep what they say."""
    view = memoryview(data)
    position = _SIGNATURE_BYTES
    name = b""
    while name != b"IEND":
        length = int.from_bytes(data[position : position + 4])
        end = position + _CHUNK_FRAME_BYTES + length
        if end > len(data):
            raise incomplete("the file ends before the end of the image")
        name = data[position + 4 : position + 8]
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise unreadable(f"the checksum of a {name.decode('latin-1')} chunk is wrong")
        if name != b"IDAT":
            _note(header, name, data[position + 8 : end - 4])
        position = end


def _note(header: _Header, name: bytes, body: bytes) -> None:
    if name == b"eXIf":
        header.orientation, _ = exif_orientation_and_dpi(body)
    elif name == b"tRNS":
        header.transparent = body
    elif name == b"pHYs" and body[8:9] == b"\1":
        header.dpi = plausible_dpi(int.from_bytes(body[:4]) * _PER_METRE)


def _pixels(data: bytes, flags: int) -> npt.NDArray[np.uint8]:
    """Decode, or raise ScanError: OpenCV returns nothing when rows are missing or their checksum is wrong."""
    with no_damage():
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise incomplete("rows of the image are missing or damaged")
    return np.asarray(pixels)


def _with_transparency(data: bytes, header: _Header) -> Grey:
    pixels: npt.NDArray[np.uint8 | np.uint16] = _pixels(data, cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 2:
        pixels[pixels == _transparent_level(header)] = np.iinfo(pixels.dtype).max
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return pixels.astype(np.uint8)
    if pixels.shape[2] == 4:
        grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2GRAY), dtype=np.uint8)
        return over_white(grey, pixels[:, :, 3].astype(np.uint8))
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def _transparent_level(header: _Header) -> int:
    """The one transparent level of a grey image, at the depth that OpenCV gives: 8 or 16 bits; -1 for none."""
    if header.transparent is None or len(header.transparent) != 2:
        return -1
    level = int.from_bytes(header.transparent)
    return level if header.bits == 16 else level * 255 // ((1 << header.bits) - 1)
