"""A roster of a hundred thousand numbers costs little."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sheetwatch.rules.known_numbers import known_numbers
from sheetwatch.rules.roster import on_roster
from support.rosters import Floats, box, clear, comb_reading, numbers, roster_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Field


@pytest.fixture(scope="module")
def large() -> Field:
    return roster_field(numbers(100_000, 12, 6), 12)


def shortest(action: Callable[[], object]) -> float:
    """The least processor time of some tries, in seconds."""
    tries = []
    for _ in range(5):
        started_s = process_time()
        action()
        tries.append(process_time() - started_s)
    return min(tries)


def test_a_large_roster_costs_little_more_than_one_look_at_it(large: Field) -> None:
    assert large.roster is not None
    values = sorted(large.roster.values)
    boxes = [*clear(values[0][:5]), box(s1=0.5, s2=0.4), *clear(values[0][6:])]
    reading = comb_reading(boxes)
    table = np.full((12, 10), 1e-4)
    digits = known_numbers(large.roster).group(12).digits

    def look() -> Floats:
        weights = np.ones(digits.shape[1])
        for place, row in enumerate(digits):
            weights *= table[place].take(row)
        return weights

    on_roster(large, reading)
    assert shortest(lambda: on_roster(large, reading)) < 25 * shortest(look)


def test_a_large_roster_is_laid_out_once_and_small(large: Field) -> None:
    assert large.roster is not None
    known = known_numbers(large.roster)
    assert known is known_numbers(large.roster)
    assert known.group(12).digits.nbytes == 1_200_000
    assert known.group(12).value(0) == min(large.roster.values)
