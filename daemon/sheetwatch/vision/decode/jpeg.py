"""JPEG: the marker chain is walked to its end, then OpenCV decodes straight to grey (15 ms for A4 at 300 dpi)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Limits, Page
from sheetwatch.vision.decode.native import no_damage
from sheetwatch.vision.decode.pages import (
    check_size,
    incomplete,
    plausible_dpi,
    reduced,
    reduction,
    unreadable,
    upright,
)
from sheetwatch.vision.decode.tags import exif_orientation_and_dpi

if TYPE_CHECKING:
    import numpy.typing as npt

_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _RESTART_INTERVAL, _APP0, _APP1 = 0xD8, 0xD9, 0xDA, 0xDD, 0xE0, 0xE1
_PER_INCH = {1: 1.0, 2: 2.54}
_GREY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
}


@dataclass(slots=True, kw_only=True)
class Header:
    """What the markers of a JPEG say. `units`: blocks in the interleaved scan, for the count of restart markers."""

    width: int = 0
    height: int = 0
    components: int = 0
    precision: int = 8
    units: int = 0
    restart_interval: int = 0
    scans: int = 0
    dpi: float | None = None
    orientation: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jpeg:
    data: bytes
    header: Header
    count: int = 1

    def decode(self, index: int) -> Page:
        """Decode the only page."""
        return self._decoded(index, 1)

    def decode_reduced(self, index: int, enough_px: int) -> Page:
        """As `decode`, perhaps halved, as often as its longer side stays at least so many pixels."""
        return self._decoded(index, reduction(self.header.width, self.header.height, enough_px))

    def _decoded(self, index: int, times: int) -> Page:
        grey = upright(pixels(self.data, self.header, times), self.header.orientation)
        return Page(grey=grey, index=index, dpi=self.header.dpi, reduced=times)

    def close(self) -> None:
        """Nothing is held open."""


def open_pages(data: bytes, limits: Limits) -> _Jpeg:
    """Check a JPEG from its first marker to its last."""
    header = read_header(data, limits)
    return _Jpeg(data=data, header=header)


def read_header(data: bytes, limits: Limits) -> Header:
    """Walk all markers up to the end of the image. Raises ScanError when the chain breaks or the image is too large."""
    header = Header()
    position = 2
    while True:
        marker, position = _next_marker(data, position)
        if marker == _END_OF_IMAGE:
            break
        if marker == _START_OF_IMAGE or 0xD0 <= marker <= 0xD7 or marker == 1:
            continue
        end = position + int.from_bytes(data[position : position + 2])
        if end > len(data) or position + 2 > len(data):
            raise incomplete("the file ends within its headers")
        _note(header, marker, data[position + 2 : end], limits)
        position = end
        if marker == _START_OF_SCAN:
            position = _skip_scan(data, position, header)
    if not (header.width and header.scans):
        raise unreadable("the JPEG holds no image")
    return header


def _next_marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at this position and the position behind it."""
    if position + 1 >= len(data):
        raise incomplete("the file ends before the end of the image")
    if data[position] != 0xFF:
        raise unreadable("the JPEG's markers are damaged")
    while position < len(data) and data[position] == 0xFF:
        position += 1
    if position >= len(data):
        raise incomplete("the file ends before the end of the image")
    return data[position], position + 1


def _note(header: Header, marker: int, body: bytes, limits: Limits) -> None:
    """Keep what one segment says."""
    if marker in _FRAMES and not header.width:
        header.precision, header.components = body[0], body[5]
        header.height, header.width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        check_size(header.width, header.height, limits)
        header.units = _units(header, body)
    elif marker == _RESTART_INTERVAL:
        header.restart_interval = int.from_bytes(body[:2])
    elif marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12 and body[7] in _PER_INCH:
        header.dpi = plausible_dpi(int.from_bytes(body[8:10]) * _PER_INCH[body[7]])
    elif marker == _APP1 and body.startswith(b"Exif\0\0"):
        header.orientation, dpi = exif_orientation_and_dpi(body[6:])
        header.dpi = header.dpi or dpi


def _units(header: Header, body: bytes) -> int:
    """How many units (MCUs) an interleaved scan of all components has; ITU-T T.81, A.2."""
    factors = [body[7 + 3 * number] for number in range(header.components)]
    across = max(factor >> 4 for factor in factors) if header.components > 1 else 1
    down = max(factor & 15 for factor in factors) if header.components > 1 else 1
    return -(-header.width // (8 * across)) * -(-header.height // (8 * down))


def _skip_scan(data: bytes, position: int, header: Header) -> int:
    """The position behind a scan's compressed pixels; the first scan must have all its restart markers."""
    match = _END_OF_SCAN.search(data, position)
    if match is None:
        raise incomplete("the file ends within the image")
    header.scans += 1
    if header.restart_interval and header.scans == 1 and data[match.start() + 1] == _END_OF_IMAGE:
        expected = -(-header.units // header.restart_interval) - 1
        if len(_RESTART.findall(data, position, match.start())) < expected:
            raise incomplete("a part of the image is missing between its restart markers")
    return match.start()


def check_pixels(data: bytes) -> None:
    """Walk through the compressed pixels of a JPEG whose markers are whole. Raises ScanError when they are damaged."""
    with no_damage():
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)


def pixels(data: bytes, header: Header, times: int = 1) -> npt.NDArray[np.uint8]:
    """The grey pixels of a JPEG whose markers are whole, as they are stored; one for so many in each direction.

    Raises ScanError when they are damaged.
    """
    if header.components in {1, 3} and header.precision == 8:
        with no_damage():
            grey = cv2.imdecode(np.frombuffer(data, np.uint8), _GREY[times] | cv2.IMREAD_IGNORE_ORIENTATION)
        if grey is not None:
            return np.asarray(grey, dtype=np.uint8)
    from sheetwatch.vision.decode.pixels import open_image, to_grey  # noqa: PLC0415 - CMYK is rare

    check_pixels(data)
    return reduced(to_grey(open_image(data, "JPEG")), times)
