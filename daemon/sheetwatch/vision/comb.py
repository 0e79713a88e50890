"""Lay a comb out anew: each box with room of its own, holding only the strokes that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_ROOM_SHARE = 0.3
"""Of a box's width: how far beside its box a digit is still looked for."""

_SOFT_EDGE_PX = 2


def spread_comb(cell: Grey, paper: Grey, labels: npt.NDArray[np.int32], margin: int, boxes: int) -> Grey:
    """Give every box of a comb room beside it, and leave out what lies mostly in another box.

    cell, paper: uint8 (h, w), the comb without its printed lines and the paper behind it; labels: int32 (h, w), its
    connected strokes, 0 = paper; the comb ends `margin` pixels before the cell's edges. Returns uint8 (h, W): `boxes`
    equal parts side by side.
    """
    edges = np.linspace(margin, cell.shape[1] - margin, boxes + 1)
    owners = _owners(labels, edges)
    room = round(_ROOM_SHARE * (edges[1] - edges[0]))
    width = round(edges[1] - edges[0]) + 2 * room
    parts = []
    for box, left in enumerate(edges[:-1].round().astype(int) - room):
        columns = np.clip(np.arange(left, left + width), 0, cell.shape[1] - 1)
        foreign = ((owners != box) & (owners >= 0))[labels[:, columns]]
        hidden = cv2.dilate(foreign.astype(np.uint8), np.ones((2 * _SOFT_EDGE_PX + 1,) * 2, np.uint8)) > 0
        hidden &= foreign | (labels[:, columns] == 0)
        parts.append(np.where(hidden, paper[:, columns], cell[:, columns]))
    return np.hstack(parts)


def _owners(labels: npt.NDArray[np.int32], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """For each stroke, find the box that holds most of it, (N,); -1 for the paper, which belongs to all."""
    boxes = len(edges) - 1
    box_of_column = np.clip(np.searchsorted(edges, np.arange(labels.shape[1]), side="right") - 1, 0, boxes - 1)
    count = int(labels.max()) + 1
    held = np.bincount((labels * boxes + box_of_column[None, :]).ravel(), minlength=count * boxes)
    owners = held.reshape(count, boxes).argmax(axis=1)
    owners[0] = -1
    return owners
