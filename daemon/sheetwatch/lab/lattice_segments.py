"""Over-segmentation: the picture of a cell cut into more pieces than it has symbols, and runs of pieces as candidates.

Connected parts are cut where a path from top to bottom crosses little ink (Casey and Lecolinet 1996, section III; the
paths as in Tseng and Lee 1999). Each run of up to `LONGEST_RUN` pieces may be a symbol (LeCun et al. 1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]
    Pieces = npt.NDArray[np.uint8]
    Costs = npt.NDArray[np.float32]

LONGEST_RUN = 4
SIDE = 28  # rows and columns of a candidate's picture
PLACES = 4  # its top, bottom, width and height in the cell's picture, 8 a pixel
ROW = SIDE * SIDE * 2 + PLACES

_INK = 90  # of 255: what belongs to the connected parts
_FAINT = 24
_SIDESTEP = 0.25  # what one column aside costs a path, in pixels of full ink
_DEAREST_CUT = 10.0  # pixels of full ink
_DEAREST_FILLED = 18.0
_LEAST_GAP = 4  # columns between cuts
_LEAST_RIDGE = 0.8  # pixels of full ink by which a cut is cheaper than what parts it from the next
_LEAST_PIECE = 10  # pixels
_LEAST_WIDTH = 7  # columns; a narrower part is one piece
_SPECK = 5  # pixels; smaller parts are no pieces
_BODY = 18.0  # rows that a candidate fills
_SMALLEST = 9  # rows and columns; smaller candidates, such as points, are not blown up further
_WIDEST = 64  # columns; longer runs are no symbols


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Pieces `first` to `last` (from 1) as the digit network takes them.

    `row`: uint8 (1572,): a picture of 28 x 28 x 2, 255 = ink, the candidate's own and what surrounds it, and its place.
    """

    first: int
    last: int
    row: npt.NDArray[np.uint8]


