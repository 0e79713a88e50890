from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import State
from sheetwatch.reader import comb
from sheetwatch.reader.grammar import Meaning


def digit(value: str, probability: float = 0.99) -> list[Meaning]:
    return comb.single([Meaning(state=State.WRITTEN, value=value, probability=probability)])


def empty(probability: float = 0.99) -> list[Meaning]:
    return comb.single([Meaning(state=State.EMPTY, value="", probability=probability)])


def test_boxes_cover_the_crop_in_order() -> None:
    cell = np.tile(np.arange(160, dtype=np.uint8), (10, 1))
    boxes = comb.split(cell, 16)
    assert len(boxes) == 16
    assert (np.concatenate(boxes, axis=1) == cell).all()


@given(st.integers(0, 4), st.text("0123456789", min_size=1, max_size=6), st.integers(0, 4))
def test_digits_are_joined_and_empty_ends_left_out(before: int, text: str, after: int) -> None:
    boxes = [*[empty()] * before, *map(digit, text), *[empty()] * after]
    best = comb.join(boxes)[0]
    assert (best.state, best.value) == (State.WRITTEN, text)
    assert best.probability == pytest.approx(0.99 ** len(boxes))


def test_a_gap_between_digits_cannot_be_read() -> None:
    assert comb.join([digit("1"), empty(), digit("2")])[0].state is State.UNREADABLE


def test_a_comb_without_digits_is_empty() -> None:
    assert comb.join([empty()] * 5)[0].state is State.EMPTY


def test_the_runner_up_differs_in_the_weakest_box() -> None:
    doubtful = comb.single(
        [
            Meaning(state=State.WRITTEN, value="7", probability=0.6),
            Meaning(state=State.WRITTEN, value="1", probability=0.4),
        ]
    )
    ranked = comb.join([digit("3"), doubtful, digit("5")])
    assert [one.value for one in ranked[:2]] == ["375", "315"]
    assert sum(one.probability for one in ranked) == pytest.approx(1.0)


@pytest.mark.parametrize(("state", "value"), [(State.WRITTEN, "12"), (State.NOT_ATTEMPTED, ""), (State.UNREADABLE, "")])
def test_a_box_takes_one_digit_or_nothing(state: State, value: str) -> None:
    ranked = comb.single([Meaning(state=state, value=value, probability=0.9)])
    assert ranked[0].state is State.UNREADABLE


def test_one_value_in_two_places_is_counted_together() -> None:
    faint = comb.single(
        [
            Meaning(state=State.EMPTY, value="", probability=0.5),
            Meaning(state=State.WRITTEN, value="1", probability=0.5),
        ]
    )
    ranked = {one.value: one.probability for one in comb.join([faint, faint]) if one.state is not State.UNREADABLE}
    assert ranked == pytest.approx({"1": 0.5, "11": 0.25, "": 0.25})


def some_box(weights: list[float]) -> list[Meaning]:
    """A box that is empty or holds a 3; the last weight is of what cannot be read."""
    total = sum(weights)
    return comb.single(
        [
            Meaning(state=State.WRITTEN if value else State.EMPTY, value=value, probability=weight / total)
            for value, weight in zip(("", "3"), weights, strict=False)
        ]
    )


@given(st.lists(st.lists(st.integers(1, 1000).map(lambda weight: weight**2 / 1e6), min_size=3, max_size=3), max_size=4))
def test_joined_values_against_brute_force(weights: list[list[float]]) -> None:
    boxes = [some_box(each) for each in weights]
    expected: dict[str, float] = {}
    for chosen in product(*boxes):
        text = "".join(one.value or " " for one in chosen)
        if " " not in text.strip() and all(one.state is not State.UNREADABLE for one in chosen):
            probability = float(np.prod([one.probability for one in chosen]))
            expected[text.strip()] = expected.get(text.strip(), 0.0) + probability
    ranked = {one.value: one.probability for one in comb.join(boxes) if one.state is not State.UNREADABLE}
    assert ranked == pytest.approx(expected)


@given(st.integers(2, 16), st.integers(1, 4), st.integers(0, 60), st.integers(0, 60))
def test_a_printed_comb_is_cut_along_its_lines(boxes: int, thick: int, before: int, after: int) -> None:
    pitch, high = 60, 70
    cell = np.full((high + 30, before + boxes * pitch + thick + after), 235, np.uint8)
    for row in (10, 10 + high):
        cell[row : row + thick, before : before + boxes * pitch + thick] = 20
    for box in range(boxes + 1):
        cell[10 : 10 + high, before + box * pitch : before + box * pitch + thick] = 20
    for box in range(boxes):
        cell[30:60, before + box * pitch + 20 : before + box * pitch + 20 + box + 1] = 90
    parts = comb.split(cell, boxes)
    printed = boxes * pitch > 0.76 * cell.shape[1]
    if printed:
        assert all(part.shape[0] >= high - thick - 4 for part in parts)
        assert [int((part[part.shape[0] // 2] < 100).sum()) for part in parts] == list(range(1, boxes + 1))
        assert all(int(part[:, [0, -1]].min()) > 200 and int(part[[0, -1]].min()) > 200 for part in parts)


def test_digits_alone_are_no_comb() -> None:
    cell = np.full((60, 400), 240, np.uint8)
    for left in (30, 130, 230, 330):
        cell[10:50, left : left + 3] = 30  # four 1s, equally far apart, and no line at either end
    assert [part.shape for part in comb.split(cell, 4)] == [(60, 100)] * 4


@given(st.integers(1, 40), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_counted_and_sorted_grey_values_have_one_quantile(rows: int, columns: int, seed: int) -> None:
    cell = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)
    assert comb._quantile(cell, 0.9) == pytest.approx(float(np.quantile(cell, 0.9)))
