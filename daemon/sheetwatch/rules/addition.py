"""One check as a piece of evidence between a total and the fields that it adds.

Sums live on an exact grid, whole multiples of the greatest common divisor of the fields' steps. Distributions on that
grid are added by Fourier transform: all terms at once, and for each term all the others. The transforms leave noise of
1e-16 of the largest weight; the chance of a slip keeps everything that matters far above it.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import BestOf, SumCheck
from sheetwatch.rules.best_of import BestOfSum
from sheetwatch.rules.options import Weights
from sheetwatch.rules.slips import Slips, rounded_places
from sheetwatch.rules.trees import check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sheetwatch.rules.options import Options

    Floats = npt.NDArray[np.float64]
    Incoming = Mapping[str, Weights]

_MOST_SUMS = 1 << 19
_MOST_STATES = 1 << 19


class Addition:
    """A check with the options of its fields.

    What it is given and gives are `Weights` by field name: incoming, how much everything but this check speaks for
    each value; outgoing, how well each value goes with the other fields of this check. An empty total goes with
    everything alike, for no sum was written; an empty term counts as 0.
    """

    def __init__(self, check: SumCheck, options: Mapping[str, Options], slip: float) -> None:
        self.check = check
        self.fields = {name: options[name] for name in check_fields(check)}
        self._slip = slip
        self._unit = self._common_unit()
        self._strides = {name: int(field.step / self._unit) for name, field in self.fields.items()}
        self._last_sums: dict[BestOf, BestOfSum] = {}

    @property
    def feasible(self) -> bool:
        """Whether the sums are few enough to be weighed one by one."""
        most = max((self._largest(group.of) + 1 for group in self._groups), default=0)
        best = max((group.best for group in self._groups), default=0)
        return self._count <= _MOST_SUMS and 2 * most * best * best * most <= _MOST_STATES

    def toward_total(self, incoming: Incoming) -> Weights:
        """How well each value of the total goes with the terms."""
        product = np.fft.rfft(np.stack(self._parts(incoming)), self._length).prod(axis=0)
        exact = np.maximum(np.fft.irfft(product, self._length)[:, : self._sum_count], 0.0)
        sums = np.zeros((len(exact), self._count))
        np.add.at(sums.T, self._rounded, exact.T)
        total = self.fields[self.check.total]
        values = self._slips.totals(sums)[:, :: self._strides[self.check.total]][:, : total.count] * total.count
        return Weights(values=values, nothing=exact.sum(axis=1)).scaled()

    def toward_terms(self, incoming: Incoming) -> dict[str, Weights]:
        """How well each value of each term goes with the total and the other terms."""
        parts = np.fft.rfft(np.stack(self._parts(incoming)), self._length)
        fits = np.fft.rfft(self._fits(incoming[self.check.total]), self._length)
        found = np.fft.irfft(_products_of_the_others(parts).conj() * fits, self._length)
        found = np.maximum(found, 0.0)
        named: dict[str, Weights] = {}
        for part, name in zip(found, self._plain, strict=False):
            named[name] = self._weights(name, part)
        for part, group in zip(found[len(self._plain) :], self._groups, strict=True):
            sums = self._sum_of(group, incoming)
            for name, field in zip(group.of, sums.toward_fields(part[:, : sums.size]), strict=True):
                named[name] = self._weights(name, field)
        return named

    @cached_property
    def _plain(self) -> tuple[str, ...]:
        """The fields that always count."""
        names = [(term,) if isinstance(term, str) else term.of for term in self.check.terms if not _chooses(term)]
        return tuple(name for some in names for name in some)

    @cached_property
    def _groups(self) -> tuple[BestOf, ...]:
        return tuple(term for term in self.check.terms if isinstance(term, BestOf) and _chooses(term))

    @cached_property
    def _sum_count(self) -> int:
        """The number of sums before rounding, from 0 on."""
        grouped = sum(group.best * self._largest(group.of) for group in self._groups)
        return sum(self._largest([name]) for name in self._plain) + grouped + 1

    @cached_property
    def _rounded(self) -> npt.NDArray[np.intp]:
        return rounded_places(self._sum_count, self._unit, self.check.round)

    @cached_property
    def _count(self) -> int:
        """The number of places for rounded sums and totals."""
        reach = self._sum_count + (int(1 / self._unit) if self.check.round != "none" else 0)
        return max(reach, self._largest([self.check.total]) + 1)

    @cached_property
    def _length(self) -> int:
        return 1 << (self._sum_count - 1).bit_length()

    @cached_property
    def _slips(self) -> Slips:
        allowed = np.zeros(self._count)
        allowed[: self._largest([self.check.total]) + 1 : self._strides[self.check.total]] = 1.0
        names = [*self._plain, *(name for group in self._groups for name in group.of)]
        return Slips(allowed=allowed, largest_mark=self._largest(names), unit=self._unit, slip=self._slip)

    def _common_unit(self) -> Fraction:
        steps = [options.step for options in self.fields.values()]
        if self.check.round != "none":
            steps.append(Fraction(1))
        unit = steps[0]
        for step in steps[1:]:
            shared = gcd(unit.numerator * step.denominator, step.numerator * unit.denominator)
            unit = Fraction(shared, unit.denominator * step.denominator)
        return unit

    def _largest(self, names: list[str] | tuple[str, ...]) -> int:
        """The largest value of any of these fields, in units."""
        return max((self.fields[name].count - 1) * self._strides[name] for name in names)

    def _parts(self, incoming: Incoming) -> list[Floats]:
        """For each part of the sum, a field or a group, how much speaks for each amount: float64 (hands, length)."""
        parts = [self._amounts(name, incoming[name], self._length) for name in self._plain]
        for group in self._groups:
            distribution = self._sum_of(group, incoming).distribution()
            parts.append(np.pad(distribution, ((0, 0), (0, self._length - distribution.shape[1]))))
        return parts

    def _sum_of(self, group: BestOf, incoming: Incoming) -> BestOfSum:
        """The sum of a group; kept, for most often its fields say the same on the way up and down the tree."""
        size = self._largest(group.of) + 1
        weights = np.stack([self._amounts(name, incoming[name], size) for name in group.of])
        last = self._last_sums.get(group)
        if last is None or not np.array_equal(last.weights, weights):
            last = self._last_sums[group] = BestOfSum(weights, group.best)
        return last

    def _amounts(self, name: str, weights: Weights, size: int) -> Floats:
        """A field's weights by what it adds, in units; nothing adds 0."""
        options = self.fields[name]
        amounts = np.zeros((len(weights.values), size))
        stride = self._strides[name]
        amounts[:, : (options.count - 1) * stride + 1 : stride] = weights.values
        amounts[:, 0] += weights.nothing
        return amounts

    def _weights(self, name: str, amounts: Floats) -> Weights:
        """The way back: what fits an empty field is what fits a 0."""
        options = self.fields[name]
        values = amounts[:, :: self._strides[name]][:, : options.count]
        return Weights(values=values, nothing=values[:, 0]).scaled()

    def _fits(self, total: Weights) -> Floats:
        """How well each exact sum goes with the total as written: float64 (hands, sums)."""
        options = self.fields[self.check.total]
        spread = self._amounts(self.check.total, Weights(values=total.values, nothing=np.zeros(2)), self._count)
        fits: Floats = self._slips.sums(spread)[:, self._rounded] * options.count + total.nothing[:, None]
        return fits


def _chooses(term: str | BestOf) -> bool:
    """Whether some of the fields may be left out of the sum."""
    return isinstance(term, BestOf) and term.best < len(term.of)


def _products_of_the_others(factors: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """For each factor along the first axis, the product of all others."""
    ones = np.ones_like(factors[:1])
    before = np.cumprod(np.concatenate([ones, factors[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([ones, factors[:0:-1]]), axis=0)[::-1]
    products: npt.NDArray[np.complex128] = before * after
    return products
