"""What one field may hold, as weights on the grid of the values that it allows.

Two kinds of hand are weighed side by side, because mistakes in one hand come together: who writes a 4 like a 9 does so
in the marks and in the total, and two mistakes that cancel would pass for a sum that confirms itself. One hand in
twenty is taken to mislead: in it every doubt has twenty times the odds, in the others so much less that each reading
alone keeps its calibrated probability. Two particular mistakes are thus up to twenty times as likely to meet as by
chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import FieldKind, State, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from sheetwatch.domain import Field, Reading

    Floats = npt.NDArray[np.float64]

MISLEADING_HANDS = 0.05
HAND_SHARES = np.array([1.0 - MISLEADING_HANDS, MISLEADING_HANDS])

_VOID_SHARE = 0.1
"""Of something else, how much is not meant or not legible at all, so that the sum may go with any candidate and the
cell still not be read: a sum that matches does not make sure of what could not be read."""

_NOTHING = -1  # the place of an empty or not attempted field
_ELSEWHERE = -2  # the place of a value that the field does not allow
_NOISE = 1e-13  # what Fourier transforms leave of the largest weight, with room
_LEAST_LARGEST = 99  # a field without a maximum holds at least two digits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """How much speaks for each value of a field, and for an empty field; only their proportions matter.

    values: float64 (2, count), kinds of hand by values on the field's grid, 0 first; nothing: float64 (2,).
    """

    values: Floats
    nothing: Floats

    def times(self, others: Iterable[Weights]) -> Weights:
        """These weights with the others multiplied in."""
        values, nothing = self.values, self.nothing
        for other in others:
            values, nothing = values * other.values, nothing * other.nothing
        return Weights(values=values, nothing=nothing)

    def scaled(self) -> Weights:
        """The same proportions, between hands as well, with 1 as the largest; unchanged where nothing weighs."""
        largest = max(float(self.values.max()), float(self.nothing.max()))
        if not largest > 0.0:
            return self
        return Weights(values=self.values / largest, nothing=self.nothing / largest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """The likely contents of one field: the candidates that the reader names, and something else.

    `step`: between two values of the grid 0, step, 2 step, ... of `count` values. `probabilities`: of the candidates
    by the ink, the best first; `places`: where each stands on the grid. `shares`: float64 (2, candidates + 1), the
    same under each kind of hand, something else last.
    """

    step: Fraction
    count: int
    probabilities: tuple[float, ...]
    places: tuple[int, ...]
    shares: Floats

    @property
    def elsewhere(self) -> Floats:
        """How something else spreads over the grid, float64 (count,), sum 1.

        A tenth of it over every value alike, the rest over the values that no candidate names, if there are any.
        """
        unnamed = np.ones(self.count)
        unnamed[[place for place in self.places if place >= 0]] = 0.0
        if not unnamed.any():
            return np.full(self.count, 1.0 / self.count)
        spread: Floats = _VOID_SHARE / self.count + (1.0 - _VOID_SHARE) * unnamed / unnamed.sum()
        return spread

    @property
    def ink(self) -> Weights:
        """What the ink alone says."""
        elsewhere = self.elsewhere
        values = np.outer(self.shares[:, -1], elsewhere)
        nothing = np.zeros(len(HAND_SHARES))
        for place, share in zip(self.places, self.shares.T, strict=False):
            if place == _NOTHING:
                nothing += share
            elif place == _ELSEWHERE:
                values += np.outer(share, elsewhere)
            else:
                values[:, place] += share
        return Weights(values=values, nothing=nothing)

    def posterior(self, evidence: Iterable[Weights]) -> Floats | None:
        """The probability of each candidate, and last of something else, once the sums have spoken.

        evidence: how well each value goes with the rest, by check. None where nothing goes with it.
        """
        flat = np.ones((len(HAND_SHARES), self.count))
        fits = Weights(values=flat, nothing=flat[:, 0]).times(evidence)
        anything = fits.values @ self.elsewhere
        by_place = {_NOTHING: fits.nothing, _ELSEWHERE: anything}
        ratios = [by_place[place] if place < 0 else fits.values[:, place] for place in self.places]
        joint = HAND_SHARES @ (self.shares * np.column_stack([*ratios, anything]))
        total = float(joint.sum())
        return joint / total if np.isfinite(total) and total > _NOISE else None


def options(field: Field, reading: Reading) -> Options:
    """The options of a mark or integer as it was read."""
    readable = reading.state is not State.UNREADABLE
    named = [(reading.value, reading.probability)] if readable else []
    named += [(other.value, other.probability) for other in reading.alternatives]
    step = str(field.step) if field.kind is FieldKind.MARK else "1"
    largest = _largest(field, [value for value, _ in named])
    probabilities = [p if 0.0 <= p <= 1.0 else 0.0 for _, p in named]
    return Options(
        step=Fraction(step),
        count=int(Decimal(largest) / Decimal(step)) + 1,
        probabilities=tuple(probabilities),
        places=tuple(_place(value, step, largest) for value, _ in named),
        shares=_by_hand(probabilities, tilted=readable),
    )


def _by_hand(probabilities: list[float], *, tilted: bool) -> Floats:
    """The probabilities and the rest under each kind of hand; on average over the hands they stay what they are."""
    rest = max(0.0, 1.0 - sum(probabilities))
    shares = np.array([*probabilities, rest])
    shares /= shares.sum()
    if not tilted:
        return np.stack([shares, shares])
    doubt = 1.0 - shares[0]
    misleading = shares / (doubt + MISLEADING_HANDS * shares[0])
    misleading[0] *= MISLEADING_HANDS
    steady = (shares - MISLEADING_HANDS * misleading) / (1.0 - MISLEADING_HANDS)
    return np.stack([np.maximum(steady, 0.0), misleading])


def _largest(field: Field, values: list[str]) -> str:
    """The end of the field's grid; without a maximum, the largest number with as many digits as what was read."""
    if field.max is not None:
        return str(field.max)
    digits = max((len(value.partition(".")[0]) for value in values), default=0)
    return str(max(_LEAST_LARGEST, 10**digits - 1))


@lru_cache(maxsize=4096)
def _place(value: str, step: str, largest: str) -> int:
    """Where a value stands on the grid 0, step, ... largest."""
    if not value:
        return _NOTHING
    try:
        number = parse_number(value)
    except ValueError:
        return _ELSEWHERE
    fits = number <= Decimal(largest) and not number % Decimal(step)
    return int(number / Decimal(step)) if fits else _ELSEWHERE
