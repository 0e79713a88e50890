"""What befalls a sheet while it is filled in: corrections, dashes, ticks, values that miss their box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import Box, Field, FieldKind, State, Template
from sheetwatch.lab.hand import Difficulty
from sheetwatch.lab.pen_values import Flag, Truth, with_flags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import numpy as np

# Chance of each incident in one written mark or integer of a sheet of mixed difficulty.
_RATES = {
    Flag.BORDER: 0.03,
    Flag.OUT_OF_BOX: 0.004,
    Flag.STRUCK_OUT: 0.006,
    Flag.OVERWRITTEN: 0.004,
    Flag.CIRCLED: 0.006,
    Flag.TICK: 0.004,
    Flag.DOT_AFTER: 0.01,
    Flag.UNIT: 0.003,
    Flag.TOUCHING: 0.008,
}
_HARD_RATES = {Flag.TWO_VALUES: 0.01, Flag.BESIDE: 0.006}
_IN_A_COMB = frozenset({Flag.BORDER, Flag.OVERWRITTEN})
_FACTOR = {Difficulty.EASY: 0.0, Difficulty.MIXED: 1.0, Difficulty.HARD: 4.0}


def befall(
    template: Template, truths: Mapping[str, Truth], difficulty: Difficulty, rng: np.random.Generator
) -> dict[str, Truth]:
    """The truths with a flag for each thing that is to happen; at most one incident to a field."""
    totals = {check.total for check in template.checks}
    struck = {field.name: _befall_one(field, truths[field.name], difficulty, totals, rng) for field in template.fields}
    return _join_dashes(template, struck, difficulty, rng)


def _befall_one(
    field: Field,
    truth: Truth,
    difficulty: Difficulty,
    totals: AbstractSet[str],
    rng: np.random.Generator,
) -> Truth:
    if difficulty is Difficulty.EASY:
        return truth
    if truth.state is State.EMPTY:
        speck = rng.random() < 0.004 * _FACTOR[difficulty]
        return with_flags(truth, Flag.SPECK) if speck else truth
    if truth.state is not State.WRITTEN:
        return truth
    flag = _draw_flag(field, difficulty, rng)
    if flag is None or (flag is Flag.BESIDE and field.name not in totals):
        return truth
    if flag in {Flag.TWO_VALUES, Flag.TOUCHING} and not _fits(flag, truth.value):
        return truth
    return with_flags(truth, flag)


def _draw_flag(field: Field, difficulty: Difficulty, rng: np.random.Generator) -> Flag | None:
    rates = {flag: rate * _FACTOR[difficulty] for flag, rate in _RATES.items()}
    if difficulty is Difficulty.HARD:
        rates |= _HARD_RATES
    if field.kind is FieldKind.DIGITS:
        rates = {flag: rate for flag, rate in rates.items() if flag in _IN_A_COMB}
    chance = rng.random()
    for flag, rate in rates.items():
        chance -= rate
        if chance < 0:
            return flag
    return None


def _fits(flag: Flag, value: str) -> bool:
    if flag is Flag.TWO_VALUES:
        return "." not in value and 2 <= int(value) <= 20
    return len(value.partition(".")[0]) >= 2


def _join_dashes(
    template: Template, truths: dict[str, Truth], difficulty: Difficulty, rng: np.random.Generator
) -> dict[str, Truth]:
    """Neighbouring boxes without a value share one long stroke now and then."""
    boxes = {field.name: field.box for field in template.fields if field.box is not None}
    for run in runs_of_neighbours(boxes, [name for name in boxes if _dashed(truths[name])]):
        if len(run) > 1 and difficulty is not Difficulty.EASY and rng.random() < 0.5:
            truths |= {name: with_flags(truths[name], Flag.LONG_STROKE) for name in run}
    return truths


def _dashed(truth: Truth) -> bool:
    return truth.state is State.NOT_ATTEMPTED


def runs_of_neighbours(boxes: Mapping[str, Box], names: Sequence[str]) -> list[list[str]]:
    """Named boxes in their given order, grouped where each stands right of or under the one before."""
    runs: list[list[str]] = []
    for name in names:
        if runs and _adjoin(boxes[runs[-1][-1]], boxes[name]):
            runs[-1].append(name)
        else:
            runs.append([name])
    return runs


def _adjoin(before: Box, after: Box) -> bool:
    beside = abs(after.top - before.top) < 0.2 * before.height and 0 <= after.left - before.right < 0.3 * before.width
    below = abs(after.left - before.left) < 0.2 * before.width and 0 <= after.top - before.bottom < 0.3 * before.height
    return beside or below
