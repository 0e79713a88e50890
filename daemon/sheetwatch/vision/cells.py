"""Cut each field's cell from an aligned page: upright, without the form's print and without the neighbours' strokes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.comb import spread_comb
from sheetwatch.vision.geometry import shrink

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Alignment, Box, Template

    Grey = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

_MARGIN_SHARE = 0.35
"""Of the box's smaller side: how far around the box strokes are looked at, to tell whose they are."""

_SIDE_PX = 80
"""The smaller side of a box is drawn with at most this many pixels: finer ones cost time and tell nothing."""

_PRINT_CONTRAST = 22
"""Grey levels below the paper from which the reference counts as printed."""

_PRINT_TOLERANCE_PX = 1.5
"""In reference pixels: how far a printed line may lie from its place on a page that fits; as much again, at most, for
the error of the page's alignment.
"""

_LINE_PX = 5
"""In reference pixels: strokes are carried across printed lines up to this wide."""

_SOFT_EDGES_PX = 2

_PRINT_GAIN = 1.3
_DARKER_THAN_PRINT = 30
"""Ink on tinted print is darker than the print by more than these: a factor, and grey levels."""

_DARK_PRINT = 100
"""Grey levels below the paper from which ink on print cannot be told from the print."""

_TOUCHING_PX = 3
_OWN_SHARE = 0.5
"""A stroke with less than this share of itself in a box may be another's."""

_REACHING_SHARE = 0.08
"""A stroke outside with more than this share of itself in the box may be a digit that was written half beside it."""

_SPECK_SHARE = 0.12
_BESIDE_SHARE = 0.3
"""Of the box's smaller side: how long a stroke beside an empty box must be to be taken for a number."""

_LEAVING_SHARE = 0.6
"""A stroke that leaves the crop with less than this share of itself inside the box may have its rest outside."""

_STREAK_PX = 4
_THROUGH_SHARE = 0.9
"""A streak of dust is thin and runs through the whole cell."""

_SEEN_SHARE = 0.65
"""Of a cell's rows or columns that show ink beside the print where a streak runs through it."""

_REMAINS_REACH_PX = 2
_REMAINS_SHARE = 0.8
"""A stroke that keeps this close to the print along so much of itself is what is left of the print."""

_INK_CONTRAST = 18
_NEIGHBOUR_SHARE = 0.25
"""A stroke with less than this share of itself inside the box is the neighbour's."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """What was written into a field.

    `grey`: uint8 (h, w), the box and a margin around it, dark ink on light paper; of a comb, as many equal parts as it
    has boxes, each with a margin of its own. `doubtful`: the crop may not show
    what was written, for a stroke runs into solid print (a 7 without its bar is a 1), or out of the crop, or lies half
    in another box, or the box is empty and somebody wrote beside it.
    """

    grey: Grey
    doubtful: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """How a cell is drawn: its box at `scale` (cell pixels to a reference pixel) with a `margin` around it.

    `reach`: how many cell pixels a printed line may lie beside its place; `comb`: how many boxes the box is divided
    into, if it is.
    """

    box: Box
    comb: int | None
    scale: float
    margin: int
    reach: int

    @classmethod
    def of(cls, box: Box, comb: int | None, quad: npt.NDArray[np.float64], tolerance_px: float) -> _Frame:
        """Draw a box as fine as the page shows it, within bounds; `quad`: (4, 2), where it lies on the page."""
        side = min(box.width, box.height)
        scale = min(_side(quad) / ((box.width + box.height) / 2), _SIDE_PX / side)
        margin = max(1, round(_MARGIN_SHARE * side * scale))
        return cls(box=box, comb=comb, scale=scale, margin=margin, reach=max(1, round(tolerance_px * scale)))

    @property
    def side(self) -> float:
        """The box's smaller side, in cell pixels."""
        return min(self.box.width, self.box.height) * self.scale

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the box."""
        return max(1, round(self.box.width * self.scale)), max(1, round(self.box.height * self.scale))

    @property
    def outer(self) -> tuple[int, int]:
        """Width and height of the cell."""
        width, height = self.inner
        return width + 2 * self.margin, height + 2 * self.margin

    @property
    def across(self) -> int:
        """The widest print, in cell pixels, across which a stroke is carried."""
        return 2 * self.reach + round(_LINE_PX * self.scale) + _SOFT_EDGES_PX


def cut_cells(grey: Grey, template: Template, alignment: Alignment) -> list[Cell]:
    """Cut the cells of a page, uint8 (H, W): one for each field, in template order."""
    darkness = _print_darkness(template)
    tolerance_px = _PRINT_TOLERANCE_PX + min(alignment.rms_error_px, _PRINT_TOLERANCE_PX)
    boxed = [(field.box, field.comb) for field in template.fields if field.box is not None]
    frames = [
        _Frame.of(box, comb, quad, tolerance_px) for (box, comb), quad in zip(boxed, alignment.quads, strict=True)
    ]
    boxes = [box for box, _ in boxed]
    return [_cut_cell(grey, quad, frame, boxes, darkness) for quad, frame in zip(alignment.quads, frames, strict=True)]


def _cut_cell(grey: Grey, quad: npt.NDArray[np.float64], frame: _Frame, boxes: Sequence[Box], darkness: Grey) -> Cell:
    cell = _warp_quad(grey, quad, frame)
    expected = _expected_print(darkness, frame)
    paper = _paper(_blank_out(cell, expected))
    streaks = _streaks((cv2.subtract(paper, cell) > _INK_CONTRAST).astype(np.uint8), expected)
    unprinted_streak = int((streaks & (expected == 0)).sum()) > max(cell.shape)
    expected[streaks] = 255
    clean = _without_print(cell, paper, expected, frame.across)
    ink = (cv2.subtract(paper, clean) > _INK_CONTRAST).astype(np.uint8)
    strokes = _Strokes.of(ink, expected, frame.margin, _other_boxes(frame, boxes))
    grey_cell = _paint_over(clean, paper, ink, ~strokes.own[strokes.labels] & (ink > 0))
    if frame.comb:
        grey_cell = spread_comb(grey_cell, paper, strokes.labels, frame.margin, frame.comb)
    doubtful = strokes.doubtful(_solid_print(expected, frame.across), frame.side)
    return Cell(grey=grey_cell, doubtful=doubtful or (unprinted_streak and not strokes.own.any()))


def _other_boxes(frame: _Frame, boxes: Sequence[Box]) -> Mask:
    """Mark the other fields' boxes on a cell, bool (h, w)."""
    mask = np.zeros(frame.outer[::-1], bool)
    for other in boxes:
        left, right = (round((x - frame.box.left) * frame.scale) + frame.margin for x in (other.left, other.right))
        top, bottom = (round((y - frame.box.top) * frame.scale) + frame.margin for y in (other.top, other.bottom))
        if other is not frame.box and right > 0 and bottom > 0:
            mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


