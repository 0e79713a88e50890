"""A comb: a row of equal boxes, one digit each, read box by box and joined."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import State
from sheetwatch.reader.grammar import Meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_KEPT = 16  # joined values carried from box to box
_GAP = " "  # an empty box while joining


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
