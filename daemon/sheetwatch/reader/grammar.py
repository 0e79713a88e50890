"""What strings mean in a field: "07" is 7, "7½" is 7.5, "-" is not attempted, "7x" cannot be read."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sheetwatch.domain import Field, FieldKind, State, canonical_number, parse_number
from sheetwatch.reader.vocabulary import STROKE, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sheetwatch.reader.decode import Spelling

# How much less likely than a fitting value it is, before the ink is looked at, that a person writes one that the
# field does not allow. Clear handwriting outweighs it, and then the rules say out-of-range.
_IMPLAUSIBLE = 0.01
# A value is shown, though doubted, unless "cannot be read" is so many times as likely: both go to review.
_HOPELESS = 5.0
# Nobody writes "7-" or "½3", and what the search did not find is mostly such noise; yet something may be hidden there.
_NOISE = 0.05

_NUMBER = re.compile(r"(?:\d+(?:\.?½)?|\d+\.\d+|\.\d+|½)\.?")
_DIGITS = re.compile(r"\d+")


class Meaning(NamedTuple):
    """A value with its state, and how likely the ink says it."""

    state: State
    value: str
    probability: float


def meaning_of(text: str, field: Field) -> tuple[State, str]:
    """State and canonical value of one string in this field."""
    return _meaning(text, field.kind)


@lru_cache(maxsize=10_000)
def _meaning(text: str, kind: FieldKind) -> tuple[State, str]:
    if not text:
        return State.EMPTY, ""
    if not text.strip(STROKE):
        return State.NOT_ATTEMPTED, ""
    if kind is FieldKind.DIGITS:
        plain = text.removesuffix(".")
        return (State.WRITTEN, plain) if _DIGITS.fullmatch(plain) else (State.UNREADABLE, "")
    if not _NUMBER.fullmatch(text):
        return State.UNREADABLE, ""
    return State.WRITTEN, canonical_number(parse_number(_spelled_out(text)))


def meanings(spellings: Iterable[Spelling], field: Field) -> list[Meaning]:
    """The values that these spellings stand for, likeliest first; spellings of one value are summed.

    What no spelling accounts for counts as unreadable, at a discount. Unreadable comes before a value only where it
    is five times as likely.
    """
    weights: dict[tuple[State, str], float] = defaultdict(float)
    missed = 1.0
    allowed = (field.kind, field.length, field.max, field.step)
    for text, probability in spellings:
        meaning, plausibility = _plausible(text, *allowed)
        weights[meaning] += probability * plausibility
        missed -= probability
    weights[State.UNREADABLE, ""] += _NOISE * max(0.0, missed)
    total = sum(weights.values())
    ranked = sorted(weights.items(), key=lambda item: (-_rank(item[0][0], item[1]), item[0]))
    return [Meaning(state, value, weight / total) for (state, value), weight in ranked]


def _rank(state: State, weight: float) -> float:
    return weight / _HOPELESS if state is State.UNREADABLE else weight


def _spelled_out(text: str) -> str:
    """As `parse_number` takes it: ".5" as "0.5", "3.½" as "3½", and no full stop at the end."""
    plain = text.removesuffix(".").replace(".½", "½")
    return f"0{plain}" if plain.startswith(".") else plain


@lru_cache(maxsize=10_000)
def _plausible(
    text: str,
    kind: FieldKind,
    length: int | None,
    largest: float | None,
    step: float,
) -> tuple[tuple[State, str], float]:
    """What a string means in such a field, and how plausible it is there."""
    field = Field(name="", kind=kind, length=length, max=largest, step=step)
    state, value = meaning_of(text, field)
    return (state, value), _plausibility(text, state, value, field)


def _plausibility(text: str, state: State, value: str, field: Field) -> float:
    if state is State.UNREADABLE:
        return 1.0 if UNREADABLE in text else _NOISE
    if state is not State.WRITTEN:
        return 1.0
    if field.kind is FieldKind.DIGITS:
        fits = field.length is None or len(value) == field.length
    else:
        fits = field.allows(Decimal(value))
    return 1.0 if fits else _IMPLAUSIBLE