def _side(quad: npt.NDArray[np.float64]) -> float:
    """Return the mean length of a quadrilateral's sides."""
    return float(np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).mean())


def _warp_quad(grey: Grey, quad: npt.NDArray[np.float64], frame: _Frame) -> Grey:
    """Draw the quadrilateral (4, 2) of a page upright in its frame."""
    width, height = frame.inner
    outer_size = frame.outer
    inner = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) + np.float32(frame.margin)
    to_cell = cv2.getPerspectiveTransform(quad.astype(np.float32), inner)
    outer = np.array([(0, 0), (outer_size[0], 0), outer_size, (0, outer_size[1])], np.float32)
    corners = cv2.perspectiveTransform(outer[None], np.linalg.inv(to_cell))[0]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, [grey.shape[1] - 1, grey.shape[0] - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, [left + 1, top + 1], grey.shape[::-1])
    part = grey[top:bottom, left:right]
    to_cell = to_cell @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    finer = frame.scale * (frame.box.width + frame.box.height) / 2 / max(_side(quad), 1e-6)
    if finer < 0.7:
        part, to_part = shrink(part, finer)
        to_cell = to_cell @ np.linalg.inv(to_part)
    return cv2.warpPerspective(part, to_cell, outer_size, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=32)
def _print_darkness(template: Template) -> Grey:
    """Return how much darker than its paper each pixel of the reference is, uint8 (H, W)."""
    reference = template.reference
    return cv2.subtract(_paper(reference), reference)


def _paper(grey: Grey) -> Grey:
    """Estimate the paper under print and ink: the light surroundings, smoothed."""
    kernel = max(15, min(grey.shape) // 6) | 1
    kernel = min(kernel, 61)
    light = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((kernel, kernel), np.uint8))
    return cv2.blur(light, (kernel, kernel))


def _expected_print(darkness: Grey, frame: _Frame) -> Grey:
    """Return how dark the form's print may be at each pixel of a cell, uint8 (h, w), within the tolerance."""
    scale, margin = frame.scale, frame.margin
    to_cell = np.array([[scale, 0, margin - scale * frame.box.left], [0, scale, margin - scale * frame.box.top]])
    expected = _widen(cv2.warpAffine(darkness, to_cell, frame.outer, borderValue=0), frame.reach)
    return np.where(expected > _PRINT_CONTRAST, expected, np.uint8(0))


def _widen(mask: Grey, reach: int) -> Grey:
    return cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))


def _solid_print(expected: Grey, across: int) -> Grey:
    """Mark dark print too wide to see a stroke come out on its other side, uint8 (h, w) of 0 and 1."""
    dark = (expected > _DARK_PRINT).astype(np.uint8)
    return cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((across + 1, across + 1), np.uint8))


def _blank_out(cell: Grey, expected: Grey) -> Grey:
    """Give printed pixels the tone of the rest, so that solid print is not taken for dark paper."""
    rest = cell[expected == 0]
    return np.where(expected > 0, np.uint8(np.median(rest[::5]) if rest.size else 255), cell)


