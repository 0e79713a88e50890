"""Take ruled lines and squares out of a page without breaking the strokes that cross them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.written.ink import PageInk

    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]

_RUN = 41  # half-size pixels that a line must run straight
_STEEPEST = 8  # half-size pixels that it may rise or fall on that way
_GAP = 9  # half-size pixels of a line that may be missing
_SHORTEST = 0.2  # of the page's width or height; anything shorter may be a stroke
_THICKEST = 9  # pixels; what is thicker is no ruled line
_DARKER = 1.5  # so many times as dark as its line is ink


def without_ruling(ink: PageInk) -> PageInk:
    """The page's ink without long straight lines, level or upright, up to eleven degrees from it."""
    level = _lines(ink.mask)
    upright = _lines(_flipped(ink.mask))
    if not level.any() and not upright.any():
        return ink
    upright = _flipped(upright)
    ruled = _ruled(ink, level, upright) | _flipped(_ruled(_turned(ink), _flipped(upright), _flipped(level)))
    kept = ink.mask & ~ruled & 1
    return replace(ink, mask=_mended(kept, ink.mask, ruled))


def _lines(mask: Mask) -> Mask:
    """Where long, nearly level lines run: uint8, of the mask's shape, 1 = on a line, a pixel or two around it too."""
    rows, columns = mask.shape
    half = _halved(mask)
    joined = cv2.morphologyEx(half, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8))
    found = np.zeros_like(half)
    for rise in range(-_STEEPEST, _STEEPEST + 1):
        found |= cv2.morphologyEx(joined, cv2.MORPH_OPEN, _slanted(rise), borderValue=0)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(found, np.ones((3, _GAP), np.uint8)), connectivity=8
    )
    long = stats[:, cv2.CC_STAT_WIDTH] > _SHORTEST * half.shape[1]
    thin = stats[:, cv2.CC_STAT_AREA] < 0.5 * _THICKEST * 3 * stats[:, cv2.CC_STAT_WIDTH]
    thin |= stats[:, cv2.CC_STAT_HEIGHT] > 40  # many lines that touch each other
    keep = long & thin
    keep[0] = False
    lines = found & keep.astype(np.uint8)[parts]
    full = cv2.resize(lines, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.dilate(full, np.ones((3, 1), np.uint8)), dtype=np.uint8)


def _halved(mask: Mask) -> Mask:
    """Half the size; a pixel is ink where any of its four was."""
    rows, columns = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, rows % 2, 0, columns % 2, cv2.BORDER_CONSTANT)
    return padded[::2, ::2] | padded[1::2, ::2] | padded[::2, 1::2] | padded[1::2, 1::2]


def _slanted(rise: int) -> Mask:
    """A straight line that falls by `rise` pixels, as a kernel."""
    kernel = np.zeros((abs(rise) + 1, _RUN), np.uint8)
    ends = (0, _RUN - 1) if rise >= 0 else (_RUN - 1, 0)
    return np.asarray(cv2.line(kernel, (ends[0], 0), (ends[1], abs(rise)), 1), dtype=np.uint8)


def _ruled(ink: PageInk, lines: Mask, across: Mask) -> Mask:
    """The pixels of nearly level lines that are no more than line: no stroke crosses there, and none is darker."""
    on_line = ink.mask & lines
    if not on_line.any():
        return on_line
    free = ink.mask & ~across & 1
    thickness = _thickness(free & lines)
    tall = cv2.morphologyEx(free, cv2.MORPH_OPEN, np.ones((thickness + 3, 1), np.uint8), borderValue=0)
    darker = ink.dark > _DARKER * _line_darkness(ink.dark, on_line) + 0.05
    return np.asarray(on_line & ~tall & ~darker.astype(np.uint8) & 1, dtype=np.uint8)


def _thickness(on_line: Mask) -> int:
    """The usual height of the upright runs of pixels, at most `_THICKEST`."""
    starts = int(np.count_nonzero(on_line[1:] & ~on_line[:-1] & 1)) + int(np.count_nonzero(on_line[0]))
    return min(_THICKEST, round(np.count_nonzero(on_line) / max(1, starts)))


def _line_darkness(dark: Real, on_line: Mask) -> Real:
    """How dark lines are around each pixel: float32 of the same shape; lines may be in shadow or fade."""
    reach = (161, 161)
    total = cv2.blur(dark * on_line, reach)
    share = cv2.blur(on_line.astype(np.float32), reach)
    return np.asarray(total / np.maximum(share, 1e-6), dtype=np.float32)


def _mended(kept: Mask, before: Mask, ruled: Mask) -> Mask:
    """Close the cuts across strokes: ruled pixels that lie between kept ones come back."""
    side = _THICKEST
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    closed = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, around)
    return np.asarray(kept | (closed & before & ruled), dtype=np.uint8)


def _flipped(mask: Mask) -> Mask:
    return np.ascontiguousarray(mask.T)


def _turned(ink: PageInk) -> PageInk:
    return replace(ink, dark=np.ascontiguousarray(ink.dark.T), mask=_flipped(ink.mask))
