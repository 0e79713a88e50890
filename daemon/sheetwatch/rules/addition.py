"""One check as a piece of evidence between a total and the fields that it adds.

Sums live on an exact grid (`sum_grid`). Distributions on it are added by Fourier transform: all terms at once, and for
each term all the others. The transforms leave noise of 1e-16 of the largest weight; the chance of a slip keeps
everything that matters far above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.rules.best_of import BestOfSum
from sheetwatch.rules.options import Weights
from sheetwatch.rules.sum_grid import sum_grid
from sheetwatch.rules.trees import check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sheetwatch.domain import BestOf, SumCheck
    from sheetwatch.rules.options import Options

    Floats = npt.NDArray[np.float64]
    Waves = npt.NDArray[np.complex128]
    Incoming = Mapping[str, Weights]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """The parts of a sum: the fields that always count, then the groups.

    `said`: what the terms say; `sums`: of the groups; `waves`: how much speaks for each amount of each part,
    transformed, complex128 (parts, hands, frequencies).
    """

    said: tuple[Weights, ...]
    sums: list[BestOfSum]
    waves: Waves


class Addition:
    """A check with the options of its fields.

    What it is given and gives are `Weights` by field name: incoming, how much everything but this check speaks for
    each value; outgoing, how well each value goes with the other fields of this check. An empty total goes with
    everything alike, for no sum was written; an empty term counts as 0.
    """

    def __init__(self, check: SumCheck, options: Mapping[str, Options], slip: float) -> None:
        self.check = check
        self.fields = {name: options[name] for name in check_fields(check)}
        self._grid = sum_grid(check, tuple(field.grid for field in self.fields.values()), slip)
        self._last: _Parts | None = None

    @property
    def feasible(self) -> bool:
        """Whether the sums are few enough to be weighed one by one."""
        return self._grid.feasible

    def toward_total(self, incoming: Incoming) -> Weights:
        """How well each value of the total goes with the terms."""
        grid, total = self._grid, self.check.total
        product = self._parts(incoming).waves.prod(axis=0)
        exact = np.maximum(np.fft.irfft(product, grid.length)[:, : grid.sum_count], 0.0)
        sums = np.zeros((len(exact), grid.count))
        np.add.at(sums.T, grid.rounded, exact.T)
        count = grid.grids[total].count
        values = grid.slips.totals(sums)[:, :: grid.strides[total]][:, :count] * count
        return Weights(np.column_stack([values, exact.sum(axis=1)])).scaled()

    def toward_terms(self, incoming: Incoming) -> dict[str, Weights]:
        """How well each value of each term goes with the total and the other terms."""
        grid, parts = self._grid, self._parts(incoming)
        fits = np.fft.rfft(self._fits(incoming[self.check.total]), grid.length)
        found = np.fft.irfft(_products_of_the_others(parts.waves).conj() * fits, grid.length)
        found = np.maximum(found, 0.0)
        named = {name: self._weights(name, part) for name, part in zip(grid.plain, found, strict=False)}
        for part, group, sums in zip(found[len(grid.plain) :], grid.groups, parts.sums, strict=True):
            for name, field in zip(group.of, sums.toward_fields(part[:, : sums.size]), strict=True):
                named[name] = self._weights(name, field)
        return named

    def _parts(self, incoming: Incoming) -> _Parts:
        """The parts of the sum; kept, for most often they say the same on the way up and down the tree."""
        said = tuple(incoming[name] for name in self.fields if name != self.check.total)
        if self._last is None or self._last.said != said:
            sums = [self._sum_of(group, incoming) for group in self._grid.groups]
            amounts = [self._amounts(name, incoming[name], self._grid.length) for name in self._grid.plain]
            amounts += [_padded(some.distribution(), self._grid.length) for some in sums]
            self._last = _Parts(said=said, sums=sums, waves=np.fft.rfft(np.stack(amounts), self._grid.length))
        return self._last

    def _sum_of(self, group: BestOf, incoming: Incoming) -> BestOfSum:
        size = self._grid.largest(group.of) + 1
        return BestOfSum(np.stack([self._amounts(name, incoming[name], size) for name in group.of]), group.best)

    def _amounts(self, name: str, weights: Weights, size: int) -> Floats:
        """A field's weights by what it adds, in units; nothing adds 0."""
        amounts = self._spaced(name, weights, size)
        amounts[:, 0] += weights.nothing
        return amounts

    def _spaced(self, name: str, weights: Weights, size: int) -> Floats:
        """The weights of a field's values at their places, in units."""
        places = np.zeros((len(weights.each), size))
        stride = self._grid.strides[name]
        places[:, : (self._grid.grids[name].count - 1) * stride + 1 : stride] = weights.values
        return places

    def _weights(self, name: str, amounts: Floats) -> Weights:
        """The way back: what fits an empty field is what fits a 0."""
        values = amounts[:, :: self._grid.strides[name]][:, : self._grid.grids[name].count]
        return Weights(np.concatenate([values, values[:, :1]], axis=1)).scaled()

    def _fits(self, total: Weights) -> Floats:
        """How well each exact sum goes with the total as written: float64 (hands, sums)."""
        grid, name = self._grid, self.check.total
        written = grid.slips.sums(self._spaced(name, total, grid.count))
        fits: Floats = written[:, grid.rounded] * grid.grids[name].count + total.nothing[:, None]
        return fits


def _padded(amounts: Floats, length: int) -> Floats:
    return np.pad(amounts, ((0, 0), (0, length - amounts.shape[1])))


def _products_of_the_others(factors: Waves) -> Waves:
    """For each factor along the first axis, the product of all others."""
    products = np.ones_like(factors)
    np.cumprod(factors[:-1], axis=0, out=products[1:])
    products[:-1] *= np.cumprod(factors[:0:-1], axis=0)[::-1]
    return products
