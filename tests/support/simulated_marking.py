"""Sheets as a reader might read them, without pictures: true values, and readings that are calibrated by construction.

A reading is drawn before it is known whether it is right: the probabilities first, then which of its candidates is the
truth, by just these probabilities. What is mistaken is mistaken as hands are: 1 for 7, 4 for 9, a half overlooked.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, State, Template, canonical_number
from sheetwatch.lab.pen_values import draw_values
from sheetwatch.rules.options import MISLEADING_HANDS
from sheetwatch.rules.trees import check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

_LIKE = {"1": "74", "2": "37", "3": "82", "4": "91", "5": "63", "6": "05", "7": "19", "8": "30", "9": "47", "0": "68"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How well the simulated reader reads.

    `doubtful`: the share of cells with a doubt above a hundredth. `clear_doubt`: the largest doubt of the others.
    `listed`: how much of a doubt the runners-up hold; the rest is something else. `one_hand`: whether mistakes come
    together as `rules.options` fears; else they are independent. Fields in no sum are read for certain.
    """

    doubtful: float = 0.08
    clear_doubt: float = 1e-3
    listed: float = 0.8
    one_hand: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPage:
    """True values and readings, by field name."""

    truth: Mapping[str, str]
    readings: Mapping[str, Reading]


def simulate_page(template: Template, rng: np.random.Generator, skill: Skill, *, slip: bool = False) -> SimulatedPage:
    """One sheet of the template; with `slip` one of its totals is added wrongly."""
    truth = {name: one.value for name, one in draw_values(template, rng, slip=slip).items()}
    misleading = skill.one_hand and rng.random() < MISLEADING_HANDS
    summed = {name for check in template.checks for name in check_fields(check)}
    readings = {
        field.name: _reading(field, truth[field.name], rng, skill, misleading)
        if field.name in summed
        else _certain(truth[field.name])
        for field in template.fields
    }
    return SimulatedPage(truth=truth, readings=readings)


def _certain(truth: str) -> Reading:
    return Reading(value=truth, state=State.WRITTEN if truth else State.EMPTY, probability=0.9999)


def _reading(field: Field, truth: str, rng: np.random.Generator, skill: Skill, misleading: bool) -> Reading:  # noqa: FBT001 - a fact, not a switch
    doubt = _doubt(rng, skill)
    split = rng.dirichlet((3.0, 1.0, 0.5)) * doubt * skill.listed
    shares = [1.0 - doubt, *sorted(split, reverse=True)]
    right = _right(shares, rng, skill, misleading)
    values = _values(field, truth, right, len(shares), rng)
    if right == len(shares):
        values = values[1:]
    state = State.WRITTEN if values[0] else State.EMPTY
    others = tuple(Alternative(value=v, probability=p) for v, p in zip(values[1:], shares[1:], strict=True) if p > 1e-6)
    return Reading(value=values[0], state=state, probability=shares[0], alternatives=others)


def _doubt(rng: np.random.Generator, skill: Skill) -> float:
    if rng.random() < skill.doubtful:
        return float(rng.uniform(0.01, 0.6) if rng.random() < 0.5 else 10 ** rng.uniform(-2, -0.3))
    return float(skill.clear_doubt * 10 ** rng.uniform(-1.5, 0))


def _right(shares: list[float], rng: np.random.Generator, skill: Skill, misleading: bool) -> int:  # noqa: FBT001 - a fact
    """Which candidate is the truth; len(shares): none of them."""
    best, doubt = shares[0], 1.0 - shares[0]
    if skill.one_hand:
        tilted = MISLEADING_HANDS * best / (doubt + MISLEADING_HANDS * best)
        best = tilted if misleading else (best - MISLEADING_HANDS * tilted) / (1.0 - MISLEADING_HANDS)
    if rng.random() < best:
        return 0
    others = [*shares[1:], 1.0 - sum(shares)]
    return 1 + int(rng.choice(len(others), p=[share / sum(others) for share in others]))


def _values(field: Field, truth: str, right: int, count: int, rng: np.random.Generator) -> list[str]:
    """The candidates, likeliest first, the truth at its place; with right == count, the truth stands at the front."""
    place = 0 if right == count else right
    others = [value for value in _mistaken(field, truth, rng) if value != truth][
        : count if right == count else count - 1
    ]
    return [*others[:place], truth, *others[place:]]


def _mistaken(field: Field, truth: str, rng: np.random.Generator) -> list[str]:
    """What a value may be taken for, in random order, likely mistakes first."""
    likely = [truth[:at] + like + truth[at + 1 :] for at, digit in enumerate(truth) for like in _LIKE.get(digit, "")]
    likely += [truth.removesuffix(".5"), f"{truth}.5", truth[1:], "1" + truth]
    rng.shuffle(likely)
    count = int(Decimal(str(field.max)) / _step(field))
    anything = [canonical_number(int(place) * _step(field)) for place in rng.permutation(count + 1)]
    found = [value for value in likely if _allowed(field, value)]
    return list(dict.fromkeys([*found, *anything]))


def _allowed(field: Field, value: str) -> bool:
    plain = value.replace(".", "", 1)
    return value == "" or (
        plain.isdigit() and canonical_number(Decimal(value)) == value and field.allows(Decimal(value))
    )


def _step(field: Field) -> Decimal:
    return Decimal(str(field.step)) if field.kind is FieldKind.MARK else Decimal(1)
