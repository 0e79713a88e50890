"""A crop of any size, light and contrast as the picture that the network knows; training and reading share it.

The network's picture is 32 rows high: the ink, scaled with its aspect kept to about 24 rows, 255 = full ink,
0 = paper. Its width is one of `WIDTHS`, the smallest that holds the ink. What lies outside the ink's extent is paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.reader.ink import LEAST_CONTRAST, find_ink, ranked
from sheetwatch.reader.parts import Part, worth_keeping

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.reader.ink import Box, Ink

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

HEIGHT = 32
WIDTHS = (32, 48, 64, 96, 128, 256)
VERSION = 3

_SMALLEST_SIDE = 6  # pixels; nobody can read less
_INK_ROWS = 24.0  # rows that the ink fills
_SIDE_MARGIN = 4  # columns of paper kept left and right of the ink
_WORK_ROWS = 72  # crops are reduced to this height first: digits then are 25 to 60 px high
_MAX_ASPECT = 12.0
_SMALLEST_SHARE = 0.3  # ink lower than this share of the crop is not blown up to full height
_WIDE = 1.6  # crops so many times as wide as high are wider than any one digit
_LINE_BAND = 0.22  # printed borders lie in this outer share of the crop
_LINE_SHARE = 0.55  # and run along at least this share of it
_THREE_ROWS = np.ones((3, 1), np.uint8)
_THREE_BY_THREE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A crop ready for the network.

    `picture`: uint8 (32, W) with W in `WIDTHS`, 255 = ink, or None when there is nothing to read; `left_out`: a
    long stroke was taken for a border's rest or a neighbour's, or may have been one. Column `c` of the picture shows
    column `zoom * c + start` of the crop.
    """

    picture: Grey | None
    left_out: bool = False
    zoom: float = 1.0
    start: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What was written in a crop.

    `dark`: as in `Ink`, without printed borders; `kept`: bool (H, W), its pixels; `down`, `across`: the rows and
    columns that they lie in.
    """

    dark: Real
    kept: Flags
    down: slice
    across: slice


def normalise(cell: Grey) -> Grey | None:
    """The network's picture of a crop, or None when there is nothing to read; see `Prepared`."""
    return prepare(cell).picture


def prepare(cell: Grey) -> Prepared:
    """Find the ink of a crop and scale it for the network.

    cell: uint8 (H, W), dark ink on light paper, any size.
    """
    return prepare_all([cell])[0]


def prepare_all(cells: Sequence[Grey]) -> list[Prepared]:
    """Many crops at once, in less time than one by one; see `prepare`."""
    prepared = [Prepared(None)] * len(cells)
    places = [place for place, cell in enumerate(cells) if cell.size and min(cell.shape) >= _SMALLEST_SIDE]
    for strip in find_ink([_reduced(cells[place]) for place in places]):
        writings = [_written(ink) for _, ink in strip]  # all of them first: what is done again and again goes faster
        for (at, ink), (written, left_out) in zip(strip, writings, strict=True):
            place = places[at]
            prepared[place] = _prepared(written, cells[place].shape[1] / ink.dark.shape[1], left_out=left_out)
    return prepared


def _prepared(written: _Written | None, back: float, *, left_out: bool) -> Prepared:
    """back: how many columns of the crop there are to each of the reduced one's."""
    if written is None:
        return Prepared(None, left_out)
    picture, zoom, start = _picture(written)
    return Prepared(picture, left_out, zoom=zoom * back, start=start * back)


