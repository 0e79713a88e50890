"""Enclosures: rectangles of paper that printed lines close in on all four sides, and what is printed in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.draft.rulings import Rulings

    Grey = npt.NDArray[np.uint8]

_SMALLEST_MM = (3.2, 4.0)
_LARGEST_SHARE = (0.95, 0.4)
"""Width and height of the page: nothing larger is one box of a form."""

_FILLED_SHARE = 0.78
"""Of its rectangle that an enclosure covers; handwriting samples, round frames and rings cover less."""

_SIDE_REACH_MM = 0.9
_SIDE_SHARES = (0.65, 0.8)
"""Of each side, and of all four together, that must be printed as a line or as the edge of a bar."""

_DASH_GAP_MM, _LEAST_DASH = 1.7, 8

_SMALLEST_AMONG_BARS_MM = 6.0
"""What solid print encloses on more than two sides and is smaller is a letter, a logo or a code."""

_INSET_MM = 0.7
_SPECK_MM = 1.0
_INK_SHARE = 0.4
"""Print in a box is as dark as this share of the box's own lines; what shows through from the back is fainter."""

_LEAST_INK = 22
_JOINED_MM = 1.6
_LABEL_SHARE = 0.3
_TALL_SHARE = 0.36
"""Of a box that words cover, and of its height; a question's number in a corner is less, and is not in the middle."""

_CENTRED = (0.36, 0.64)
_EDGE_MM, _EDGE_SHARE = 0.9, 0.35
_SHADED = 12
"""Contrast of a grey ground; words on grey are a heading, grey alone may be a total's box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A printed rectangle: `box` just inside its lines; `labelled`: words are printed where one would write."""

    box: Box
    labelled: bool


def find_enclosures(rulings: Rulings) -> tuple[Enclosure, ...]:
    """Find all printed rectangles, in no particular order."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - rulings.walls, connectivity=4)
    found = []
    for index in range(1, count):
        box = _rectangle(labels, index, stats[index], rulings)
        if box is not None and _is_ruled(box, rulings):
            found.append(Enclosure(box=box, labelled=_is_labelled(box, rulings)))
    return tuple(found)


def _rectangle(labels: npt.NDArray[np.int32], index: int, stat: npt.NDArray[np.int32], rulings: Rulings) -> Box | None:
    """The upright rectangle in the middle of an enclosure's edges; None where it is no rectangle of a box's size."""
    left, top, width, height, area = (int(value) for value in stat)
    page_height, page_width = labels.shape
    least_width, least_height = (size * rulings.pixels_per_mm for size in _SMALLEST_MM)
    if width < least_width or height < least_height or area < _FILLED_SHARE * least_width * least_height:
        return None
    if width > _LARGEST_SHARE[0] * page_width or height > _LARGEST_SHARE[1] * page_height:
        return None
    if left == 0 or top == 0 or left + width == page_width or top + height == page_height:
        return None
    inside = labels[top : top + height, left : left + width] == index
    first_column, last_column = _middle_edges(inside)
    first_row, last_row = _middle_edges(inside.T)
    box = Box(
        left=left + first_column,
        top=top + first_row,
        width=last_column - first_column + 1,
        height=last_row - first_row + 1,
    )
    if box.width < least_width or box.height < least_height or area < _FILLED_SHARE * box.width * box.height:
        return None
    return box


def _middle_edges(inside: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The median of the first and of the last column that each row covers."""
    rows = inside[inside.any(axis=1)]
    first = rows.argmax(axis=1)
    last = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    return int(np.median(first)), int(np.median(last))


def _is_ruled(box: Box, rulings: Rulings) -> bool:
    """Tell whether lines are really printed along the four sides, and are not only bridged gaps."""
    reach = round(_SIDE_REACH_MM * rulings.pixels_per_mm)
    level, upright = rulings.level, rulings.upright
    thin = _side_shares(box, reach, level, upright)
    barred = _side_shares(box, reach, rulings.solid, rulings.solid)
    shares = np.minimum(np.maximum(thin, barred), _inked_shares(box, reach, rulings))
    each, all_four = _SIDE_SHARES
    if shares.min() < each or shares.mean() < all_four:
        return False
    among_bars = int((thin < each).sum()) > 2
    return not among_bars or min(box.width, box.height) >= _SMALLEST_AMONG_BARS_MM * rulings.pixels_per_mm


