"""Take ruled lines and squares out of a page without breaking the strokes that cross them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.written.ink import ink_mask
from sheetwatch.vision.written.lift import lifted, line_darkness
from sheetwatch.vision.written.rails import find_rails

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.written.ink import PageInk

    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]

_RUN = 81  # half-size pixels that a line must run straight
_STEEPEST = 9  # half-size pixels that it may rise or fall on that way
_PIECE, _PIECE_STEEPEST = 33, 6  # half-size pixels that a piece of a family of lines must run, and may rise on that way
_GAP = 9  # half-size pixels of a line that may be missing
_LINK = 31  # half-size pixels between two runs of one line
_FURTHER = 400  # half-size pixels that a line is drawn on at its ends
_STRAIGHT = 1.2  # half-size pixels that a line's end may stray, on average; more are two lines
_SHORTEST = 0.2  # of the page's width or height; anything shorter may be a stroke
_LEAST_INK = 0.5  # of a line's length; the feet of letters in a row are less
_COMMON = 0.3  # of the commonest direction's pixels; gaps are bridged in directions that have so many
_THICKEST = 9  # pixels; what is thicker is no ruled line
_NEAR = 31  # pixels around each
_REST = 0.35  # of the darkest ink near it: what is fainter, where lines were, is a rest of them
_SPECK, _WHOLLY = 30, 0.9  # pixels, and the share of them on a line, of what is a rest of one
_BLOB = 41  # pixels; wider than any stroke
_DARKER = 1.5  # so many times as dark as its line is ink


def without_ruling(ink: PageInk) -> PageInk:
    """The page's ink without printed lines: regular ones lifted off, other long and straight ones cut out.

    Level or upright, up to ten degrees from it; others up to six.
    """
    rails = _rails(ink.mask), _flipped(_rails(_flipped(ink.mask)))
    clean = _lifted(ink, *rails)
    lines = find_lines(ink.mask), _flipped(find_lines(_flipped(ink.mask)))
    regular = [_full(one, ink.mask.shape) for one in rails]
    if clean is ink:
        return _cut(ink, lines[0] | regular[0], lines[1] | regular[1])
    return _cut(clean, _without(lines[0], regular[0]), _without(lines[1], regular[1]))


def _lifted(ink: PageInk, level: Mask, upright: Mask) -> PageInk:
    """Without lines at regular distances; as it was where there are none, or the scanner gave black and white.

    level, upright: half-size, 1 = on a line.
    """
    if ink.two_tones:
        return ink
    across = line_darkness(np.ascontiguousarray(ink.dark.T), _flipped(upright))
    lines = np.maximum(line_darkness(ink.dark, level), across.T)
    if not lines.any():
        return ink
    dark = lifted(ink.dark, lines)
    mask = _without_blobs(ink_mask(dark, ink.grain), ink.mask)
    mask &= ((lines == 0) | _clear(dark, mask)).astype(np.uint8)
    return replace(ink, dark=dark, mask=_without_specks(mask, lines > 0))


def _without_specks(mask: Mask, where: Flags) -> Mask:
    """Without small parts that lie wholly where lines were, such as at their crossings."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inside = np.bincount(parts[where], minlength=count)
    area = stats[:, cv2.CC_STAT_AREA]
    keep = (area > _SPECK) | (inside < _WHOLLY * area)
    keep[0] = False
    return np.asarray(keep[parts], dtype=np.uint8)


def _without_blobs(mask: Mask, before: Mask) -> Mask:
    """Without what no pen draws, the table or a shadow: lines lifted off it would leave pieces like writing."""
    blobs = cv2.morphologyEx(before, cv2.MORPH_OPEN, np.ones((_BLOB, _BLOB), np.uint8), borderValue=0)
    count, parts = cv2.connectedComponents(mask, connectivity=8)
    keep = np.ones(count, np.uint8)
    keep[parts[blobs > 0]] = 0
    return np.asarray(mask & keep[parts], dtype=np.uint8)


