from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import Alternative, Reading, State
from sheetwatch.lab.dataset import load_sources
from sheetwatch.lab.lattice import covered, geometric_mean
from sheetwatch.lab.lattice_cells import LatticeComposer, Layer, labelled, moved_onto
from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL, SYMBOLS, Arc, Weights, arcs_of, n_best
from sheetwatch.lab.lattice_segments import LONGEST_RUN, ROW, candidates_of, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]


def zero(centre: int) -> Grey:
    picture = np.zeros((32, 64), np.uint8)
    return np.asarray(cv2.ellipse(picture, (centre, 16), (7, 11), 0, 0, 360, 255, 3, cv2.LINE_AA), np.uint8)


def seven(left: int) -> Grey:
    picture = np.zeros((32, 64), np.uint8)
    points = np.array([[left, 5], [left + 11, 5], [left + 4, 27]], np.int32)
    return np.asarray(cv2.polylines(picture, [points], isClosed=False, color=255, thickness=3), np.uint8)


@pytest.mark.parametrize("second", [zero(39), seven(31), seven(30)])
def test_touching_digits_are_each_a_candidate(second: Grey) -> None:
    first = zero(23)
    both = np.maximum(first, second)
    assert cv2.connectedComponents((both > 90).astype(np.uint8))[0] == 2, "one part: they touch"
    pieces = pieces_of(both)
    runs = [(one.first, one.last) for one in candidates_of(both, pieces)]
    for mine, other in ((first > 90, second > 90), (second > 90, first > 90)):
        alone, foreign = mine & ~other, other & ~mine
        inside = [(pieces >= start) & (pieces <= end) for start, end in runs]
        assert any((run & alone).sum() >= 0.95 * alone.sum() and (run & foreign).sum() <= 3 for run in inside)


def test_a_long_dash_is_one_piece() -> None:
    dash = np.zeros((32, 128), np.uint8)
    cv2.line(dash, (10, 20), (110, 12), 255, 3, cv2.LINE_AA)
    assert pieces_of(dash).max() == 1


def test_pieces_are_numbered_from_left_to_right_and_cover_the_ink() -> None:
    picture = np.maximum(np.maximum(zero(10), seven(24)), zero(50))
    pieces = pieces_of(picture)
    middles = [np.flatnonzero((pieces == number).any(axis=0))[[0, -1]].mean() for number in range(1, pieces.max() + 1)]
    assert len(middles) >= 3
    assert middles == sorted(middles)
    assert (pieces[picture > 90] > 0).all()


def test_an_empty_picture_has_no_candidates() -> None:
    picture = np.zeros((32, 64), np.uint8)
    assert candidates_of(picture, pieces_of(picture)) == []


def brute_force(arcs: list[Arc], pieces: int) -> dict[str, float]:
    """Every way through the lattice, one by one."""

    def ways(piece: int) -> Iterator[tuple[str, float]]:
        if piece > pieces:
            yield "", 1.0
            return
        for arc in arcs:
            if arc.first == piece:
                yield from ((arc.text + text, arc.weight * weight) for text, weight in ways(arc.last + 1))

    sums: dict[str, float] = defaultdict(float)
    for text, weight in ways(1):
        sums[text] += weight
    total = sum(sums.values())
    return {text: weight / total for text, weight in sums.items()}


@pytest.mark.parametrize("seed", range(20))
def test_the_best_strings_are_those_of_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = int(rng.integers(1, 5))
    runs = [(a, b) for a in range(1, pieces + 1) for b in range(a, min(pieces, a + LONGEST_RUN - 1) + 1)]
    probabilities = [rng.dirichlet(np.full(len(SYMBOLS) + 1, 0.05)).tolist() for _ in runs]
    small = rng.random(pieces) < 0.5
    arcs = arcs_of(runs, probabilities, small.tolist(), Weights(sharpness=0.7, unread=0.05, dirt=0.02))
    expected = brute_force(arcs, pieces)
    found = n_best(arcs, pieces)
    best = max(expected, key=lambda text: expected[text])
    assert found[0].text == best
    for spelling in found[:3]:
        assert spelling.probability == pytest.approx(expected[spelling.text], rel=0.02, abs=1e-6)


def test_a_digit_in_two_pieces_wins_over_its_halves() -> None:
    sure_digit, no_symbol = [0.001] * 14, [0.0005] * 14
    sure_digit[SYMBOLS.index("8")] = 0.987
    no_symbol[NOT_A_SYMBOL] = 0.9935
    arcs = arcs_of(
        [(1, 1), (1, 2), (2, 2)],
        [no_symbol, sure_digit, no_symbol],
        [False, False],
        Weights(sharpness=1.0, unread=0.01, dirt=0.0),
    )
    best = n_best(arcs, 2)[0]
    assert best.text == "8"
    assert best.probability > 0.98


def test_layers_label_the_candidates_of_a_touching_pair() -> None:
    first, second = zero(23), seven(30)
    classes = {
        (one.first, one.last): class_ for one, class_ in labelled(np.maximum(first, second), layers(first, second))
    }
    assert {class_ for class_ in classes.values() if class_ != NOT_A_SYMBOL} == {0, 7}
    assert classes[1, max(last for _, last in classes)] == NOT_A_SYMBOL, "both together"


def layers(first: Grey, second: Grey) -> list[Layer]:
    return [Layer(first, "0"), Layer(second, "7")]


def test_layers_follow_the_picture_and_are_refused_where_it_shows_something_else() -> None:
    first, second = zero(23), seven(30)
    larger = [Layer(cv2.resize(layer.ink, None, fx=2, fy=2), layer.symbol) for layer in layers(first, second)]
    moved = moved_onto(np.maximum(first, second), larger)
    assert np.abs(moved[0].ink.astype(int) - first).mean() < 8
    assert moved_onto(seven(23), larger) == []


def test_every_class_is_composed(shared_data: Path) -> None:
    composer, rng = LatticeComposer(load_sources(shared_data / "train", held_out=True)), np.random.default_rng(3)
    made = [pair for _ in range(250) for pair in composer.candidates(rng)]
    assert {class_ for _, class_ in made} == set(range(NOT_A_SYMBOL + 1))
    assert all(candidate.row.shape == (ROW,) and candidate.row.dtype == np.uint8 for candidate, _ in made)


def test_the_geometric_mean_takes_what_both_hold_likely() -> None:
    one = Reading(
        value="7", state=State.WRITTEN, probability=0.6, alternatives=(Alternative(value="1", probability=0.39),)
    )
    other = Reading(value="1", state=State.WRITTEN, probability=0.9)
    value, sure = geometric_mean(one, other)
    assert value == (State.WRITTEN, "1")
    assert 0.8 < sure < 0.99


def test_a_threshold_takes_equally_sure_readings_together() -> None:
    sure = np.array([0.9, 0.9, 0.8, 0.7, 0.0])
    wrong = np.array([False, True, False, False, False])
    assert covered(sure, wrong, 0.0) == 0.0
    assert covered(sure, wrong, 0.25) == pytest.approx(4 / 5)
