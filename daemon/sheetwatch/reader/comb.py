"""A comb: a row of equal boxes, one digit each, read box by box and joined."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import State
from sheetwatch.reader.grammar import Meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_KEPT = 8  # joined values carried from box to box
_GAP = " "  # an empty box while joining
_FILLED_IN_ONE_RUN = re.compile(r" *[0-9]+ *")


def split(cell: Grey, boxes: int) -> list[Grey]:
    """The crop of a comb as its boxes. cell: uint8 (H, W). A crop narrower than that gives empty boxes."""
    edges = np.linspace(0, cell.shape[1], boxes + 1).round().astype(int)
    return [cell[:, left:right] for left, right in pairwise(edges)]


def single(box: Sequence[Meaning]) -> list[Meaning]:
    """The meanings of one box: one digit or nothing; everything else cannot be read."""
    kept = [one for one in box if one.state is State.EMPTY or (one.state is State.WRITTEN and len(one.value) == 1)]
    rest = 1.0 - sum(one.probability for one in kept)
    unreadable = Meaning(state=State.UNREADABLE, value="", probability=max(0.0, rest))
    return sorted([*kept, unreadable], key=lambda one: -one.probability)


def join(boxes: Sequence[Sequence[Meaning]]) -> list[Meaning]:
    """The likeliest values of the whole comb, likeliest first, each with the product of its boxes' probabilities.

    Boxes may be empty before and after the digits, not between them. When no box is filled the comb is empty.
    """
    partial = [Meaning(state=State.WRITTEN, value="", probability=1.0)]
    for box in boxes:
        longer = [_appended(head, tail) for head in partial for tail in box]
        partial = sorted(longer, key=lambda one: -one.probability)[:_KEPT]
    return _settled(partial)


def _appended(head: Meaning, tail: Meaning) -> Meaning:
    probability = head.probability * tail.probability
    if State.UNREADABLE in (head.state, tail.state):
        return Meaning(state=State.UNREADABLE, value="", probability=probability)
    return Meaning(state=State.WRITTEN, value=head.value + (tail.value or _GAP), probability=probability)


def _settled(joined: list[Meaning]) -> list[Meaning]:
    """Gaps resolved; whatever cannot be read counted together."""
    readable: list[Meaning] = []
    for one in joined:
        if one.state is State.UNREADABLE:
            continue
        if not one.value.strip():
            readable.append(replace(one, state=State.EMPTY, value=""))
        elif _FILLED_IN_ONE_RUN.fullmatch(one.value):
            readable.append(replace(one, value=one.value.strip()))
    rest = max(0.0, 1.0 - sum(one.probability for one in readable))
    unreadable = Meaning(state=State.UNREADABLE, value="", probability=rest)
    return sorted([*readable, unreadable], key=lambda one: -one.probability)
