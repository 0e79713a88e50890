"""Whether a page holds nothing at all: a back page, not a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import shrink

if TYPE_CHECKING:
    import numpy.typing as npt

_SIDE_PX = 800
_INK_CONTRAST = 40
"""Grey levels below the paper around it; print that shows through from the other side stays above."""

_MARK_PX = 7
"""A blob this long, of an A4 page drawn 800 px high, is a mark of 2.6 mm: a small digit, too long for dust."""

_EDGE_SHARE = 0.04
_MIN_PAGE_PX = 100
"""A page with a shorter side than this is no sheet of paper, but what a damaged header left of one."""

_MIN_PAPER = 140
"""A page darker than this is no paper: a lamp that failed, or a photograph."""

_MAX_SHADE = 70
"""Grey levels between the light and the dark parts of an empty page; more is a picture."""

_STREAK_SHARE = 0.15
"""Of a column or row that a streak darkens; handwriting never fills that much of one."""

_STREAK_PX = 2
_MOST_STREAKS = 3

_HOLE_PX = (10, 26)
"""A punch hole is 6 mm wide: round, solid, and near the edge."""

_HOLE_MARGIN_SHARE = 0.12


def is_blank(grey: npt.NDArray[np.uint8]) -> bool:
    """Tell whether a page, uint8 (H, W), holds no print and no handwriting.

    Dust, punch holes, shadows along the edges and print that shows through do not count. One small number does.
    """
    if min(grey.shape) < _MIN_PAGE_PX:
        return False
    small, _ = shrink(_darker_of_two(grey), 2 * _SIDE_PX / max(grey.shape))
    if float(np.median(small)) < _MIN_PAPER:
        return False
    half, _ = shrink(small, 0.5)
    paper = cv2.resize(cv2.medianBlur(half, 21), small.shape[::-1])
    edge = round(_EDGE_SHARE * max(small.shape)) + 1
    dark, light = np.percentile(paper[edge:-edge, edge:-edge], (2, 98)) if min(small.shape) > 2 * edge else (0, 255)
    if light - dark > _MAX_SHADE:
        return False
    ink = _without_streaks((paper.astype(np.int16) - small > _INK_CONTRAST).astype(np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    return not any(_is_mark(stats[index], small.shape) for index in range(1, count))


def _darker_of_two(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Halve a page, keeping the darker of two diagonal neighbours, so that thin strokes do not fade."""
    height, width = grey.shape[0] // 2 * 2, grey.shape[1] // 2 * 2
    return np.minimum(grey[:height:2, :width:2], grey[1:height:2, 1:width:2]) if min(height, width) else grey


def _without_streaks(ink: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Clear the lines that dust on the glass of a feeder draws along the whole page, straight and hair-thin."""
    clear = ink.copy()
    clear[:, _streaks(ink.mean(axis=0))] = 0
    clear[_streaks(ink.mean(axis=1))] = 0
    return clear


def _streaks(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return which columns are streaks, from the share of each that is ink; a line of text is wider than a streak."""
    dark = np.flatnonzero(shares > _STREAK_SHARE)
    runs = np.split(dark, np.flatnonzero(np.diff(dark) > 1) + 1) if len(dark) else []
    thin = [run for run in runs if len(run) <= _STREAK_PX]
    return np.concatenate(thin) if 0 < len(runs) <= _MOST_STREAKS and len(thin) == len(runs) else np.empty(0, np.intp)


def _is_mark(stat: npt.NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    left, top, width, height, _ = (int(value) for value in stat)
    edge = _EDGE_SHARE * max(shape)
    if left + width <= edge or top + height <= edge or left >= shape[1] - edge or top >= shape[0] - edge:
        return False
    return max(width, height) >= _MARK_PX and not _is_hole(stat, shape)


def _is_hole(stat: npt.NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    left, top, width, height, area = (int(value) for value in stat)
    low, high = _HOLE_PX
    round_and_solid = abs(width - height) <= 3 and low <= width <= high and 0.68 <= area / (width * height) <= 0.9
    margin = _HOLE_MARGIN_SHARE * max(shape)
    x, y = left + width / 2, top + height / 2
    return round_and_solid and min(x, y, shape[1] - x, shape[0] - y) < margin
