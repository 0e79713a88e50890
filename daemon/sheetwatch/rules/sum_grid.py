"""The exact grid on which one check's sums live: whole multiples of the greatest common divisor of the fields' steps.

All of it depends on the template alone where its fields have a maximum; so it is kept from page to page, unless it is
large: fields without a maximum make another grid on every page.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd
from typing import TYPE_CHECKING

from sheetwatch.domain import BestOf
from sheetwatch.rules.slips import Slips, rounded_places, slips_of
from sheetwatch.rules.trees import check_fields

if TYPE_CHECKING:
    from sheetwatch.domain import SumCheck
    from sheetwatch.rules.options import Grid
    from sheetwatch.rules.slips import Integers

_MOST_SUMS = 1 << 19
_MOST_STATES = 1 << 19
_MOST_KEPT = 1 << 12  # values of all fields together: a few hundred kB for a grid, of which up to 64 are kept


class SumGrid:
    """The places of a check's fields, sums and rounded sums, all in units.

    grids: of the fields, as `check_fields` has them. `plain`: the fields that always count; `groups`: those of which
    only some do. `strides`: from one value of a field to the next.
    """

    def __init__(self, check: SumCheck, grids: tuple[Grid, ...], slip: float) -> None:
        self._check = check
        self._slip = slip
        self.grids = dict(zip(check_fields(check), grids, strict=True))
        self._unit = self._common_unit()
        self.strides = {name: int(grid.step / self._unit) for name, grid in self.grids.items()}
        terms = [(term,) if isinstance(term, str) else term.of for term in check.terms if not _chooses(term)]
        self.plain = tuple(name for names in terms for name in names)
        self.groups = tuple(term for term in check.terms if isinstance(term, BestOf) and _chooses(term))

    @cached_property
    def feasible(self) -> bool:
        """Whether the sums are few enough to be weighed one by one."""
        most = max((self.largest(group.of) + 1 for group in self.groups), default=0)
        best = max((group.best for group in self.groups), default=0)
        return self.count <= _MOST_SUMS and 2 * most * best * best * most <= _MOST_STATES

    @cached_property
    def sum_count(self) -> int:
        """The number of sums before rounding, from 0 on."""
        grouped = sum(group.best * self.largest(group.of) for group in self.groups)
        return sum(self.largest([name]) for name in self.plain) + grouped + 1

    @cached_property
    def rounded(self) -> Integers:
        """The place of each sum after rounding."""
        places = rounded_places(self.sum_count, self._unit, self._check.round)
        places.setflags(write=False)
        return places

    @cached_property
    def count(self) -> int:
        """The number of places for rounded sums and totals."""
        reach = self.sum_count + (int(1 / self._unit) if self._check.round != "none" else 0)
        return max(reach, self.largest([self._check.total]) + 1)

    @cached_property
    def length(self) -> int:
        """Of the Fourier transforms."""
        return 1 << (self.sum_count - 1).bit_length()

    @cached_property
    def slips(self) -> Slips:
        """Between the rounded sums and the totals."""
        total = self._check.total
        return slips_of(
            count=self.count,
            largest_total=self.largest([total]),
            stride=self.strides[total],
            largest_mark=self.largest([name for name in self.grids if name != total]),
            unit=self._unit,
            slip=self._slip,
        )

    def largest(self, names: list[str] | tuple[str, ...]) -> int:
        """The largest value of any of these fields, in units."""
        return max((self.grids[name].count - 1) * self.strides[name] for name in names)

    def _common_unit(self) -> Fraction:
        steps = [grid.step for grid in self.grids.values()]
        if self._check.round != "none":
            steps.append(Fraction(1))
        unit = steps[0]
        for step in steps[1:]:
            shared = gcd(unit.numerator * step.denominator, step.numerator * unit.denominator)
            unit = Fraction(shared, unit.denominator * step.denominator)
        return unit


def sum_grid(check: SumCheck, grids: tuple[Grid, ...], slip: float) -> SumGrid:
    """The grid of a check, kept for later pages where its fields have few values."""
    keep = sum(grid.count for grid in grids) <= _MOST_KEPT
    return _kept(check, grids, slip) if keep else SumGrid(check, grids, slip)


@lru_cache(maxsize=64)
def _kept(check: SumCheck, grids: tuple[Grid, ...], slip: float) -> SumGrid:
    return SumGrid(check, grids, slip)


def _chooses(term: str | BestOf) -> bool:
    """Whether some of the fields may be left out of the sum."""
    return isinstance(term, BestOf) and term.best < len(term.of)
