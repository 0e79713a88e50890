"""How a field's cell is drawn from a page: as fine as the page shows it, upright, with a margin around the box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import map_points, shrink

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Box

    Grey = npt.NDArray[np.uint8]
    Quad = npt.NDArray[np.float64]

_MARGIN_SHARE = 0.35
"""Of the box's smaller side: how far around the box strokes are looked at, to tell whose they are."""

_SCALES = 64
"""Cells are drawn at whole fractions of this: pages of one size then share what is drawn of their template."""

_SIDE_PX = 80
"""The smaller side of a box is drawn with at most this many pixels: finer ones cost time and tell nothing."""

_MUCH_FINER = 0.7
"""Cell pixels to a page pixel below which pages are averaged, so that thin strokes are not skipped."""

_BENT_PX = 0.25
"""By how much a cell's corners may lie beside those of a parallelogram that is drawn instead."""

_LINE_PX = 5
"""In reference pixels: strokes are carried across printed lines up to this wide."""

_SOFT_EDGES_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How a cell is drawn: its box at `scale` (cell pixels to a reference pixel) with a `margin` around it.

    `reach`: how many cell pixels a printed line may lie beside its place.
    """

    box: Box
    scale: float
    margin: int
    reach: int

    @classmethod
    def of(cls, box: Box, side_px: float, tolerance_px: float) -> Frame:
        """Draw a box as fine as the page shows it, within bounds; `side_px`: the mean of its sides there."""
        side = min(box.width, box.height)
        shown = math.floor(side_px / ((box.width + box.height) / 2) * _SCALES) / _SCALES
        scale = min(max(shown, 1 / _SCALES), _SIDE_PX / side)
        margin = max(1, round(_MARGIN_SHARE * side * scale))
        return cls(box=box, scale=scale, margin=margin, reach=max(1, round(tolerance_px * scale)))

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


def side_lengths(quads: Quad) -> list[float]:
    """The mean of each quadrilateral's sides, (N, 4, 2)."""
    return _sides(quads).mean(axis=1).tolist()


def shortest_sides(quads: Quad) -> npt.NDArray[np.float64]:
    """The shortest of each quadrilateral's sides, (N, 4, 2)."""
    return _sides(quads).min(axis=1)


def _sides(quads: Quad) -> npt.NDArray[np.float64]:
    return np.linalg.norm(np.roll(quads, -1, axis=1) - quads, axis=2)


def draw(grey: Grey, quads: Quad, frames: Sequence[Frame], cells: Sequence[Grey]) -> None:
    """Draw the quadrilaterals of a page, (N, 4, 2), upright in their frames, into `cells`, uint8 (h, w) each."""
    sources = [_source(grey, *shown) for shown in zip(quads, side_lengths(quads), frames, strict=True)]
    a, b, c, d = np.stack([quad for _, quad in sources], axis=1)
    margin = np.array([[frame.margin] for frame in frames])
    height, width = np.array([cell.shape for cell in cells]).T[:, :, None] - 2 * margin
    right, down = (b - a + c - d) / (2 * width), (d - a + c - b) / (2 * height)
    origin = (a + b + c + d) / 4 - (margin + width / 2) * right - (margin + height / 2) * down
    to_pages = np.stack([right, down, origin], axis=2)
    bent = np.abs(a - b + c - d).max(axis=1) > 4 * _BENT_PX
    affine = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    for (source, quad), frame, to_page, is_bent, cell in zip(sources, frames, to_pages, bent, cells, strict=True):
        if is_bent:
            _draw_bent(source, quad, frame, cell)
        else:
            cv2.warpAffine(source, to_page, cell.shape[::-1], cell, **affine)


def _draw_bent(grey: Grey, quad: Quad, frame: Frame, cell: Grey) -> None:
    width, height = frame.inner
    inner = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) + np.float32(frame.margin)
    to_cell = cv2.getPerspectiveTransform(quad.astype(np.float32), inner)
    cv2.warpPerspective(grey, to_cell, frame.outer, cell, borderMode=cv2.BORDER_REPLICATE)


def _source(grey: Grey, quad: Quad, side_px: float, frame: Frame) -> tuple[Grey, Quad]:
    """What a quadrilateral (4, 2) is drawn from: the page, or the part around it where the page is much finer.

    That part is averaged down to the cell's pixels; the quadrilateral is returned as it lies there.
    """
    finer = frame.scale * (frame.box.width + frame.box.height) / 2 / max(side_px, 1e-6)
    if finer >= _MUCH_FINER:
        return grey, quad
    around = frame.margin / finer * 2 + 3
    left, top = np.clip(np.floor(quad.min(axis=0) - around).astype(int), 0, [grey.shape[1] - 1, grey.shape[0] - 1])
    right, bottom = np.clip(np.ceil(quad.max(axis=0) + around).astype(int), [left + 1, top + 1], grey.shape[::-1])
    part, to_part = shrink(grey[top:bottom, left:right], finer)
    return part, map_points(quad - (left, top), to_part)
