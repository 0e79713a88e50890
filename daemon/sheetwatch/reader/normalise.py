"""A crop of any size, light and contrast as the picture that the network knows; training and reading share it.

The network's picture is 32 rows high: the ink, scaled with its aspect kept to about 24 rows, 255 = full ink,
0 = paper. Its width is one of `WIDTHS`, the smallest that holds the ink. What lies outside the ink's extent is paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]

HEIGHT = 32
WIDTHS = (32, 48, 64, 96, 128, 256)
VERSION = 3

_SMALLEST_SIDE = 6  # pixels; nobody can read less
_INK_ROWS = 24.0  # rows that the ink fills
_SIDE_MARGIN = 4  # columns of paper kept left and right of the ink
_WORK_ROWS = 72  # crops are reduced to this height first: digits then are 25 to 60 px high
_MAX_ASPECT = 12.0
_LEAST_CONTRAST = 0.055  # of the paper's light; fainter strokes cannot be told from scanner noise
_SMALLEST_SHARE = 0.3  # ink lower than this share of the crop is not blown up to full height
_WIDE = 1.6  # crops so many times as wide as high are wider than any one digit
_LINE_BAND = 0.22  # printed borders lie in this outer share of the crop
_LINE_SHARE = 0.55  # and run along at least this share of it


@dataclass(frozen=True, slots=True, eq=False)
class Ink:
    """How dark each pixel is against its paper.

    `dark`: float32 (H, W), 0 = paper, 1 = black; `mask`: uint8 (H, W), 1 where there may be ink; `sure`: 1 where no
    paper noise is as dark.
    """

    dark: Real
    mask: Mask
    sure: Mask


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


def normalise(cell: Grey) -> Grey | None:
    """The network's picture of a crop, or None when there is nothing to read; see `Prepared`."""
    return prepare(cell).picture


def prepare(cell: Grey) -> Prepared:
    """Find the ink of a crop and scale it for the network.

    cell: uint8 (H, W), dark ink on light paper, any size.
    """
    if cell.size == 0 or min(cell.shape) < _SMALLEST_SIDE:
        return Prepared(None)
    reduced = _reduced(cell)
    ink = find_ink(reduced)
    borders = _borders(ink.mask)
    kept, left_out = _written(ink, borders)
    if not kept.any():
        return Prepared(None, left_out)
    near = cv2.dilate(kept, np.ones((3, 3), np.uint8))
    dark = np.where((borders > 0) & (near == 0), np.float32(0), ink.dark)
    picture, zoom, start = _picture(_stretched(dark, kept), kept)
    back = cell.shape[1] / reduced.shape[1]
    return Prepared(picture, left_out, zoom=zoom * back, start=start * back)


def find_ink(cell: Grey) -> Ink:
    """Flatten the light and find the pixels darker than paper noise explains."""
    smooth = cv2.GaussianBlur(cell, (3, 3), 0).astype(np.float32)
    paper = _paper_light(smooth)
    dark: Real = np.clip((paper - smooth) / np.maximum(paper, 24.0), 0.0, 1.0)
    # the lower ranks are paper even where ink covers half of the crop
    low, middle = _ranked(dark[::2, ::2], 0.05, 0.30)
    spread = (middle - low) / 1.12
    dark = np.clip(dark - np.float32(middle), 0.0, 1.0)
    grain = _grain(smooth)
    mask = (dark > max(_LEAST_CONTRAST, 1.6 * spread, 3.0 * grain)).astype(np.uint8)
    sure = (dark > max(1.5 * _LEAST_CONTRAST, 2.6 * spread, 5.5 * grain)).astype(np.uint8)
    return Ink(dark, mask, sure)


def _grain(smooth: Real) -> float:
    """Standard deviation of the paper's grain, as a share of its light; slow shadows and strokes do not count."""
    some = smooth[::2]
    steps = np.abs(some[:, 2::2] - some[:, :-2:2])
    (low,), (light,) = _ranked(steps, 0.35), _ranked(some[:, ::2], 0.70)
    return 1.55 * low / max(light, 24.0)  # 35 % of normal steps are below 0.45 of their spread, 0.64 of the grain's


