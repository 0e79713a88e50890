"""Read TIFF directories: the headers of TIFF files and of EXIF blocks. TIFF 6.0 and BigTIFF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ScanError
from sheetwatch.vision.decode.pages import incomplete, plausible_dpi, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
STRIP_OFFSETS, ORIENTATION, STRIP_BYTES, X_RESOLUTION, RESOLUTION_UNIT = 273, 274, 279, 282, 296
TILE_OFFSETS, TILE_BYTES, SUBFILE_TYPE, PLANAR = 324, 325, 254, 284
SAMPLES, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT = 277, 278, 322, 323
_NEEDED = frozenset({
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, ORIENTATION, STRIP_BYTES, X_RESOLUTION,
    RESOLUTION_UNIT, TILE_OFFSETS, TILE_BYTES, SUBFILE_TYPE, PLANAR, SAMPLES, STRIP_ROWS, TILE_WIDTH, TILE_HEIGHT,
})  # fmt: skip

# Type number: bytes per value, struct code (None: not needed as a number).
_TYPES: dict[int, tuple[int, str | None]] = {
    1: (1, "B"), 2: (1, None), 3: (2, "H"), 4: (4, "I"), 5: (8, "II"), 6: (1, None), 7: (1, None), 8: (2, None),
    9: (4, None), 10: (8, None), 11: (4, None), 12: (8, None), 13: (4, "I"), 16: (8, "Q"), 17: (8, None), 18: (8, "Q"),
}  # fmt: skip
_MOST_VALUES = 1_000_000  # strips of one page; a hostile file would have us hold a hundred million numbers
_INCHES_PER_UNIT = {2: 1.0, 3: 2.54}


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One image file directory. `tags`: the numbers of the tags that Sheetwatch needs; a ratio is two numbers."""

    tags: Mapping[int, tuple[int, ...]]
    next_offset: int

    def first(self, tag: int, default: int = 0) -> int:
        """The first number of a tag."""
        return (self.tags.get(tag) or (default,))[0]

    @property
    def dpi(self) -> float | None:
        """The horizontal resolution, if it is stated and plausible."""
        ratio = self.tags.get(X_RESOLUTION, ())
        per_inch = _INCHES_PER_UNIT.get(self.first(RESOLUTION_UNIT, 2))
        if len(ratio) < 2 or not ratio[1] or per_inch is None:
            return None
        return plausible_dpi(ratio[0] / ratio[1] * per_inch)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReader:
    """Reads the directories of one file. `order`: struct's byte order; `big`: BigTIFF."""

    data: bytes
    order: str
    big: bool

    def first_offset(self) -> int:
        """Where the first directory lies."""
        return self._number(8, "Q") if self.big else self._number(4, "I")

    def directory(self, offset: int) -> Directory:
        """The directory at this offset. Raises ScanError when it, or a value of it, lies outside the file."""
        count = self._number(offset, "Q" if self.big else "H")
        start, size = (offset + 8, 20) if self.big else (offset + 2, 12)
        end = start + count * size
        if end + (8 if self.big else 4) > len(self.data):
            raise incomplete("the file ends within its page directory")
        tags = {}
        for position in range(start, end, size):
            tag, values = self._entry(position)
            if tag in _NEEDED:
                tags[tag] = values
        return Directory(tags=tags, next_offset=self._number(end, "Q" if self.big else "I"))

    def _entry(self, position: int) -> tuple[int, tuple[int, ...]]:
        tag, kind = self._number(position, "H"), self._number(position + 2, "H")
        count = self._number(position + 4, "Q" if self.big else "I")
        size, code = _TYPES.get(kind, (1, None))
        inline = 8 if self.big else 4
        at = position + 4 + inline
        if size * count > inline:
            at = self._number(at, "Q" if self.big else "I")
        if kind in _TYPES and at + size * count > len(self.data):
            raise incomplete(f"the file ends within the values of tag {tag}")
        if code is None or tag not in _NEEDED:
            return tag, ()
        if count > _MOST_VALUES:
            raise unreadable(f"tag {tag} has {count} values")
        return tag, struct.unpack_from(f"{self.order}{count * len(code)}{code[0]}", self.data, at)

    def _number(self, position: int, code: str) -> int:
        try:
            (number,) = struct.unpack_from(self.order + code, self.data, position)
        except struct.error as error:
            raise incomplete("the file ends before its page directory") from error
        return int(number)


def tag_reader(data: bytes) -> TagReader:
    """A reader for a block that begins with a TIFF header. Raises ScanError when there is none."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise unreadable("this is no TIFF header")
    if len(data) < 8:
        raise incomplete("the file ends within its header")
    return TagReader(data=data, order=order, big=43 in data[2:4])


def exif_orientation_and_dpi(block: bytes) -> tuple[int, float | None]:
    """The orientation (1 to 8) and resolution of an EXIF block; (1, None) when it is damaged, as many are."""
    try:
        reader = tag_reader(block)
        directory = reader.directory(reader.first_offset())
    except ScanError:
        return 1, None
    orientation = directory.first(ORIENTATION, 1)
    return (orientation if orientation in range(1, 9) else 1), directory.dpi
