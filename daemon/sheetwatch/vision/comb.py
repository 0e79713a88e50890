"""Lay a comb out anew: each box with room of its own, holding only the strokes that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Labels = npt.NDArray[np.int32]

_Pixel = TypeVar("_Pixel", bound=np.generic)

_ROOM_SHARE = 0.3
"""Of a box's width: how far beside its box a digit is still looked for."""

_SOFT_EDGE_PX = 2


def spread_comb(cell: Grey, paper: Grey, labels: Labels, margin: int, boxes: int) -> Grey:
    """Give every box of a comb room beside it, and leave out what lies mostly in another box.

    cell, paper: uint8 (h, w), the comb without its printed lines and the paper behind it; labels: int32 (h, w), its
    connected strokes by any numbers, 0 = paper; the comb ends `margin` pixels before the cell's edges. Returns uint8
    (h, W): `boxes` equal parts side by side.
    """
    edges = np.linspace(margin, cell.shape[1] - margin, boxes + 1)
    room = round(_ROOM_SHARE * (edges[1] - edges[0]))
    width = max(1, round(edges[1] - edges[0])) + 2 * room
    lefts = (edges[:-1].round().astype(int) - room).tolist()
    owners = _parts(_owners(labels, edges), lefts, width)
    strange = owners != np.repeat(np.arange(boxes, dtype=np.int16), width)
    foreign = (strange & (owners >= 0)).astype(np.uint8)
    hidden = cv2.min(_widen(foreign, width), strange.astype(np.uint8))
    return cv2.copyTo(_parts(paper, lefts, width), hidden, _parts(cell, lefts, width))


def _parts(image: npt.NDArray[_Pixel], lefts: list[int], width: int) -> npt.NDArray[_Pixel]:
    """Lay parts of an image, all so wide, side by side; what reaches over an edge repeats it."""
    before, behind = max(0, -lefts[0]), max(0, lefts[-1] + width - image.shape[1])
    image = cv2.copyMakeBorder(image, 0, 0, before, behind, cv2.BORDER_REPLICATE)
    return np.hstack([image[:, left + before : left + before + width] for left in lefts])


def _widen(mask: Grey, width: int) -> Grey:
    """Widen what is marked by its soft edges, but not into the next part; all are so wide."""
    reach = 2 * _SOFT_EDGE_PX + 1
    along = cv2.dilate(mask.reshape(-1, width), np.ones((1, reach), np.uint8))
    return cv2.dilate(along.reshape(mask.shape), np.ones((reach, 1), np.uint8))


def _owners(labels: Labels, edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """For each pixel, find the box that holds most of its stroke, (h, w); -1 for the paper, which belongs to all."""
    width = labels.shape[1]
    boxes = len(edges) - 1
    box_of_column = np.clip(np.searchsorted(edges, np.arange(width), side="right") - 1, 0, boxes - 1)
    inked = labels != 0
    numbers = labels[inked]
    in_box = numbers * boxes + box_of_column[np.flatnonzero(inked) % width]
    held = np.bincount(in_box, minlength=boxes * (int(numbers.max(initial=0)) + 1)).reshape(-1, boxes)
    owners = np.full(labels.shape, -1, np.int16)
    owners[inked] = held.argmax(axis=1)[numbers]
    return owners
