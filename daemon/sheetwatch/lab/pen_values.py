"""What stands on a sheet: values for every field of a template, with totals that add up unless asked otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.domain import BestOf, Field, FieldKind, State, SumCheck, Template, canonical_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

_ATTEMPTS = 30
_COMMON_SLIPS = ("1", "-1", "0.5", "-0.5", "2", "10", "-10")


class Flag(StrEnum):
    """What happened in a field beyond a plainly written value."""

    SLIP = "slip"
    BORDER = "border"
    OUT_OF_BOX = "out-of-box"
    STRUCK_OUT = "struck-out"
    OVERWRITTEN = "overwritten"
    CIRCLED = "circled"
    TICK = "tick"
    DOT_AFTER = "dot-after"
    UNIT = "unit"
    TWO_VALUES = "two-values"
    BESIDE = "beside"
    DASH = "dash"
    SLASH = "slash"
    CROSS = "cross"
    LONG_STROKE = "long-stroke"
    SPECK = "speck"
    TOUCHING = "touching"


# A reader that sends these to a person does what DESIGN.md asks for; guessing them wrong it still may not.
REVIEWABLE = frozenset(
    {
        Flag.OUT_OF_BOX,
        Flag.STRUCK_OUT,
        Flag.OVERWRITTEN,
        Flag.CIRCLED,
        Flag.TICK,
        Flag.UNIT,
        Flag.TWO_VALUES,
        Flag.BESIDE,
        Flag.SLASH,
        Flag.CROSS,
        Flag.LONG_STROKE,
        Flag.SPECK,
        Flag.TOUCHING,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What a field of a generated sheet holds. `value` is canonical text, as a perfect reader would give it."""

    value: str
    state: State
    flags: frozenset[Flag] = frozenset()

    @property
    def reviewable(self) -> bool:
        """Whether a reader may rightly leave this field to a person."""
        return bool(self.flags & REVIEWABLE)


def written(value: str, *flags: Flag) -> Truth:
    """A field that holds a value."""
    return Truth(value=value, state=State.WRITTEN, flags=frozenset(flags))


def draw_values(template: Template, rng: np.random.Generator, *, slip: bool = False) -> dict[str, Truth]:
    """Values for every field, in template order.

    Totals follow the template's checks; with `slip` one of them is what a person wrote who added wrongly (flag
    SLIP), and the totals above it count on from there. Raises ValueError when `slip` is asked of a template whose
    checks no slip can break.
    """
    if slip and not template.checks:
        raise ValueError(f"template {template.name!r} has no total that could be wrong")
    for _ in range(_ATTEMPTS):
        truths = {field.name: _draw_value(field, rng) for field in template.fields}
        slipped = str(rng.choice([check.total for check in template.checks])) if slip else None
        if _add_up(template, truths, slipped, rng):
            return truths
    if slip:
        raise ValueError(f"template {template.name!r} has no total in which a slip would fit")
    return _without_totals(template, truths)


def _draw_value(field: Field, rng: np.random.Generator) -> Truth:
    if field.kind is FieldKind.DIGITS:
        return _draw_digits(field, rng)
    if not field.required:
        chance = rng.random()
        if chance < 0.06:
            return Truth(value="", state=State.EMPTY)
        if chance < 0.12:
            sign = (Flag.DASH, Flag.SLASH, Flag.CROSS)[int(rng.choice(3, p=[0.75, 0.18, 0.07]))]
            return Truth(value="", state=State.NOT_ATTEMPTED, flags=frozenset({sign}))
    largest = Decimal(str(field.max if field.max is not None else 99))
    step = Decimal(str(field.step)) if field.kind is FieldKind.MARK else Decimal(1)
    count = int(largest / step)
    steps = int(rng.integers(0, count + 1)) if rng.random() < 0.8 else int(rng.beta(4, 2) * count)
    if step == Decimal("0.5") and rng.random() < 0.35:
        steps -= steps % 2
    return written(canonical_number(steps * step))


def _draw_digits(field: Field, rng: np.random.Generator) -> Truth:
    length = field.length or 4
    if not field.required and rng.random() < 0.15:
        return Truth(value="", state=State.EMPTY)
    if field.name.startswith("date") and length == 6:
        return written(f"{rng.integers(1, 29):02d}{rng.integers(1, 13):02d}{rng.integers(20, 40):02d}")
    if field.roster is not None and field.roster.values:
        return written(str(rng.choice(sorted(field.roster.values))))
    return written("".join(str(digit) for digit in rng.integers(0, 10, length)))


def _add_up(template: Template, truths: dict[str, Truth], slipped: str | None, rng: np.random.Generator) -> bool:
    """Fill in every total, parts before wholes. False when one does not fit its field."""
    waiting = list(template.checks)
    while waiting:
        unknown = {check.total for check in waiting}
        ready = [check for check in waiting if not unknown & set(term_names(check))]
        if not ready:
            return False
        for check in ready:
            number = check_sum(check, truths)
            if check.total == slipped:
                number += Decimal(str(rng.choice(_COMMON_SLIPS)))
            if not template.field(check.total).allows(number):
                return False
            flags = (Flag.SLIP,) if check.total == slipped else ()
            truths[check.total] = written(canonical_number(number), *flags)
            waiting.remove(check)
    return True


def term_names(check: SumCheck) -> tuple[str, ...]:
    """Every field that a check adds."""
    names: list[str] = []
    for term in check.terms:
        names += term.of if isinstance(term, BestOf) else (term,)
    return tuple(names)


def check_sum(check: SumCheck, truths: Mapping[str, Truth]) -> Decimal:
    """What the total of a check should be; fields without a value count as 0."""

    def number(name: str) -> Decimal:
        return Decimal(truths[name].value or "0")

    total = Decimal(0)
    for term in check.terms:
        if isinstance(term, BestOf):
            total += sum(sorted(map(number, term.of), reverse=True)[: term.best], Decimal(0))
        else:
            total += number(term)
    if check.round == "none":
        return total
    return total.to_integral_value(ROUND_CEILING if check.round == "up" else ROUND_HALF_UP)


def _without_totals(template: Template, truths: Mapping[str, Truth]) -> dict[str, Truth]:
    """For a template whose totals cannot hold the sums: leave the totals empty."""
    totals = {check.total for check in template.checks}
    empty = Truth(value="", state=State.EMPTY)
    return {name: empty if name in totals else truth for name, truth in truths.items()}


def with_flags(truth: Truth, *flags: Flag) -> Truth:
    """The same truth with more flags."""
    return replace(truth, flags=truth.flags | set(flags))