def _clear(dark: Real, mask: Mask) -> Flags:
    """Where ink is not so much fainter than what is near it that, where a line was, it is a rest of it."""
    near = cv2.dilate(dark * mask, np.ones((_NEAR, _NEAR), np.uint8))
    return np.asarray(dark > _REST * near, dtype=np.bool_)


def _cut(ink: PageInk, level: Mask, upright: Mask) -> PageInk:
    """Without these lines; strokes across them stay whole as far as they can be told from them."""
    if not level.any() and not upright.any():
        return ink
    ruled = _ruled(ink, level, upright) | _flipped(_ruled(_turned(ink), _flipped(upright), _flipped(level)))
    kept = _without(ink.mask, ruled)
    whole = _mended(kept, ink.mask, ruled)
    return replace(ink, mask=whole & _clear(ink.dark, whole).astype(np.uint8), ruling=level | upright)


def _full(rails: Mask, shape: tuple[int, ...]) -> Mask:
    wide = cv2.dilate(rails, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(wide, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _rails(mask: Mask) -> Mask:
    return find_rails(_pieces(_joined(_thin(_halved(mask)))))


def find_lines(mask: Mask) -> Mask:
    """Where long, nearly level lines run: uint8, of the mask's shape, 1 = on a line or a pixel or two beside it."""
    rows, columns = mask.shape
    half = _halved(mask)
    thin = _thin(half)
    joined = _joined(thin)
    runs = _runs(joined)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(runs, np.ones((3, _LINK), np.uint8)))
    keep = (stats[:, cv2.CC_STAT_WIDTH] > _SHORTEST * half.shape[1]) & (_inked(thin, parts, stats) > _LEAST_INK)
    keep[0] = False
    kept = runs & keep.astype(np.uint8)[parts]
    lines = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, np.ones((1, _LINK), np.uint8)) | _further(kept, parts)
    full = cv2.resize(lines, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.dilate(full, np.ones((3, 1), np.uint8)), dtype=np.uint8)


