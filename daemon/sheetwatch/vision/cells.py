"""Cut each field's cell from an aligned page: upright, without the form's print and without the neighbours' strokes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import shrink

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Alignment, Box, Template

    Grey = npt.NDArray[np.uint8]

_MARGIN_SHARE = 0.35
"""Of the box's smaller side: how far around the box strokes are looked at, to tell whose they are."""

_SIDE_PX = 96
"""The smaller side of a box is drawn with at most this many pixels: finer ones cost time and tell nothing."""

_PRINT_CONTRAST = 22
"""Grey levels below the paper from which the reference counts as printed."""

_PRINT_TOLERANCE_PX = 1.5
"""In reference pixels: how far a printed line may lie from where the alignment expects it."""

_REMAINS_REACH_PX = 2
_REMAINS_SHARE = 0.8
"""A stroke that keeps this close to the print along so much of itself is what is left of the print."""

_INK_CONTRAST = 18
_NEIGHBOUR_SHARE = 0.25
"""A stroke with less than this share of itself inside the box is the neighbour's."""


def cut_cells(grey: Grey, template: Template, alignment: Alignment) -> list[Grey]:
    """Cut the cells of a page, one for each field, in template order.

    grey: uint8 (H, W). Returns uint8 (h, w) crops of the box and a margin around it, dark ink on light paper.
    """
    boxes = [field.box for field in template.fields if field.box is not None]
    darkness = _print_darkness(template)
    return [_cut_cell(grey, quad, box, darkness) for quad, box in zip(alignment.quads, boxes, strict=True)]


def _cut_cell(grey: Grey, quad: npt.NDArray[np.float64], box: Box, darkness: Grey) -> Grey:
    page_scale = _side(quad) / ((box.width + box.height) / 2)
    side = min(box.width, box.height)
    scale = min(page_scale, _SIDE_PX / side)
    margin = round(_MARGIN_SHARE * side * scale)
    cell = _warp_quad(grey, quad, box, scale, margin)
    paper = _paper(cell)
    printed = _print_mask(darkness, box, scale, margin, cell.shape)
    clean = _without_print(cell, paper, printed, _reach(scale))
    return _without_strangers(clean, paper, printed, margin)


def _side(quad: npt.NDArray[np.float64]) -> float:
    """Return the mean length of a quadrilateral's sides."""
    return float(np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1).mean())


def _warp_quad(grey: Grey, quad: npt.NDArray[np.float64], box: Box, scale: float, margin: int) -> Grey:
    """Draw the quadrilateral (4, 2) of a page upright, with a margin in result pixels around it."""
    width, height = round(box.width * scale), round(box.height * scale)
    inner = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) + np.float32(margin)
    outer_size = width + 2 * margin, height + 2 * margin
    to_cell = cv2.getPerspectiveTransform(quad.astype(np.float32), inner)
    outer = np.array([(0, 0), (outer_size[0], 0), outer_size, (0, outer_size[1])], np.float32)
    corners = cv2.perspectiveTransform(outer[None], np.linalg.inv(to_cell))[0]
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, [grey.shape[1] - 1, grey.shape[0] - 1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, [left + 1, top + 1], grey.shape[::-1])
    part = grey[top:bottom, left:right]
    to_cell = to_cell @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    finer = scale * (box.width + box.height) / 2 / max(_side(quad), 1e-6)
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


def _reach(scale: float) -> int:
    """Return how many pixels of a cell a printed line may lie beside its place."""
    return max(1, round(_PRINT_TOLERANCE_PX * scale))


def _print_mask(darkness: Grey, box: Box, scale: float, margin: int, shape: tuple[int, ...]) -> Grey:
    """Mark where the form is printed in a cell, uint8 (h, w) of 0 and 1, widened by the tolerance."""
    to_cell = np.array([[scale, 0, margin - scale * box.left], [0, scale, margin - scale * box.top]], np.float64)
    crop = cv2.warpAffine(darkness, to_cell, (shape[1], shape[0]), borderValue=0)
    return _widen((crop > _PRINT_CONTRAST).astype(np.uint8), _reach(scale))


def _widen(mask: Grey, reach: int) -> Grey:
    return cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))


def _without_print(cell: Grey, paper: Grey, printed: Grey, reach: int) -> Grey:
    """Paint over the printed lines, except where a stroke crosses them: there is ink on both sides."""
    if not printed.any():
        return cell
    thickness = 2 * float(cv2.distanceTransform(printed, cv2.DIST_C, 3).max()) + 1
    bridge = _darkest_on_both_sides(np.where(printed > 0, paper, cell), min(int(thickness), 8 * reach + 8))
    crossed = cv2.subtract(paper, bridge) > 2 * _INK_CONTRAST
    return np.where(printed > 0, np.where(crossed, bridge, paper), cell)


def _darkest_on_both_sides(grey: Grey, distance: int) -> Grey:
    """For each pixel, find how dark it is within `distance` both above and below it, or both left and right of it."""
    tall, wide = np.ones((distance + 1, 3), np.uint8), np.ones((3, distance + 1), np.uint8)
    above, below = cv2.erode(grey, tall, anchor=(1, distance)), cv2.erode(grey, tall, anchor=(1, 0))
    left, right = cv2.erode(grey, wide, anchor=(distance, 1)), cv2.erode(grey, wide, anchor=(0, 1))
    return cv2.min(cv2.max(above, below), cv2.max(left, right))


def _without_strangers(cell: Grey, paper: Grey, printed: Grey, margin: int) -> Grey:
    """Paint over what is not this field's: strokes that lie mostly outside the box, and remains of printed lines.

    The box ends `margin` pixels before the cell's edges.
    """
    ink = (cv2.subtract(paper, cell) > _INK_CONTRAST).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    inside = np.bincount(labels[margin:-margin, margin:-margin].ravel(), minlength=count)
    on_print = np.bincount(labels[_widen(printed, _REMAINS_REACH_PX) > 0], minlength=count)
    strange = (inside < _NEIGHBOUR_SHARE * area) | (on_print > _REMAINS_SHARE * area)
    strange[0] = False
    if not strange.any():
        return cell
    mask = _widen(strange[labels].astype(np.uint8), 2) > 0
    return np.where(mask & ((ink == 0) | strange[labels]), paper, cell)
