"""One hand writes a page: where its 1s end and its 7s begin is read off the page itself.

A 1 with a long upstroke in one hand is a 7 in another. Over a page the odds of the two fall into two groups; the border
between them is put where groups such as hands make (two normal ones of unknown mean) explain the odds best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Odds = npt.NDArray[np.float64]

_SPREAD = 2.5  # of one hand's 1s, or 7s, in log odds
_SOFTNESS = 2.0  # log odds from the border at which a digit is believed with 0.73


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Where a hand's mean log odds of 7 against 1 lie, and how far hands differ."""

    mean: float
    spread: float


_ONES, _SEVENS = _Group(mean=-6.0, spread=5.0), _Group(mean=8.5, spread=3.0)


def seven_border(log_odds: Iterable[float]) -> float:
    """From which log odds of 7 against 1 on a page's digits are 7s. log_odds: of each that may be either."""
    ranked: Odds = np.sort(np.array([*log_odds], np.float64))
    every = range(len(ranked) + 1)
    ones = max(every, key=lambda count: _evidence(ranked[:count], _ONES) + _evidence(ranked[count:], _SEVENS))
    low = float(ranked[ones - 1]) if ones else -math.inf
    high = float(ranked[ones]) if ones < len(ranked) else math.inf
    if math.isinf(low) or math.isinf(high):
        return min(max(_usual_border(), low + _SPREAD), high - _SPREAD)
    return (low + high) / 2


def sureness(log_odds: float, border: float) -> float:
    """How likely the side of the border is right that a digit stands on."""
    return 1.0 / (1.0 + math.exp(-min(500.0, abs(log_odds - border) / _SOFTNESS)))


def _usual_border() -> float:
    return (_ONES.mean * _SEVENS.spread + _SEVENS.mean * _ONES.spread) / (_ONES.spread + _SEVENS.spread)


def _evidence(values: Sequence[float] | Odds, group: _Group) -> float:
    """The log likelihood of values of one hand, whose mean is unknown, but for a constant for each value."""
    count = len(values)
    if not count:
        return 0.0
    mean = float(np.mean(values))
    within = float(np.sum((np.asarray(values) - mean) ** 2)) / _SPREAD**2
    wide = _SPREAD**2 + count * group.spread**2
    return -0.5 * (within + count * (mean - group.mean) ** 2 / wide + math.log(wide / _SPREAD**2))
