"""What an examiner writes as the total of marks: their sum, or, now and then, a slip.

A slip is by 1, 10, a half, 2 or 5 in seven cases of ten (miscounted, a carry forgotten, a half overlooked); in the
others by anything up to the largest mark (one left out, one counted twice), or any total at all. The shares are
judgement, not measurement. Common slips weigh more so that a total that is off by one of them convinces least.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.intp]

COMMON_SLIPS = {Fraction(1): 6, Fraction(1, 2): 5, Fraction(10): 4, Fraction(2): 2, Fraction(5): 1}
"""Differences, either way, and how often one is met against the others."""

COMMON, ONE_MARK, ANY_TOTAL = 0.70, 0.15, 0.15
"""The shares of slips by a common difference, by up to one mark, and to just any total."""


class Slips:
    """How likely each written total is for each sum, in whole units.

    allowed: float64 (K,), 1 for the totals that the field allows, else 0; sums, too, run from 0 to K - 1.
    largest_mark: in units. unit: one unit as a number. slip: how often a person adds wrongly.
    """

    def __init__(self, *, allowed: Floats, largest_mark: int, unit: Fraction, slip: float) -> None:
        self._allowed = allowed
        self._reach = largest_mark
        self._slip = slip
        self._common = [(units, share) for units, share in _common(unit) if units < len(allowed)]
        places = np.arange(len(allowed))
        self._first = np.maximum(places - largest_mark, 0)
        self._end = np.minimum(places + largest_mark + 1, len(allowed))
        self._any_total = ANY_TOTAL / float(allowed.sum())
        self._possible = self._spread(allowed)
        for kept in (self._allowed, self._first, self._end, self._possible):
            kept.setflags(write=False)

    def totals(self, sums: Floats) -> Floats:
        """From how likely each sum is to how likely each total is. float64 (..., K) both."""
        wrong = self._spread(sums / self._possible)
        return self._allowed * ((1.0 - self._slip) * sums + self._slip * wrong)

    def sums(self, totals: Floats) -> Floats:
        """From how well each total fits to how well each sum fits, the transpose. float64 (..., K) both."""
        fits = self._allowed * totals
        return (1.0 - self._slip) * fits + self._slip * self._spread(fits) / self._possible

    def _spread(self, weights: Floats) -> Floats:
        """Weights moved by each difference that a slip makes, as often as it does; symmetric."""
        everywhere = weights.sum(axis=-1, keepdims=True) * self._any_total
        one_mark = ONE_MARK / (2 * self._reach)
        spread: Floats = everywhere + one_mark * (self._window(weights) - weights)
        size, far = weights.shape[-1], max((units for units, _ in self._common), default=0)
        padded = np.zeros((*weights.shape[:-1], far + size + far))
        padded[..., far : far + size] = weights
        for units, share in self._common:
            below, above = padded[..., far - units :], padded[..., far + units :]
            spread += share * (below[..., :size] + above[..., :size])
        return spread

    def _window(self, weights: Floats) -> Floats:
        """At each place the sum of the weights at most the largest mark away."""
        running = np.zeros((*weights.shape[:-1], weights.shape[-1] + 1))
        np.cumsum(weights, axis=-1, out=running[..., 1:])
        windowed: Floats = running.take(self._end, axis=-1) - running.take(self._first, axis=-1)
        return np.maximum(windowed, weights)


def slips_of(*, count: int, largest_total: int, stride: int, largest_mark: int, unit: Fraction, slip: float) -> Slips:
    """The slips among totals in units, of which every `stride`th up to the largest is allowed."""
    allowed = np.zeros(count)
    allowed[: largest_total + 1 : stride] = 1.0
    return Slips(allowed=allowed, largest_mark=largest_mark, unit=unit, slip=slip)


@cache
def _common(unit: Fraction) -> tuple[tuple[int, float], ...]:
    """The common differences in units, with the share of slips that are such a difference in one direction."""
    share = COMMON / (2 * sum(COMMON_SLIPS.values()))
    return tuple(
        (int(difference / unit), share * times)
        for difference, times in COMMON_SLIPS.items()
        if not (difference / unit) % 1
    )


def rounded_places(count: int, unit: Fraction, how: str) -> Integers:
    """For each sum in units the total in units that a person rounds it to. Returns int (count,)."""
    sums = np.arange(count, dtype=np.intp)
    if how == "none":
        return sums
    one = int(1 / unit)
    whole = -(-sums // one) if how == "up" else (2 * sums + one) // (2 * one)  # nearest as in school: a half goes up
    return whole * one