def _thin(half: Mask) -> Mask:
    """Without what is higher than a level line."""
    stems = cv2.morphologyEx(half, cv2.MORPH_OPEN, np.ones((_THICKEST // 2 + 4, 1), np.uint8), borderValue=0)
    return np.asarray(half & ~stems & 1, dtype=np.uint8)


def _joined(thin: Mask) -> Mask:
    return np.asarray(cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((1, _GAP), np.uint8)), dtype=np.uint8)


def _pieces(joined: Mask) -> Mask:
    """What runs straight, however short: pieces of lines between digits, and strokes."""
    rises = range(-_PIECE_STEEPEST, _PIECE_STEEPEST + 1)
    found = [cv2.morphologyEx(joined, cv2.MORPH_OPEN, _slanted(rise, _PIECE), borderValue=0) for rise in rises]
    return np.asarray(np.bitwise_or.reduce(found), dtype=np.uint8)


def _runs(joined: Mask) -> Mask:
    """Straight runs in any of the directions; in those that many have, what lies between two of them too."""
    rises = range(-_STEEPEST, _STEEPEST + 1)
    found = [cv2.morphologyEx(joined, cv2.MORPH_OPEN, _slanted(rise, _RUN), borderValue=0) for rise in rises]
    counts = [int(np.count_nonzero(one)) for one in found]
    runs = np.zeros_like(joined)
    for rise, one, count in zip(rises, found, counts, strict=True):
        usual = count > _COMMON * max(counts) > 0
        runs |= cv2.morphologyEx(one, cv2.MORPH_CLOSE, _slanted(rise, _RUN)) if usual else one
    return runs


def _further(runs: Mask, parts: npt.NDArray[np.int32]) -> Mask:
    """Both ends of each line drawn on straight: large digits hide the short pieces of line between them."""
    drawn = np.zeros_like(runs)
    rows, columns = np.nonzero(runs)
    labels = parts[rows, columns]
    order = np.argsort(labels, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        x, y = columns[places], rows[places]
        for end, way in ((x.min(), -1), (x.max(), 1)) if x.size else ():
            near = np.abs(x - end) < _RUN
            slope, start = np.polyfit(x[near] - end, y[near], 1)
            if np.abs(y[near] - start - slope * (x[near] - end)).mean() < _STRAIGHT:
                there = (int(end + way * _FURTHER), round(float(start + slope * way * _FURTHER)))
                cv2.line(drawn, (int(end), round(float(start))), there, 1, 2)
    return drawn


def _inked(thin: Mask, parts: npt.NDArray[np.int32], stats: npt.NDArray[np.int32]) -> Real:
    """The share of each part's columns in which there is thin ink."""
    rows, columns = np.nonzero(thin)
    places = np.unique(parts[rows, columns].astype(np.int64) * thin.shape[1] + columns)
    counts = np.bincount(places // thin.shape[1], minlength=len(stats))
    return np.asarray(counts / np.maximum(stats[:, cv2.CC_STAT_WIDTH] - _LINK, 1), dtype=np.float32)


def _halved(mask: Mask) -> Mask:
    """Half the size; a pixel is ink where any of its four was."""
    rows, columns = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, rows % 2, 0, columns % 2, cv2.BORDER_CONSTANT)
    return padded[::2, ::2] | padded[1::2, ::2] | padded[::2, 1::2] | padded[1::2, 1::2]


def _slanted(rise: int, run: int) -> Mask:
    """A straight line that falls by `rise` pixels, as a kernel."""
    kernel = np.zeros((abs(rise) + 1, run), np.uint8)
    ends = (0, run - 1) if rise >= 0 else (run - 1, 0)
    return np.asarray(cv2.line(kernel, (ends[0], 0), (ends[1], abs(rise)), 1), dtype=np.uint8)


def _ruled(ink: PageInk, lines: Mask, across: Mask) -> Mask:
    """The pixels of nearly level lines that are no more than line: no stroke crosses there, and none is darker."""
    on_line = ink.mask & lines
    if not on_line.any():
        return on_line
    free = _without(ink.mask, across)
    tall = cv2.morphologyEx(free, cv2.MORPH_OPEN, np.ones((_thickness(free, lines) + 3, 1), np.uint8), borderValue=0)
    bare = on_line & ~tall & 1
    darker = ink.dark > _DARKER * _line_darkness(ink.dark, bare) + 0.05
    return np.asarray(bare & ~darker.astype(np.uint8) & 1, dtype=np.uint8)


def _thickness(mask: Mask, lines: Mask) -> int:
    """The usual height of the runs of ink that touch a line, at most `_THICKEST`."""
    some = np.ascontiguousarray(np.pad(mask[:, ::7], ((1, 1), (0, 0))).T).ravel()
    steps = np.diff(some.astype(np.int8))
    starts, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1
    touched = np.ascontiguousarray(np.pad((mask & lines)[:, ::7], ((1, 1), (0, 0))).T).ravel()
    before = np.concatenate([[0], np.cumsum(touched, dtype=np.int64)])
    lengths = (ends - starts)[before[ends] > before[starts]]
    return min(_THICKEST, int(np.median(lengths))) if lengths.size else 1


def _line_darkness(dark: Real, on_line: Mask) -> Real:
    """How dark lines are around each pixel: float32 of the same shape; lines may be in shadow or fade."""
    reach = (161, 161)
    total = cv2.blur(dark * on_line, reach)
    share = cv2.blur(on_line.astype(np.float32), reach)
    return np.asarray(total / np.maximum(share, 1e-6), dtype=np.float32)


def _mended(kept: Mask, before: Mask, ruled: Mask) -> Mask:
    """Close the cuts across strokes: ruled pixels that lie between kept ones come back."""
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_THICKEST, _THICKEST))
    closed = cv2.morphologyEx(kept, cv2.MORPH_CLOSE, around)
    return np.asarray(kept | (closed & before & ruled), dtype=np.uint8)


def _without(mask: Mask, other: Mask) -> Mask:
    return np.asarray(mask & (other ^ 1), dtype=np.uint8)


def _flipped(mask: Mask) -> Mask:
    return np.ascontiguousarray(mask.T)


def _turned(ink: PageInk) -> PageInk:
    return replace(ink, dark=np.ascontiguousarray(ink.dark.T), mask=_flipped(ink.mask))