def pieces_of(picture: Picture) -> Pieces:
    """uint8 (32, W): 0 = paper, else the number of the piece, counted from 1 by the middle of its columns."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats((picture > _INK).astype(np.uint8), connectivity=8)
    raw = np.zeros(picture.shape, np.int32)
    count = 0
    for part in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= _SPECK)[:254]:
        if part == 0:
            continue
        left, width = stats[part, cv2.CC_STAT_LEFT], stats[part, cv2.CC_STAT_WIDTH]
        columns = slice(left, left + width)
        mine = parts[:, columns] == part
        sides = _sides(np.where(mine, picture[:, columns], np.uint8(0)))
        raw[:, columns][mine] = sides[mine] + count + 1
        count += int(sides[mine].max()) + 1
    return _grown(_in_order(raw, count), picture)


def candidates_of(picture: Picture, pieces: Pieces) -> list[Candidate]:
    """Every run of pieces that is not wider than a symbol may be."""
    extents = piece_extents(pieces)
    runs = [
        (first, last)
        for first in range(1, len(extents) + 1)
        for last in range(first, min(first + LONGEST_RUN, len(extents) + 1))
    ]
    boxes = [_joined(extents[first - 1 : last]) for first, last in runs]
    return [
        _candidate(picture, pieces, run, box)
        for run, box in zip(runs, boxes, strict=True)
        if box[2] - box[0] <= _WIDEST
    ]


def piece_extents(pieces: Pieces) -> npt.NDArray[np.int32]:
    """Left, top, right, bottom (one beyond) of each piece: int32 (N, 4)."""
    boxes = [cv2.boundingRect((pieces == number).astype(np.uint8)) for number in range(1, int(pieces.max()) + 1)]
    corners = [(left, top, left + width, top + height) for left, top, width, height in boxes]
    return np.array(corners, np.int32).reshape(-1, 4)


def _sides(ink: Picture) -> npt.NDArray[np.int32]:
    """For each pixel of one connected part: how many cuts lie left of it."""
    sides = np.zeros(ink.shape, np.int32)
    rows = np.flatnonzero(ink.any(axis=1))
    body = ink[rows[0] : rows[-1] + 1]
    if body.shape[1] < _LEAST_WIDTH:
        return sides
    inside = body > 0
    for cut in cut_paths(body):
        right = np.arange(body.shape[1]) >= cut[:, None]
        pixels = int((inside & right).sum())
        if min(pixels, int(inside.sum()) - pixels) >= _LEAST_PIECE:
            sides[rows[0] : rows[-1] + 1] += right
    return sides


def cut_paths(body: Picture) -> list[npt.NDArray[np.int32]]:
    """Where one connected part may be cut, from left to right: the first column right of the cut, for each row.

    body: uint8 (H, W), 255 = ink. A path may step aside by one column a row; a cut is where the cheapest path through a
    column of the middle row is cheaper than through its neighbours. Once with the loops as they are, and once with them
    filled: two zeros side by side touch where both walls are, and a path through the loops would be cheaper.
    """
    ink = body.astype(np.float32) / 255.0
    found: dict[int, npt.NDArray[np.int32]] = {}
    for layer, dearest in ((_filled(ink), _DEAREST_FILLED), (ink, _DEAREST_CUT)):
        middle = layer.shape[0] // 2
        down, from_above = _cheapest(layer[: middle + 1])
        up, from_below = _cheapest(layer[middle:][::-1])
        for column in _minima(down + up - layer[middle], dearest):
            if all(abs(column - other) >= _LEAST_GAP for other in found):
                above, below = _followed(from_above, column), _followed(from_below, column)
                found[column] = np.array([*above[::-1], *below[1:]], np.int32)
    return [found[column] for column in sorted(found)]


def _filled(ink: Costs) -> Costs:
    """With the inside of its loops as full as ink."""
    outlines, _ = cv2.findContours((ink > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    inside = cv2.drawContours(np.zeros(ink.shape, np.uint8), outlines, -1, 1, cv2.FILLED)
    return np.where((inside > 0) & (ink == 0), np.float32(1), ink)


def _cheapest(ink: Costs) -> tuple[Costs, npt.NDArray[np.int8]]:
    """The cost of the cheapest path from the first row to each pixel of the last, and the step to each pixel."""
    steps = np.zeros(ink.shape, np.int8)
    cost = ink[0]
    beyond = np.array([np.inf], np.float32)
    for row in range(1, len(ink)):
        ways = np.stack(
            [
                cost,
                np.concatenate([beyond, cost[:-1]]) + _SIDESTEP,
                np.concatenate([cost[1:], beyond]) + _SIDESTEP,
            ]
        )
        best = ways.argmin(axis=0)
        steps[row] = np.array([0, -1, 1], np.int8)[best]
        cost = ways.min(axis=0) + ink[row]
    return cost, steps


def _followed(steps: npt.NDArray[np.int8], column: int) -> list[int]:
    """The columns of the path that ends in this column of the last row, from there to the first row."""
    path = [column]
    for row in range(len(steps) - 1, 0, -1):
        path.append(path[-1] + int(steps[row, path[-1]]))
    return path


def _minima(through: Costs, dearest: float) -> list[int]:
    """Columns clearly cheaper than what parts them from each other and from the ends: a level dash is not cut."""
    smooth = np.round(through, 1)
    lowest = smooth <= cv2.erode(smooth[None], np.ones((1, 5), np.uint8))[0] + 1e-6
    lowest[:2] = lowest[-2:] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (lowest & (smooth <= dearest)).astype(np.int8), [0]])))
    middles = [int(start + end - 1) // 2 for start, end in edges.reshape(-1, 2).tolist()]
    kept = [-1, len(smooth)]
    for column in sorted(middles, key=lambda at: float(smooth[at])):
        before = max(other for other in kept if other < column)
        after = min(other for other in kept if other > column)
        ridge = min(smooth[before + 1 : column].max(), smooth[column + 1 : after].max())
        if min(column - before, after - column) >= _LEAST_GAP and ridge - smooth[column] >= _LEAST_RIDGE:
            kept = sorted([*kept, column])
    return kept[1:-1]


def _in_order(raw: npt.NDArray[np.int32], count: int) -> Pieces:
    """Numbered anew by the middle of their columns; a number that no pixel has is left out."""
    present = [number for number in range(1, count + 1) if (raw == number).any()]
    middles = [float(np.flatnonzero((raw == number).any(axis=0))[[0, -1]].mean()) for number in present]
    numbers = np.zeros(count + 1, np.uint8)
    for new, index in enumerate(np.argsort(middles, kind="stable"), 1):
        numbers[present[int(index)]] = min(new, 255)
    return numbers[raw]


def _grown(pieces: Pieces, picture: Picture) -> Pieces:
    """The faint rim of the strokes goes to the piece beside it."""
    near = cv2.dilate(pieces, np.ones((3, 3), np.uint8))
    return np.where((pieces == 0) & (picture > _FAINT), near, pieces)


def _joined(extents: npt.NDArray[np.int32]) -> tuple[int, int, int, int]:
    left, top = extents[:, :2].min(axis=0).tolist()
    right, bottom = extents[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _candidate(picture: Picture, pieces: Pieces, run: tuple[int, int], box: tuple[int, int, int, int]) -> Candidate:
    left, top, right, bottom = box
    scale = _BODY / max(right - left, bottom - top, _SMALLEST)
    middle = SIDE / 2
    move = np.array(
        [[scale, 0, middle - scale * (left + right - 1) / 2], [0, scale, middle - scale * (top + bottom - 1) / 2]]
    )
    own = (pieces >= run[0]) & (pieces <= run[1])
    layers = np.dstack([np.where(own, picture, np.uint8(0)), np.where(own, np.uint8(0), picture)])
    drawn = cv2.warpAffine(layers, move, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    place = np.minimum(8 * np.array([top, bottom, right - left, bottom - top]), 255).astype(np.uint8)
    return Candidate(run[0], run[1], np.concatenate([drawn.ravel(), place]))
