"""1s and 7s of one hand: the border lies in the gap between the two groups, wherever a hand puts it."""

from __future__ import annotations

import math

import pytest

from sheetwatch.reader.one_hand import seven_border, sureness


@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_the_border_lies_between_two_groups(shift: float) -> None:
    ones, sevens = [-5.0, -4.2, -3.8, -4.5], [6.0, 7.0, 6.4, 7.7]
    border = seven_border(odds + shift for odds in ones + sevens)
    assert max(ones) + shift < border < min(sevens) + shift


def test_a_hand_whose_1s_look_like_7s_keeps_them_apart() -> None:
    ones, sevens = [1.0, 2.9, 3.4, 2.2], [9.1, 9.7, 11.4, 10.3]
    assert max(ones) < seven_border(ones + sevens) < min(sevens)


def test_what_is_clear_is_not_moved() -> None:
    assert seven_border([12.0, 11.0]) < 11.0
    assert seven_border([-9.0]) > -9.0
    assert math.isfinite(seven_border([]))


def test_the_nearer_the_border_the_less_sure() -> None:
    assert sureness(1.0, 1.0) == 0.5
    assert sureness(9.0, 1.0) > 0.95
    assert sureness(-7.0, 1.0) == sureness(9.0, 1.0)
