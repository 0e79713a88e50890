"""Sums: a written total against the marks above it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from sheetwatch.domain import BestOf, Reason, ReasonCode, canonical_number, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sheetwatch.domain import SumCheck

_ROUNDING = {"up": ROUND_CEILING, "nearest": ROUND_HALF_UP}  # nearest as in school: a half goes up


def sum_reasons(check: SumCheck, values: Mapping[str, str | None]) -> Iterator[Reason]:
    """A mismatch with both numbers. Nothing is said where the total is empty or any part of the sum is unknown."""
    written = _number(values[check.total])
    if written is None or not values[check.total]:
        return
    exact = _sum(check, values)
    if exact is None:
        return
    expected = _rounded(exact, check)
    if written != expected:
        rounded = f" ({canonical_number(exact)} before rounding)" if expected != exact else ""
        detail = f"written {canonical_number(written)}, the marks add up to {canonical_number(expected)}{rounded}"
        yield Reason(code=ReasonCode.SUM_MISMATCH, detail=detail, field=check.total)


def _sum(check: SumCheck, values: Mapping[str, str | None]) -> Decimal | None:
    """The exact sum of all terms; None when a field is unknown."""
    total = Decimal(0)
    for term in check.terms:
        names = term.of if isinstance(term, BestOf) else (term,)
        known = [number for name in names if (number := _number(values[name])) is not None]
        if len(known) < len(names):
            return None
        best = term.best if isinstance(term, BestOf) else 1
        total += sum(sorted(known, reverse=True)[:best], Decimal(0))
    return total


def _rounded(number: Decimal, check: SumCheck) -> Decimal:
    return number if check.round == "none" else number.to_integral_value(_ROUNDING[check.round])


def _number(value: str | None) -> Decimal | None:
    """A value as a number: 0 for an empty one, None for an unknown or malformed one."""
    if value is None:
        return None
    try:
        return parse_number(value) if value else Decimal(0)
    except ValueError:
        return None
