"""Rosters, boxes and readings by hand, and the shares that the posterior starts from."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, Roster, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Box = tuple[Alternative, ...]
Floats = npt.NDArray[np.float64]

SLIP = 0.01
STRANGER = 0.01
VOID = 0.1
SUREST = 0.999999

shares = st.integers(1, 1000).map(lambda number: (number / 1000) ** 4)


def roster_field(values: Iterable[str], comb: int | None = None) -> Field:
    roster = Roster(source="students.csv", column="roll", values=frozenset(values))
    return Field(name="roll", kind=FieldKind.DIGITS, comb=comb, roster=roster)


def box(**weights: float) -> Box:
    """A box by its symbols: box(s7=0.9, s1=0.05, empty=0.01)."""
    seen = [("" if name == "empty" else name[1:], p) for name, p in weights.items()]
    return tuple(Alternative(value=value, probability=p) for value, p in sorted(seen, key=lambda one: -one[1]))


def clear(text: str, probability: float = 0.999) -> list[Box]:
    """Boxes with these digits, a space being an empty box; the rest cannot be read."""
    return [box(**{"empty" if digit == " " else f"s{digit}": probability}) for digit in text]


def joined(boxes: list[Box]) -> dict[str, float]:
    """What the boxes say without a roster."""
    values: dict[str, float] = {}
    for chosen in product(*boxes):
        text = "".join(one.value or " " for one in chosen)
        if " " not in text.strip():
            values[text.strip()] = values.get(text.strip(), 0.0) + prod(one.probability for one in chosen)
    return values


def comb_reading(boxes: list[Box]) -> Reading:
    """As the reader reads a comb."""
    values = joined(boxes)
    ranked = sorted(values.items(), key=lambda one: -one[1])
    rest = 1.0 - sum(values.values())
    others = tuple(Alternative(value=value, probability=p) for value, p in ranked)
    if not ranked or rest > ranked[0][1]:
        return Reading(value="", state=State.UNREADABLE, probability=rest, alternatives=others[:8], boxes=tuple(boxes))
    value, probability = ranked[0]
    return Reading(
        value=value,
        state=State.WRITTEN if value else State.EMPTY,
        probability=probability,
        alternatives=others[1:9],
        boxes=tuple(boxes),
    )


def cell_reading(values: Mapping[str, float], state: State = State.WRITTEN) -> Reading:
    """As the reader reads a whole cell: values, the likeliest first, with their probabilities."""
    others = [Alternative(value=value, probability=p) for value, p in values.items()]
    if state is State.UNREADABLE:
        return Reading(value="", state=state, probability=1.0 - sum(values.values()), alternatives=tuple(others))
    best, *others = others
    return Reading(value=best.value, state=state, probability=best.probability, alternatives=tuple(others))


def told(reading: Reading) -> dict[str, float]:
    """Every value that a reading names, with its probability."""
    own = {} if reading.state is State.UNREADABLE else {reading.value: reading.probability}
    return own | {one.value: one.probability for one in reading.alternatives}


def numbers(count: int, length: int, seed: int) -> list[str]:
    """So many different numbers."""
    drawn = np.random.default_rng(seed).choice(10**length, count, replace=False)
    return [f"{number:0{length}d}" for number in drawn]


def rosters(longest: int) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.text("0137", min_size=1, max_size=longest), min_size=1, max_size=6)


@st.composite
def some_boxes(draw: st.DrawFn, count: int) -> list[Box]:
    boxes = []
    for _ in range(count):
        symbols = draw(st.lists(st.sampled_from(["", *"0137"]), max_size=4, unique=True))
        weights = [draw(shares) for _ in symbols]
        total = sum(weights) + draw(shares)
        seen = [Alternative(value=s, probability=w / total) for s, w in zip(symbols, weights, strict=True)]
        boxes.append(tuple(sorted(seen, key=lambda one: -one.probability)))
    return boxes