def _side_shares(box: Box, reach: int, level: Grey, upright: Grey) -> npt.NDArray[np.float64]:
    """Share of each side's length along which print lies within reach: float64 (4,), top, bottom, left, right."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    bands = (
        _band(level, box.top, reach, columns),
        _band(level, box.bottom, reach, columns),
        _band(upright.T, box.left, reach, rows),
        _band(upright.T, box.right, reach, rows),
    )
    return np.array([band.max(axis=0).mean() if band.size else 0.0 for band in bands])


def _inked_shares(box: Box, reach: int, rulings: Rulings) -> npt.NDArray[np.float64]:
    """Share of each side's length that is inked, dashes taken for a line; a letter's stem ends before the side does."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    contrast, gap = rulings.contrast, round(_DASH_GAP_MM * rulings.pixels_per_mm)
    bands = (
        _band(contrast, box.top, reach, columns),
        _band(contrast, box.bottom, reach, columns),
        _band(contrast.T, box.left, reach, rows),
        _band(contrast.T, box.right, reach, rows),
    )
    return np.array([_inked_share(band.max(axis=0), gap) if band.size else 0.0 for band in bands])


def _inked_share(darkness: Grey, gap: int) -> float:
    inked = (darkness > max(_LEAST_DASH, 0.4 * float(np.percentile(darkness, 70)))).astype(np.uint8)
    framed = np.pad(inked, gap)[None, :]
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    return float(closed[0, gap:-gap].mean())


def _band(lines: Grey, at: int, reach: int, along: slice) -> Grey:
    return lines[max(0, at - reach) : at + reach + 1, along]


def _is_labelled(box: Box, rulings: Rulings) -> bool:
    """Tell whether print covers the place where one would write."""
    inset = round(_INSET_MM * rulings.pixels_per_mm)
    inner = rulings.contrast[box.top + inset : box.bottom - inset, box.left + inset : box.right - inset]
    if not inner.size:
        return False
    ground = int(np.median(inner))
    ink = (cv2.subtract(inner, ground) > max(_LEAST_INK, _INK_SHARE * _line_darkness(box, rulings))).astype(np.uint8)
    ink = _without_edges(ink, round(_EDGE_MM * rulings.pixels_per_mm))
    words = _words(ink, rulings.pixels_per_mm)
    if not words:
        return False
    if ground > _SHADED or max(word.height for word in words) > _TALL_SHARE * box.height:
        return True
    if sum(word.width * word.height for word in words) > _LABEL_SHARE * ink.size:
        return True
    height, width = ink.shape
    return any(_is_in_the_way(word, width, height) for word in words)


def _is_in_the_way(word: Box, width: int, height: int) -> bool:
    """Tell whether a word stands in the middle of a box, or before it: a unit or a maximum may stand at its end."""
    middle = (word.top + word.bottom) / 2 / height
    if _CENTRED[0] < middle < _CENTRED[1] and word.left + word.right < width:
        return True
    across = word.left < 0.7 * width and word.right > 0.3 * width
    return across and word.top < 0.75 * height and word.bottom > 0.25 * height


def _without_edges(ink: Grey, deepest: int) -> Grey:
    """Cut away what is left of the box's own lines: rows and columns at the edges that are mostly ink."""
    for _ in range(4):
        rows = ink[:deepest].mean(axis=1) > _EDGE_SHARE if ink.size else np.zeros(0, np.bool_)
        ink = np.rot90(ink[int(np.flatnonzero(rows).max()) + 1 :] if rows.any() else ink)
    return np.ascontiguousarray(ink)


def _line_darkness(box: Box, rulings: Rulings) -> float:
    """How dark the lines round a box are: the median, over its four sides, of the darkest pixel across each."""
    reach = round(_SIDE_REACH_MM * rulings.pixels_per_mm)
    c = rulings.contrast
    bands = (
        c[max(0, box.top - reach) : box.top + 1, box.left : box.right].max(axis=0),
        c[box.bottom - 1 : box.bottom + reach, box.left : box.right].max(axis=0),
        c[box.top : box.bottom, max(0, box.left - reach) : box.left + 1].max(axis=1),
        c[box.top : box.bottom, box.right - 1 : box.right + reach].max(axis=1),
    )
    return float(np.median(np.concatenate(bands)))


def _words(ink: Grey, pixels_per_mm: float) -> list[Box]:
    """The rectangles round words; specks are no words."""
    joined = max(3, round(_JOINED_MM * pixels_per_mm))
    block = np.ones((joined, joined), np.uint8)
    framed = cv2.copyMakeBorder(ink, joined, joined, joined, joined, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, block)
    count, _, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    found = (tuple(int(value) for value in stats[index][:4]) for index in range(1, count))
    return [
        Box(left=left - joined, top=top - joined, width=width, height=height)
        for left, top, width, height in found
        if max(width, height) > _SPECK_MM * pixels_per_mm
    ]