def _ranked(values: Real, *shares: float) -> tuple[float, ...]:
    """The values at these shares of the sorted order; numpy's percentile takes longer than the partial sorting."""
    ranks = [int(share * (values.size - 1)) for share in shares]
    ordered = np.partition(values, ranks, axis=None)
    return tuple(float(ordered[rank]) for rank in ranks)


def _reduced(cell: Grey) -> Grey:
    """The crop at most 72 rows high and 12 times as wide."""
    rows, columns = cell.shape
    height = min(rows, _WORK_ROWS)
    width = min(max(4, round(columns * height / rows)), int(height * _MAX_ASPECT))
    if (height, width) == (rows, columns):
        return cell
    return np.asarray(cv2.resize(cell, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _paper_light(smooth: Real) -> Real:
    """The light of the paper behind the ink: a closing wider than any stroke, smoothed; found on every third pixel."""
    rows, columns = smooth.shape
    step = 3 if min(rows, columns) >= 24 else 1
    small = cv2.dilate(smooth, np.ones((step, step), np.uint8))[step // 2 :: step, step // 2 :: step]
    side = max(3, int(0.4 * small.shape[0]) | 1)
    pad = side // 2
    framed = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REFLECT)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    blurred = cv2.blur(closed, (side, side))[pad:-pad, pad:-pad]
    return np.asarray(cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _written(ink: Ink, borders: Mask) -> tuple[Mask, bool]:
    """The mask without printed borders, specks, noise and strokes that come in from the neighbours.

    Also whether a long stroke was left out, or should perhaps have been.
    """
    free = ink.mask & ~borders & 1
    count, parts, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=8)
    if count < 2:
        return np.zeros_like(ink.mask), False
    sure = np.zeros(count, np.bool_)
    sure[parts[ink.sure > 0]] = True
    sure[0] = False
    keep, left_out = _worth_keeping(stats[sure], free.shape)
    wanted = np.zeros(count, np.uint8)
    wanted[sure] = keep
    return np.asarray(wanted[parts], dtype=np.uint8), left_out


def _borders(mask: Mask) -> Mask:
    """Long straight lines along the edges, which a printed box leaves in its crop.

    A 1 beside the edge of a tight crop, and the bar of a 7 under it, look the same but end before the crop does, and
    before the box does.
    """
    rows, columns = mask.shape
    level = _level_lines(mask, end=2 if columns > _WIDE * rows else 0, ends=(0, columns))
    lined = np.flatnonzero(level.any(axis=1))
    above, below = lined[lined < rows // 2], lined[lined >= rows // 2]
    ends = (int(above[-1]) + 2 if above.size else 0, int(below[0]) - 1 if below.size else rows)
    upright = _level_lines(np.ascontiguousarray(mask.T), end=0, ends=ends).T
    return np.asarray(level | upright, dtype=np.uint8)


def _level_lines(mask: Mask, *, end: int, ends: tuple[int, int]) -> Mask:
    """Lines in the upper and lower band that run from one of the `ends` to the other, or out of the crop.

    end: how many pixels short of an end a line may stop.
    """
    rows, columns = mask.shape
    length = max(6, int(_LINE_SHARE * columns))
    thick = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    lines = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8), borderValue=0)
    band = max(2, int(_LINE_BAND * min(rows, columns)))
    lines[band : rows - band] = 0
    if not lines.any():
        return np.asarray(lines, dtype=np.uint8)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    left, top, width, height = (stats[:, column] for column in range(4))
    at_left, at_right = left <= ends[0] + end, left + width >= ends[1] - end
    leaves = (top == 0) | (top + height == rows)
    printed = (at_left & at_right) | ((at_left | at_right) & leaves)
    printed[0] = False
    return np.asarray(printed.astype(np.uint8)[parts], dtype=np.uint8)


def _worth_keeping(stats: npt.NDArray[np.int32], shape: tuple[int, ...]) -> tuple[npt.NDArray[np.bool_], bool]:
    """For each connected part whether it belongs to what was written here; and whether a long one does not."""
    rows, columns = shape
    left, top, width, height, area = (stats[:, column] for column in range(5))
    long = np.maximum(width, height)
    speck = (area < max(3.0, (0.055 * rows) ** 2)) | (long < 0.09 * rows)
    edge = max(1, round(0.05 * rows))  # a removed border leaves a gap
    at_rows_end = (top <= edge) | (top + height >= rows - edge)
    at_columns_end = (left <= edge) | (left + width >= columns - edge)
    inside = (left > 0) & (left + width < columns)
    at_columns_end &= ~(inside & (height >= 0.3 * rows))  # a 1 beside the edge
    sliver = (at_rows_end & (height < 0.16 * rows)) | (at_columns_end & (width < 0.16 * min(rows, columns)))
    keep = ~(speck | sliver)
    if keep.any():
        small = area < 0.35 * area[keep].max()
        reach = np.minimum(np.where(at_columns_end, width, rows), np.where(at_rows_end, height, rows))
        keep &= ~((at_rows_end | at_columns_end) & small & (reach < 0.26 * rows))
    left_out = bool((~speck & ~keep & (long >= 0.3 * rows)).any())
    return keep | _points(stats, keep), left_out or _may_be_border(stats[keep], shape)


def _may_be_border(stats: npt.NDArray[np.int32], shape: tuple[int, ...]) -> bool:
    """Whether what was kept is, or has beside it, an upright line so near the edge that it may be the box's own."""
    rows, columns = shape
    left, _, width, height, _ = (stats[:, column] for column in range(5))
    upright = (width < 0.2 * rows) & (height > 0.45 * rows)
    away = np.minimum(left, columns - left - width)  # from the nearer edge
    alone = bool(upright.all())
    return bool(upright.any()) and bool((upright & (away < (0.22 if alone else 0.08) * rows)).any())


def _points(stats: npt.NDArray[np.int32], keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which parts may be decimal points: low beside the writing, and more than a grain."""
    if not keep.any():
        return keep
    left, top, width, height, _ = (stats[:, column] for column in range(5))
    small = (np.maximum(width, height) < 0.35 * stats[keep, 3].max()) & (width < 0.25 * stats[keep, 3].max())
    first, last = left[keep].min(), (left + width)[keep].max()
    ceiling, floor = top[keep].min(), (top + height)[keep].max()
    tall = floor - ceiling
    beside = (left + width > first - 0.6 * tall) & (left < last + 0.6 * tall)
    low = (top > ceiling + 0.55 * tall) & (top + height < floor + 0.3 * tall)
    return np.asarray(small & beside & low & (np.minimum(width, height) >= max(2.0, 0.05 * tall)), dtype=np.bool_)


def _stretched(dark: Real, kept: Mask) -> Real:
    """Ink strength so that what was written reaches 1, however faint or red the pen."""
    written = dark[kept > 0]
    full = max(2.0 * _LEAST_CONTRAST, *_ranked(written, 0.85))
    low = 0.15 * full
    return np.asarray(np.clip((dark - low) / (full - low), 0.0, 1.0), dtype=np.float32)


def _picture(dark: Real, kept: Mask) -> tuple[Grey, float, float]:
    """Crop to the ink, scale, and set in the middle of the smallest picture that holds it.

    Also the columns of `dark` to each of the picture's, and the one that its first shows.
    """
    rows_with, columns_with = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    top, bottom = int(rows_with[0]), int(rows_with[-1]) + 1
    left, right = int(columns_with[0]), int(columns_with[-1]) + 1
    height = max(bottom - top, _SMALLEST_SHARE * dark.shape[0])
    room = WIDTHS[-1] - 2 * _SIDE_MARGIN
    scale = min(_INK_ROWS / height, room / (right - left))
    margin = max(1, round(2.5 / scale))
    crop = dark[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    size = (max(1, round(crop.shape[1] * scale)), min(HEIGHT, max(1, round(crop.shape[0] * scale))))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(np.ascontiguousarray(crop), size, interpolation=how)
    picture, column = _centred(np.asarray(small * 255.0 + 0.5, dtype=np.uint8))
    zoom = crop.shape[1] / size[0]
    return picture, zoom, max(0, left - margin) - zoom * column


def _centred(small: Grey) -> tuple[Grey, int]:
    """The smallest picture that holds it, and the column where it begins there."""
    rows, columns = small.shape
    width = next((width for width in WIDTHS if columns + 2 * _SIDE_MARGIN - 5 <= width), WIDTHS[-1])
    picture = np.zeros((HEIGHT, width), np.uint8)
    small = small[:, :width]
    row, column = (HEIGHT - rows) // 2, (width - small.shape[1]) // 2
    picture[row : row + rows, column : column + small.shape[1]] = small
    return picture, column
