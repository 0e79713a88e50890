"""The grids of checks: which are kept from page to page."""

from __future__ import annotations

from fractions import Fraction

import pytest

from sheetwatch.domain import SumCheck
from sheetwatch.rules.options import Grid
from sheetwatch.rules.sum_grid import sum_grid


def grid(terms: int, values: int) -> object:
    names = tuple(f"q{number}" for number in range(terms))
    grids = [Grid(step=Fraction(1, 2), count=values)] * (terms + 1)
    return sum_grid(SumCheck(total="t", terms=names), tuple(grids), 0.01)


@pytest.mark.parametrize(("terms", "values", "kept"), [(20, 41, True), (2, 200_000, False), (40, 1_999, False)])
def test_a_grid_is_kept_for_later_pages_unless_it_is_large(terms: int, values: int, *, kept: bool) -> None:
    assert (grid(terms, values) is grid(terms, values)) == kept
