"""A comb: a row of equal boxes, one digit each, read box by box and joined."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise, product
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import State
from sheetwatch.reader.grammar import Meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_DARK = 0.6  # of the paper's light; print is darker
_LINE_SHARE = 0.4  # of the crop's height; the comb's upright lines are longer
_LEAST_SPAN = 0.75  # of the crop's width; the comb spans more
_STRAY = 0.06  # of a box's width; a comb's lines stand nearer to their places
_LEAST_SIDE = 12  # pixels
_KEPT = 16  # joined values carried from box to box
_GAP = " "  # an empty box while joining


def split(cell: Grey, boxes: int) -> list[Grey]:
    """The crop of a comb as its boxes. cell: uint8 (H, W). A crop narrower than that gives empty boxes.

    Where the printed comb is still in the crop, its boxes are cut along the inside of their lines; else equally.
    """
    printed = _printed_boxes(cell, boxes)
    if printed is not None:
        return printed
    edges = np.linspace(0, cell.shape[1], boxes + 1).round().astype(int)
    return [cell[:, left:right] for left, right in pairwise(edges)]


def _printed_boxes(cell: Grey, boxes: int) -> list[Grey] | None:
    """The insides of a printed comb's boxes; None where its upright lines do not stand in the crop, equally far."""
    if min(cell.shape) < _LEAST_SIDE:
        return None
    dark = (cell < math.ceil(_DARK * _quantile(cell, 0.9))).view(np.uint8)
    reach = int(_LINE_SHARE * cell.shape[0]) | 1
    upright = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((reach, 1), np.uint8), borderValue=0)
    lines = _comb_lines(_runs(upright.any(axis=0)), boxes, cell.shape[1])
    if lines is None:
        return None
    columns = [column for first, last in lines for column in range(first, last)]
    ruled = upright[:, columns].mean(axis=1) > 0.5
    level = dark[:, lines[0][1] : lines[-1][0]].mean(axis=1) > _LINE_SHARE
    top, bottom = max(_runs(ruled & ~level), key=lambda run: run[1] - run[0], default=(0, 0))
    if bottom - top < _LEAST_SIDE:
        return None
    return [cell[top + 1 : bottom - 1, left[1] + 1 : right[0] - 1] for left, right in pairwise(lines)]


def _quantile(cell: Grey, share: float) -> float:
    """As numpy's quantile, in a tenth of its time: grey values are counted, not sorted."""
    below = cv2.calcHist([cell], [0], None, [256], [0, 256]).cumsum(dtype=np.int64)
    rank = share * (cell.size - 1)
    lower, upper = below.searchsorted((int(rank), int(rank) + 1), side="right")
    return float(lower + (upper - lower) * (rank - int(rank)))


def _comb_lines(lines: list[tuple[int, int]], boxes: int, width: int) -> list[tuple[int, int]] | None:
    """Of these lines (first column, column after the last) the `boxes` + 1 that stand equally far apart."""
    middles = np.array([(first + last) / 2 for first, last in lines])
    for first, last in product(range(len(lines)), reversed(range(len(lines)))):
        span = float(middles[last] - middles[first])
        if span < _LEAST_SPAN * width:
            break
        places = middles[first] + np.arange(boxes + 1) * span / boxes
        nearest = np.abs(middles[:, None] - places).argmin(axis=0)
        if np.abs(middles[nearest] - places).max() < _STRAY * span / boxes:
            return [lines[at] for at in nearest]
    return None


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where flags are set in a row: first place, place after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def single(box: Sequence[Meaning]) -> list[Meaning]:
    """The meanings of one box: one digit or nothing; everything else cannot be read."""
    kept = [one for one in box if one.state is State.EMPTY or (one.state is State.WRITTEN and len(one.value) == 1)]
    rest = 1.0 - sum(one.probability for one in kept)
    unreadable = Meaning(state=State.UNREADABLE, value="", probability=max(0.0, rest))
    return sorted([*kept, unreadable], key=lambda one: -one.probability)


def join(boxes: Sequence[Sequence[Meaning]]) -> list[Meaning]:
    """The likeliest values of the whole comb, likeliest first, each with the product of its boxes' probabilities.

    Boxes may be empty before and after the digits, not between them. When no box is filled the comb is empty. All
    that is not returned counts as unreadable.
    """
    joined: list[tuple[str, float]] = [("", 1.0)]
    for box in boxes:
        longer = [
            (head + (tail.value or _GAP), probability * tail.probability)
            for head, probability in joined
            for tail in box
            if tail.state is not State.UNREADABLE and not (tail.value and _is_ended(head))
        ]
        joined = sorted(longer, key=lambda one: -one[1])[:_KEPT]
    return _settled(joined)


def _is_ended(head: str) -> bool:
    """Whether an empty box has followed the digits."""
    return head.lstrip(_GAP).endswith(_GAP)


def _settled(joined: list[tuple[str, float]]) -> list[Meaning]:
    """One meaning for each value, wherever in the comb it stands."""
    values: dict[str, float] = defaultdict(float)
    for text, probability in joined:
        values[text.strip(_GAP)] += probability
    readable = [
        Meaning(state=State.WRITTEN if value else State.EMPTY, value=value, probability=probability)
        for value, probability in values.items()
    ]
    rest = max(0.0, 1.0 - sum(values.values()))
    unreadable = Meaning(state=State.UNREADABLE, value="", probability=rest)
    return sorted([*readable, unreadable], key=lambda one: -one.probability)