def _reduced(cell: Grey) -> Grey:
    """The crop at most 72 rows high and 12 times as wide."""
    rows, columns = cell.shape
    height = min(rows, _WORK_ROWS)
    width = min(max(4, round(columns * height / rows)), int(height * _MAX_ASPECT))
    if (height, width) == (rows, columns):
        return cell
    return np.asarray(cv2.resize(cell, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _written(ink: Ink) -> tuple[_Written | None, bool]:
    """The ink without printed borders, specks, noise and strokes that come in from the neighbours; None: all of it.

    Also whether a long stroke was left out, or should perhaps have been.
    """
    left, top, width, height = ink.box
    if not width:
        return None, False
    borders = _borders(ink)
    inked = slice(top, top + height), slice(left, left + width)
    free = ink.mask[inked]
    if borders is not None:
        free = np.where(borders[inked] > 0, np.uint8(0), free)
    labels, parts = _parts(free, ink.sure[inked], left, top)
    keep, left_out = worth_keeping(list(parts.values()), *ink.mask.shape)
    own = dict(compress(parts.items(), keep))
    if not own:
        return None, left_out
    kept = np.zeros(ink.mask.shape, np.bool_)
    kept[inked] = np.array([label in own for label in range(labels.max() + 1)]).take(labels)
    down = slice(min(part.top for part in own.values()), max(part.bottom for part in own.values()))
    across = slice(min(part.left for part in own.values()), max(part.right for part in own.values()))
    return _Written(_without(borders, ink.dark, kept), kept, down, across), left_out


def _parts(mask: Mask, sure: Flags, left: int, top: int) -> tuple[npt.NDArray[np.int32], dict[int, Part]]:
    """The label of each pixel's connected part, 0 = none, and the parts that surely are ink, by their labels.

    left, top: where the mask lies in its crop.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    surest = np.bincount(labels[sure], minlength=count).tolist()
    boxes = enumerate(stats.tolist())
    return labels, {n: Part(left + x, top + y, *size) for n, (x, y, *size) in boxes if n > 0 and surest[n]}


def _without(borders: Mask | None, dark: Real, kept: Flags) -> Real:
    """The crop with paper where borders were printed, but for what touches the writing."""
    if borders is None:
        return dark
    near = cv2.dilate(kept.view(np.uint8), _THREE_BY_THREE)
    return np.where((borders > 0) & (near == 0), np.float32(0), dark)


def _borders(ink: Ink) -> Mask | None:
    """Long straight lines along the edges, which a printed box leaves in its crop; None where there are none.

    A 1 beside the edge of a tight crop, and the bar of a 7 under it, look the same but end before the crop does, and
    before the box does.
    """
    rows, columns = ink.mask.shape
    left, top, width, height = ink.box
    level = _level_lines(ink.mask, ink.box, end=2 if columns > _WIDE * rows else 0, ends=(0, columns))
    ends = (0, rows)
    if level is not None:
        lined = np.flatnonzero(level.any(axis=1))
        above, below = lined[lined < rows // 2], lined[lined >= rows // 2]
        ends = (int(above[-1]) + 2 if above.size else 0, int(below[0]) - 1 if below.size else rows)
    turned = _level_lines(cv2.transpose(ink.mask), (top, left, height, width), end=0, ends=ends)
    found = [lines for lines in (level, None if turned is None else turned.T) if lines is not None]
    return np.asarray(np.bitwise_or.reduce(found), dtype=np.uint8) if found else None


def _level_lines(mask: Mask, box: Box, *, end: int, ends: tuple[int, int]) -> Mask | None:
    """Lines in the upper and lower band that run from one of the `ends` to the other, or out of the crop; None if none.

    box: what the mask lies in. end: how many pixels short of an end a line may stop.
    """
    rows, columns = mask.shape
    length = max(6, int(_LINE_SHARE * columns))
    band = max(2, int(_LINE_BAND * min(rows, columns)))
    _, top, width, height = box
    if width < length or (top > band and top + height < rows - band):
        return None
    thick = cv2.dilate(mask, _THREE_ROWS)
    thick[band : rows - band] = 0
    if int(thick.sum(axis=1, dtype=np.int32).max()) < length:
        return None
    lines = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8), borderValue=0)
    if not lines.any():
        return None
    _, parts, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    left, top, width, height = (stats[:, column] for column in range(4))
    at_left, at_right = left <= ends[0] + end, left + width >= ends[1] - end
    leaves = (top == 0) | (top + height == rows)
    printed = (at_left & at_right) | ((at_left | at_right) & leaves)
    printed[0] = False
    return np.asarray(printed.astype(np.uint8)[parts], dtype=np.uint8)


def _stretched(dark: Real, full: float) -> Real:
    """Ink strength so that what was written reaches 1, however faint or red the pen; `full`: how dark most of it is."""
    low = 0.15 * full
    strength = cv2.threshold((dark - low) / (full - low), 0.0, 0.0, cv2.THRESH_TOZERO)[1]
    return np.asarray(cv2.threshold(strength, 1.0, 0.0, cv2.THRESH_TRUNC)[1], dtype=np.float32)


def _picture(written: _Written) -> tuple[Grey, float, float]:
    """Crop to the ink, scale, and set in the middle of the smallest picture that holds it.

    Also the columns of `dark` to each of the picture's, and the one that its first shows.
    """
    dark, down, across = written.dark, written.down, written.across
    height = max(down.stop - down.start, _SMALLEST_SHARE * dark.shape[0])
    room = WIDTHS[-1] - 2 * _SIDE_MARGIN
    scale = min(_INK_ROWS / height, room / (across.stop - across.start))
    margin = max(1, round(2.5 / scale))
    full = max(2.0 * LEAST_CONTRAST, *ranked(dark[down, across][written.kept[down, across]], 0.85))
    top, left = max(0, down.start - margin), max(0, across.start - margin)
    crop = _stretched(dark[top : down.stop + margin, left : across.stop + margin], full)
    size = (max(1, round(crop.shape[1] * scale)), min(HEIGHT, max(1, round(crop.shape[0] * scale))))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(crop, size, interpolation=how)
    picture, column = _centred(np.asarray(small * 255.0 + 0.5, dtype=np.uint8))
    zoom = crop.shape[1] / size[0]
    return picture, zoom, left - zoom * column


def _centred(small: Grey) -> tuple[Grey, int]:
    """The smallest picture that holds it, and the column where it begins there."""
    rows, columns = small.shape
    width = next((width for width in WIDTHS if columns + 2 * _SIDE_MARGIN - 5 <= width), WIDTHS[-1])
    picture = np.zeros((HEIGHT, width), np.uint8)
    small = small[:, :width]
    row, column = (HEIGHT - rows) // 2, (width - small.shape[1]) // 2
    picture[row : row + rows, column : column + small.shape[1]] = small
    return picture, column
