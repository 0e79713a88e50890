"""The exact confidence interval of a share (Clopper and Pearson 1934), without a library of statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS = 100


def exact_interval(wrong: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """The lower and upper end, of the two-sided interval, for `wrong` of `count`; 0 to 1 where nothing was counted."""
    if count == 0:
        return 0.0, 1.0
    each_side = (1 - confidence) / 2
    lower = 0.0 if wrong == 0 else _crossing(0.0, wrong / count, lambda p: _at_least(wrong, count, p) < each_side)
    upper = 1.0 if wrong == count else _crossing(wrong / count, 1.0, lambda p: _at_most(wrong, count, p) > each_side)
    return lower, upper


def _crossing(low: float, high: float, is_below: Callable[[float], bool]) -> float:
    """Where, between two shares, a condition stops to hold."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _at_least(wrong: int, count: int, share: float) -> float:
    """How likely so many or more are, for a share below that of `wrong`: the terms get ever smaller."""
    term = total = _exactly(wrong, count, share)
    for number in range(wrong, count):
        term *= (count - number) / (number + 1) * share / (1 - share)
        total += term
        if term < total * 1e-17:
            break
    return total


def _at_most(wrong: int, count: int, share: float) -> float:
    """How likely so many or fewer are: the same from the other end."""
    return _at_least(count - wrong, count, 1 - share)


def _exactly(wrong: int, count: int, share: float) -> float:
    if share in {0.0, 1.0}:
        return float(wrong == count * share)
    ways = math.lgamma(count + 1) - math.lgamma(wrong + 1) - math.lgamma(count - wrong + 1)
    return math.exp(ways + wrong * math.log(share) + (count - wrong) * math.log1p(-share))