def _without_print(cell: Grey, paper: Grey, expected: Grey, across: int) -> Grey:
    """Paint over the print, except where something darker lies on it, or a stroke crosses it with ink on both sides."""
    bound = cv2.add(cv2.multiply(expected, _PRINT_GAIN), _DARKER_THAN_PRINT)
    printed = (expected > 0) & (cv2.subtract(paper, cell) <= bound)
    if not printed.any():
        return cell
    bridge = _darkest_on_both_sides(np.where(printed, paper, cell), across)
    crossed = cv2.subtract(paper, bridge) > 2 * _INK_CONTRAST
    return np.where(printed, np.where(crossed, bridge, paper), cell)


def _streaks(ink: Grey, expected: Grey) -> Mask:
    """Mark thin straight lines that run through the whole cell, margins and all: dust on a scanner's glass draws them.

    ink: uint8 (h, w) of 0 and 1; expected: how dark the form's print may be. Returns bool (h, w).
    """
    beside = ink * (expected == 0)
    streaks = np.zeros(ink.shape, bool)
    if beside.any(axis=1).mean() > _SEEN_SHARE:
        streaks |= _upright_streaks(ink)
    if beside.any(axis=0).mean() > _SEEN_SHARE:
        streaks |= _upright_streaks(np.ascontiguousarray(ink.T)).T
    return streaks


def _upright_streaks(ink: Grey) -> Mask:
    height = ink.shape[0]
    lines = cv2.morphologyEx(_widen(ink, 1), cv2.MORPH_OPEN, np.ones((max(3, height // 4), 1), np.uint8))
    thin = cv2.subtract(lines, cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((1, _STREAK_PX + 3), np.uint8)))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    through = (stats[:, cv2.CC_STAT_HEIGHT] >= _THROUGH_SHARE * height) & (stats[:, cv2.CC_STAT_WIDTH] <= height // 8)
    through[0] = False
    return through[parts]


def _darkest_on_both_sides(grey: Grey, distance: int) -> Grey:
    """For each pixel, find how dark it is within `distance` both above and below it, or both left and right of it."""
    tall, wide = np.ones((distance + 1, 3), np.uint8), np.ones((3, distance + 1), np.uint8)
    above, below = cv2.erode(grey, tall, anchor=(1, distance)), cv2.erode(grey, tall, anchor=(1, 0))
    left, right = cv2.erode(grey, wide, anchor=(distance, 1)), cv2.erode(grey, wide, anchor=(0, 1))
    return cv2.min(cv2.max(above, below), cv2.max(left, right))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Strokes:
    """The connected strokes of a cell; number 0 is the paper.

    `labels`: int32 (h, w). For each stroke: `area`, `inside` the box and in `others`' boxes, in pixels; its longer side
    `size`; whether it touches the cell's `edge`, whether it is what `remains` of the print, and whether it is the
    field's `own`.
    """

    labels: npt.NDArray[np.int32]
    area: npt.NDArray[np.int64]
    inside: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]
    size: npt.NDArray[np.int32]
    edge: Mask
    remains: Mask
    own: Mask

    @classmethod
    def of(cls, ink: Grey, expected: Grey, margin: int, other_boxes: Mask) -> _Strokes:
        """Find the strokes in a mask of ink; the box ends `margin` pixels before the cell's edges."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
        area = stats[:, cv2.CC_STAT_AREA]
        inside = np.bincount(labels[margin:-margin, margin:-margin].ravel(), minlength=count)
        near_print = _widen((expected > 0).astype(np.uint8), _REMAINS_REACH_PX) > 0
        remains = np.bincount(labels[near_print], minlength=count) > _REMAINS_SHARE * area
        own = (inside >= _NEIGHBOUR_SHARE * area) & ~remains
        own[0] = False
        far = stats[:, :2] + stats[:, 2:4]
        return cls(
            labels=labels,
            area=area,
            inside=inside,
            others=np.bincount(labels[other_boxes], minlength=count),
            size=stats[:, 2:4].max(axis=1),
            edge=(stats[:, :2] == 0).any(axis=1) | (far == ink.shape[::-1]).any(axis=1),
            remains=remains,
            own=own,
        )

    def doubtful(self, solid: Grey, side_px: float) -> bool:
        """Tell whether the crop may not show what was written; `side_px`: the box's smaller side on the cell."""
        own = self.own & (self.size > _SPECK_SHARE * side_px)
        shared = own & (self.inside < _OWN_SHARE * self.area)
        leaving = own & self.edge & (self.inside < _LEAVING_SHARE * self.area)
        hidden = own & (np.bincount(self.labels[_widen(solid, 2) > 0], minlength=len(self.own)) >= _TOUCHING_PX)
        others = ~self.own & ~self.remains & (self.size > _BESIDE_SHARE * side_px)
        others[0] = False
        reaching_in = others & (self.inside > _REACHING_SHARE * self.area)
        written_beside = others & (self.others < _OWN_SHARE * self.area)
        doubts = shared | leaving | hidden | reaching_in
        return bool(doubts.any()) or (not own.any() and bool(written_beside.any()))


def _paint_over(cell: Grey, paper: Grey, ink: Grey, strange: Mask) -> Grey:
    """Paint over strange strokes and their soft edges."""
    if not strange.any():
        return cell
    mask = _widen(strange.astype(np.uint8), 2) > 0
    return np.where(mask & ((ink == 0) | strange), paper, cell)
