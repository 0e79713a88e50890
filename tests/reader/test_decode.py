from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product
from operator import itemgetter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.reader.decode import (
    condensed,
    exact_probabilities,
    exact_probability,
    frames_of,
    n_best,
    n_best_of_each,
)
from sheetwatch.reader.vocabulary import BLANK, CLASSES, SYMBOLS


def every_string(frames: npt.NDArray[np.float64], classes: list[int]) -> dict[str, float]:
    """The probability of every string, by going through all paths over these classes."""
    sums: dict[str, float] = defaultdict(float)
    for path in product(classes, repeat=len(frames)):
        text = "".join(SYMBOLS[symbol] for symbol, _ in groupby(path) if symbol != BLANK)
        sums[text] += float(np.prod([frame[symbol] for frame, symbol in zip(frames, path, strict=True)]))
    return sums


@st.composite
def lattices(draw: st.DrawFn) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Up to five frames over three symbols and the blank."""
    classes = [*draw(st.lists(st.integers(0, BLANK - 1), min_size=3, max_size=3, unique=True)), BLANK]
    length = draw(st.integers(1, 5))
    weights = np.array(draw(st.lists(st.integers(1, 100), min_size=4 * length, max_size=4 * length)), float)
    frames = np.zeros((length, CLASSES))
    frames[:, classes] = weights.reshape(length, 4)
    return frames / frames.sum(axis=1, keepdims=True), classes


@given(lattices())
def test_exact_probabilities_are_those_of_brute_force(case: tuple[npt.NDArray[np.float64], list[int]]) -> None:
    frames, classes = case
    every = every_string(frames, classes)
    together = exact_probabilities(frames.tolist(), list(every))
    assert together == pytest.approx(every, abs=1e-12)
    assert {text: exact_probability(frames.tolist(), text) for text in every} == together


@given(lattices())
def test_a_wide_beam_finds_the_likeliest_strings_of_brute_force(
    case: tuple[npt.NDArray[np.float64], list[int]],
) -> None:
    frames, classes = case
    best = sorted(every_string(frames, classes).values(), reverse=True)[:5]
    found = n_best(frames, count=5, beam=10_000)
    assert [spelling.probability for spelling in found] == pytest.approx(best, abs=1e-5)


@given(lattices())
def test_the_beam_as_used_finds_the_likeliest_string(case: tuple[npt.NDArray[np.float64], list[int]]) -> None:
    frames, classes = case
    best = max(every_string(frames, classes).values())
    assert n_best(frames)[0].probability == pytest.approx(best, abs=1e-12)


@st.composite
def mostly_blank(draw: st.DrawFn) -> npt.NDArray[np.float64]:
    """Twelve frames, two of them with a symbol, the others surely blank but for a trace of symbols."""
    frames = np.zeros((12, CLASSES))
    frames[:, BLANK] = 1.0
    for row in range(12):
        frames[row, draw(st.integers(0, BLANK - 1))] += draw(st.floats(0.0, 0.005))
    for row in draw(st.lists(st.integers(0, 11), min_size=2, max_size=2, unique=True)):
        frames[row, draw(st.integers(0, BLANK - 1))] += draw(st.floats(1.0, 50.0))
    return frames / frames.sum(axis=1, keepdims=True)


@given(mostly_blank())
def test_condensing_keeps_the_probabilities_but_for_the_second_order(frames: npt.NDArray[np.float64]) -> None:
    few = condensed(frames)
    assert len(few) <= 10
    for spelling in n_best(frames, count=6):
        exact = exact_probability(frames.tolist(), spelling.text)
        assert exact_probability(few.tolist(), spelling.text) == pytest.approx(exact, abs=0.012)


@given(st.lists(st.tuples(mostly_blank() | lattices().map(itemgetter(0)), st.floats(0.5, 2.0)), max_size=4))
def test_many_boxes_at_once_are_those_one_by_one(boxes: list[tuple[npt.NDArray[np.float64], float]]) -> None:
    logits = [np.log(frames + 1e-6) for frames, _ in boxes]
    temperatures = [temperature for _, temperature in boxes]
    one_by_one = [n_best(frames_of(*box)) for box in zip(logits, temperatures, strict=True)]
    assert n_best_of_each(logits, temperatures) == one_by_one


@given(lattices(), st.floats(0.3, 4.0))
def test_temperature_keeps_the_order_of_a_frame(
    case: tuple[npt.NDArray[np.float64], list[int]],
    temperature: float,
) -> None:
    logits = np.log(case[0] + 1e-6)
    softened = frames_of(logits, temperature)
    assert softened.sum(axis=1) == pytest.approx(np.ones(len(logits)))
    assert (softened.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_a_symbol_twice_needs_a_blank_between() -> None:
    one, blank = SYMBOLS.index("1"), BLANK
    frames = np.full((3, CLASSES), 1e-9)
    frames[[0, 1, 2], [one, blank, one]] = 1.0
    assert n_best(frames)[0].text == "11"
    frames[1] = frames[0]
    assert n_best(frames)[0].text == "1"
