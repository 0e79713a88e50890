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
from functools import cached_property, lru_cache, reduce
from math import isfinite
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

_NOTHING = -1  # the place of an empty or not attempted field, after all values
_ELSEWHERE = -2  # the place of a value that the field does not allow
_NOISE = 1e-13  # what Fourier transforms leave of the largest weight, with room
_LEAST_LARGEST = 99  # a field without a maximum holds at least two digits


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """How much speaks for each value of a field, and for an empty field; only their proportions matter.

    each: float64 (2, count + 1), kinds of hand by values on the field's grid, 0 first, and an empty field last.
    """

    each: Floats

    @property
    def values(self) -> Floats:
        """Of the values, float64 (2, count)."""
        return self.each[:, :-1]

    @property
    def nothing(self) -> Floats:
        """Of an empty field, float64 (2,)."""
        return self.each[:, -1]

    def times(self, others: Iterable[Weights]) -> Weights:
        """These weights with the others multiplied in; the same object where there are none."""
        return reduce(lambda product, other: Weights(product.each * other.each), others, self)

    def scaled(self) -> Weights:
        """The same proportions, between hands as well, with 1 as the largest; unchanged where nothing weighs."""
        largest = float(self.each.max())
        return Weights(self.each / largest) if largest > 0.0 else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The values that a field may hold: 0, step, 2 step, ..., `count` of them."""

    step: Fraction
    count: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Options:
    """The likely contents of one field: the candidates that the reader names, and something else.

    `probabilities`: of the candidates by the ink, the best first; `places`: where each stands on the grid. `shares`:
    float64 (2, candidates + 1), the same under each kind of hand, something else last.
    """

    grid: Grid
    probabilities: tuple[float, ...]
    places: tuple[int, ...]
    shares: Floats

    @cached_property
    def spread(self) -> Floats:
        """How each candidate, and last something else, spreads over the values and an empty field.

        float64 (candidates + 1, count + 1); the sum over each row is 1.
        """
        spread: Floats = np.zeros((len(self.places) + 1, self.grid.count + 1))
        spread[-1, :-1] = elsewhere = _elsewhere(self.grid.count, self.places)
        for candidate, place in zip(spread, self.places, strict=False):
            if place == _ELSEWHERE:
                candidate[:-1] = elsewhere
            else:
                candidate[place] = 1.0
        return spread

    @property
    def ink(self) -> Weights:
        """What the ink alone says."""
        return Weights(self.shares @ self.spread)

    def posterior(self, evidence: Iterable[Weights]) -> Floats | None:
        """The probability of each candidate, and last of something else, once the sums have spoken.

        evidence: how well each value goes with the rest, by check. None where nothing goes with it.
        """
        flat = Weights(np.ones((len(HAND_SHARES), self.grid.count + 1)))
        ratios: Floats = flat.times(evidence).each @ self.spread.T
        joint: Floats = HAND_SHARES @ (self.shares * ratios)
        total = float(joint.sum())
        return joint / total if isfinite(total) and total > _NOISE else None


def options(field: Field, reading: Reading) -> Options:
    """The options of a mark or integer as it was read."""
    readable = reading.state is not State.UNREADABLE
    named = [(reading.value, reading.probability)] if readable else []
    named += [(other.value, other.probability) for other in reading.alternatives]
    step = str(field.step) if field.kind is FieldKind.MARK else "1"
    largest = _largest(field, [value for value, _ in named])
    probabilities = [p if 0.0 <= p <= 1.0 else 0.0 for _, p in named]
    return Options(
        grid=_grid(step, largest),
        probabilities=tuple(probabilities),
        shares=_by_hand(probabilities, tilted=readable),
        places=tuple(_place(value, step, largest) for value, _ in named),
    )


@lru_cache(maxsize=256)
def _grid(step: str, largest: str) -> Grid:
    return Grid(step=Fraction(step), count=int(Decimal(largest) / Decimal(step)) + 1)


def _elsewhere(count: int, places: tuple[int, ...]) -> Floats:
    """A tenth of something else over every value alike, the rest over those that no candidate names, if any."""
    named = {place for place in places if place >= 0}
    if len(named) == count:
        return np.full(count, 1.0 / count)
    spread = np.full(count, _VOID_SHARE / count + (1.0 - _VOID_SHARE) / (count - len(named)))
    spread[list(named)] = _VOID_SHARE / count
    return spread


def _by_hand(probabilities: list[float], *, tilted: bool) -> Floats:
    """The probabilities and the rest under each kind of hand; on average over the hands they stay what they are."""
    weights = [*probabilities, max(0.0, 1.0 - sum(probabilities))]
    total = sum(weights)
    shares = [weight / total for weight in weights]
    if not tilted:
        return np.array([shares, shares])
    best, *doubts = shares
    all_doubted = 1.0 - best + MISLEADING_HANDS * best
    misleading = [MISLEADING_HANDS * best / all_doubted, *(doubt / all_doubted for doubt in doubts)]
    steady = [share - MISLEADING_HANDS * misled for share, misled in zip(shares, misleading, strict=True)]
    return np.array([[max(0.0, share) / (1.0 - MISLEADING_HANDS) for share in steady], misleading])


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
