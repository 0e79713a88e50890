"""Streaks across a cell: dust on the glass of a scanner with a feeder draws them, and they look like strokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.strip import Strip

    Grey = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

_STREAK_PX = 4
_THROUGH_SHARE = 0.9
"""A streak of dust is thin and runs through the whole cell."""

_SEEN_SHARE = 0.65
"""Of a cell's rows or columns that show ink beside the print where a streak runs through it."""


def find_streaks(ink: Grey, printed: Grey, strip: Strip) -> dict[int, Mask]:
    """Mark thin straight lines that run through a whole cell, margins and all.

    ink, printed: uint8 (H, W), the cells of a strip, 0 = none. Returns bool (h, w) for each cell that has any, by its
    number.
    """
    beside = cv2.bitwise_and(ink, cv2.compare(printed, 0, cv2.CMP_EQ))
    rows = np.count_nonzero(np.maximum.reduceat(beside, strip.lefts, axis=1), axis=0)
    columns = np.add.reduceat(beside.max(axis=0) > 0, strip.lefts, dtype=np.intp)
    seen = np.stack([rows, columns], axis=1) > _SEEN_SHARE * strip.sizes
    found = {
        number: _streaks(cell, upright=upright, level=level)
        for number, (cell, (upright, level)) in enumerate(zip(strip.parts(ink), seen.tolist(), strict=True))
        if upright or level
    }
    return {number: streaks for number, streaks in found.items() if streaks.any()}


def _streaks(ink: Grey, *, upright: bool, level: bool) -> Mask:
    """Mark the streaks in a cell that may show such ones."""
    ink = cv2.min(ink, 1)
    streaks = np.zeros(ink.shape, bool)
    if upright:
        streaks |= _upright_streaks(ink)
    if level:
        streaks |= _upright_streaks(np.ascontiguousarray(ink.T)).T
    return streaks


def _upright_streaks(ink: Grey) -> Mask:
    height = ink.shape[0]
    lines = cv2.dilate(ink, np.ones((3, 3), np.uint8))
    lines = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((max(3, height // 4), 1), np.uint8))
    thin = cv2.subtract(lines, cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((1, _STREAK_PX + 3), np.uint8)))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    through = (stats[:, cv2.CC_STAT_HEIGHT] >= _THROUGH_SHARE * height) & (stats[:, cv2.CC_STAT_WIDTH] <= height // 8)
    through[0] = False
    return through[parts]
