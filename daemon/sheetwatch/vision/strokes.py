"""The connected strokes of cells: which are the field's own, and whether the crop shows all that was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.strip import Strip

    Grey = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]
    Labels = npt.NDArray[np.int32]
    Numbers = npt.NDArray[np.intp]

INSIDE, PRINT, OTHERS, SOLID = 1, 2, 4, 8
"""Places on a cell, to be summed: inside its box, beside print, inside another field's box, on solid print."""

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

_REMAINS_SHARE = 0.8
"""A stroke that keeps this close to the print along so much of itself is what is left of the print."""

_GROWN_IN_SHARE = 0.015
"""Of the square of the box's smaller side: more ink than this beside the print, in what seems to be left of it, may be
a number that touches print which could not be taken out.
"""

_NEIGHBOUR_SHARE = 0.25
"""A stroke with less than this share of itself inside the box is the neighbour's."""

_PLACES = 16
_HELD = np.array(
    [
        [
            bool(place & INSIDE),
            place & (INSIDE | PRINT) == INSIDE,
            *(bool(place & one) for one in (PRINT, OTHERS, SOLID)),
        ]
        for place in range(_PLACES)
    ],
    np.int64,
)
"""Which places count for what `Strokes` tells: inside, bare, beside print, in others' boxes, on solid print."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strokes:
    """The connected strokes of the cells of a strip, in pixels; all (S,) but the first two.

    `labels`: int32 (H, W), the number of each pixel's stroke, 0: paper, 1: the first; `pixels`: (P,), the numbers of
    the pixels that are none of the paper. `cell`: which one a stroke lies in; `size`: its longer side; `edge`: whether
    it touches the cell's. How much of it lies `inside` the box, there and `bare` of print, beside what is `printed`, in
    `others`' boxes, and on `solid` print.
    """

    labels: Labels
    pixels: Numbers
    cell: Numbers
    area: Numbers
    size: Numbers
    edge: Mask
    inside: Numbers
    bare: Numbers
    printed: Numbers
    others: Numbers
    solid: Numbers

    @property
    def remains(self) -> Mask:
        """Whether it is what is left of the print."""
        return self.printed > _REMAINS_SHARE * self.area

    @property
    def own(self) -> Mask:
        """Whether it was written into the field."""
        return (self.inside >= _NEIGHBOUR_SHARE * self.area) & ~self.remains

    @property
    def cut(self) -> Mask:
        """Whether part of an own one may lie in another box, outside the crop, or under solid print."""
        shared = self.inside < _OWN_SHARE * self.area
        leaving = self.edge & (self.inside < _LEAVING_SHARE * self.area)
        return shared | leaving | (self.solid >= _TOUCHING_PX)

    def draw(self, these: Mask) -> Grey:
        """Draw these strokes, bool (S,): uint8 (H, W), 255 on them."""
        drawn = np.zeros(self.labels.shape, np.uint8)
        values = np.append(np.uint8(0), 255 * these.astype(np.uint8))
        drawn.ravel()[self.pixels] = values[self.labels.ravel()[self.pixels]]
        return drawn


def find_strokes(ink: Grey, places: Grey, strip: Strip) -> Strokes:
    """The strokes in a mask of ink, uint8 (H, W); places: uint8 (H, W), where a stroke may lie."""
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    pixels = np.flatnonzero(ink != 0)
    numbers = labels.ravel()[pixels]
    placed = np.bincount(numbers * _PLACES + places.ravel()[pixels], minlength=count * _PLACES)
    held = placed.reshape(count, _PLACES)[1:]
    inside, bare, printed, others, solid = (held @ _HELD).T
    left, top, right, bottom = _bounds(pixels, numbers, count, ink.shape[1])
    cell = np.searchsorted(strip.lefts, left, side="right") - 1
    left, right = left - strip.lefts[cell], right - strip.lefts[cell]
    height, width = strip.sizes[cell].T
    return Strokes(
        labels=labels,
        pixels=pixels,
        cell=cell,
        area=held.sum(axis=1),
        size=np.maximum(right - left, bottom - top) + 1,
        edge=(left == 0) | (top == 0) | (right == width - 1) | (bottom == height - 1),
        inside=inside,
        bare=bare,
        printed=printed,
        others=others,
        solid=solid,
    )


def _bounds(pixels: Numbers, numbers: Labels, count: int, width: int) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """The first column and row of each stroke, and the last ones, from its runs of ink along a row.

    pixels: which of a strip that is `width` wide, in order; its last column has none. numbers: each one's stroke.
    OpenCV takes four times as long to measure strokes as to find them.
    """
    begins = np.diff(pixels, prepend=-2) != 1
    ends = np.roll(begins, -1)
    strokes = numbers[begins]
    rows, firsts = np.divmod(pixels[begins], width)
    lasts = pixels[ends] % width
    left, top = np.full((2, count), np.iinfo(np.intp).max)
    right, bottom = np.zeros((2, count), np.intp)
    np.minimum.at(left, strokes, firsts)
    np.minimum.at(top, strokes, rows)
    np.maximum.at(right, strokes, lasts)
    np.maximum.at(bottom, strokes, rows)
    return left[1:], top[1:], right[1:], bottom[1:]


def is_doubtful(strokes: Strokes, sides_px: npt.NDArray[np.float64]) -> Mask:
    """Whether each crop, (N,), may not show what was written; `sides_px`: the smaller sides of the boxes."""
    side_px = sides_px[strokes.cell]
    own = strokes.own & (strokes.size > _SPECK_SHARE * side_px)
    grown_in = strokes.remains & (strokes.bare > _GROWN_IN_SHARE * side_px**2)
    foreign = ~strokes.own & ~strokes.remains & (strokes.size > _BESIDE_SHARE * side_px)
    reaching_in = foreign & (strokes.inside > _REACHING_SHARE * strokes.area)
    beside = foreign & (strokes.others < _OWN_SHARE * strokes.area)
    cells = len(sides_px)
    doubted = cells_with(strokes, (own & strokes.cut) | grown_in | reaching_in, cells)
    return doubted | (cells_with(strokes, beside, cells) & ~cells_with(strokes, own, cells))


def cells_with(strokes: Strokes, these: Mask, cells: int) -> Mask:
    """Which of so many cells, (N,), hold any of these strokes, (S,)."""
    return np.bincount(strokes.cell[these], minlength=cells) > 0
