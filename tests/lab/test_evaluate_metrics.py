"""The measures of an evaluation against values computed by hand, and against scikit-learn where it is installed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.lab import evaluate_metrics as metrics
from sheetwatch.lab.evaluate_metrics import EMPTY, OTHER, UNREADABLE, Outcomes

if TYPE_CHECKING:
    import random


def outcomes(
    sure: list[float], right: list[bool], *, readable: list[bool] | None = None, threshold: float = 0.9
) -> Outcomes:
    """Outcomes of which only the numbers matter."""
    can = np.array(readable if readable is not None else [True] * len(sure), bool)
    return Outcomes(
        truths=("1",) * len(sure),
        reads=tuple("1" if hit else "7" for hit in right),
        sure=np.array(sure),
        right=np.array(right, bool),
        readable=can,
        accepted=can & (np.array(sure) >= threshold),
    )


TRUTHS = ["1", "1", "1", "7", "7", EMPTY]
READS = ["1", "1", "7", "7", UNREADABLE, "1"]


def test_precision_recall_f1_and_support_by_hand() -> None:
    one, seven, empty = metrics.class_scores(TRUTHS, READS)
    assert [one.name, seven.name, empty.name] == ["1", "7", EMPTY]
    assert [one.precision, one.recall, one.f1] == pytest.approx([2 / 3, 2 / 3, 2 / 3])
    assert one.support == 3
    assert (seven.precision, seven.recall, seven.f1) == (0.5, 0.5, 0.5)
    assert (empty.precision, empty.recall, empty.f1, empty.support) == (0, 0, 0, 1)


def test_precision_recall_and_f1_agree_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(5)
    truths = [str(digit) for digit in rng.integers(0, 10, 500)]
    reads = [truth if rng.random() < 0.8 else str(rng.integers(0, 12)) for truth in truths]
    scores = metrics.class_scores(truths, reads)
    names = [score.name for score in scores]
    expected = sklearn.precision_recall_fscore_support(truths, reads, labels=names, zero_division=0)
    ours = np.array([(one.precision, one.recall, one.f1, one.support) for one in scores]).T
    np.testing.assert_allclose(ours, np.array(expected))


def test_brier_score_and_log_loss_agree_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(6)
    sure = rng.random(300)
    right = rng.random(300) < sure
    figures = metrics.measure(outcomes(list(sure), list(right)))
    assert figures.brier == pytest.approx(sklearn.brier_score_loss(right, sure))
    assert figures.log_loss == pytest.approx(sklearn.log_loss(right, sure))


def test_the_confusion_matrix_counts_every_cell() -> None:
    found = metrics.confusion([*TRUTHS, "7"], [*READS, "3.5"])
    assert found is not None
    assert found.truths == ("1", "7", EMPTY)
    assert found.reads == ("1", "7", EMPTY, UNREADABLE, OTHER)
    assert found.counts.tolist() == [[2, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]]


def test_a_set_of_many_values_has_no_matrix() -> None:
    values = [str(number) for number in range(17)]
    assert metrics.confusion(values, values) is None
    assert metrics.confusion(values[:16], values[:16]) is not None


def test_classes_stand_in_the_order_of_their_values() -> None:
    values = ["10", "9", "0.5", "9.5", EMPTY]
    assert [score.name for score in metrics.class_scores(values, values)] == ["0.5", "9", "9.5", "10", EMPTY]


def test_the_most_frequent_mistakes_come_first() -> None:
    mixed = Outcomes(
        truths=("7", "7", "4", "1", "1"),
        reads=("1", "1", "9", "1", UNREADABLE),
        sure=np.full(5, 0.5),
        right=np.array([False, False, False, True, False]),
        readable=np.array([True] * 4 + [False]),
        accepted=np.zeros(5, bool),
    )
    pairs = [(pair.truth, pair.read, pair.count) for pair in metrics.confused_pairs(mixed)]
    assert pairs == [("7", "1", 2), ("1", UNREADABLE, 1), ("4", "9", 1)]


def test_the_calibration_error_by_hand() -> None:
    sample = outcomes([0.95, 0.95, 0.55, 0.55], [True, True, True, False])
    bins = metrics.reliability(sample)
    assert [(one.cells, one.right_share) for one in bins] == [(2, 0.5), (2, 1.0)]
    assert metrics.calibration_error(bins) == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)


def test_a_probability_of_one_falls_into_the_last_bin() -> None:
    (one,) = metrics.reliability(outcomes([1.0, 1.0], [True, False]))
    assert (one.high, one.cells, one.mean_probability, one.right_share) == (1.0, 2, 1.0, 0.5)


def test_counts_and_scores_by_hand() -> None:
    figures = metrics.measure(outcomes([0.99, 0.95, 0.8, 0.5], [True, False, True, True]))
    assert (figures.cells, figures.right, figures.accepted, figures.accepted_wrong) == (4, 3, 2, 1)
    assert (figures.accuracy, figures.coverage) == (0.75, 0.5)
    assert figures.brier == pytest.approx((0.01**2 + 0.95**2 + 0.2**2 + 0.5**2) / 4)
    expected = -(math.log(0.99) + math.log(0.05) + math.log(0.8) + math.log(0.5)) / 4
    assert figures.log_loss == pytest.approx(expected)


def test_no_mistake_among_many_leaves_the_exact_bound() -> None:
    figures = metrics.measure(outcomes([0.99] * 3000, [True] * 3000))
    assert figures.error_bound == pytest.approx(1 - 0.05 ** (1 / 3000), rel=1e-6)


def test_certainty_that_is_wrong_costs_much_but_not_infinitely() -> None:
    assert 10 < metrics.measure(outcomes([1.0], [False])).log_loss < 20


def test_nothing_accepted_proves_nothing() -> None:
    assert metrics.measure(outcomes([0.1], [True])).error_bound == 1.0


def test_an_empty_set_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="without cells"):
        metrics.measure(outcomes([], []))


def test_risk_and_coverage_by_hand() -> None:
    curve = metrics.risk_curve(outcomes([0.6, 0.9, 0.8, 0.7], [True, True, False, True]))
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert metrics.risk_at(curve, 0.5) == 0.5
    assert metrics.risk_at(curve, 0.51) == pytest.approx(1 / 3)


def test_refusals_come_last_however_sure() -> None:
    curve = metrics.risk_curve(outcomes([0.99, 0.5], [False, True], readable=[False, True]))
    assert curve.threshold.tolist() == [0.5, 0.0]
    assert curve.risk.tolist() == [0.0, 0.5]


def test_alike_sure_readings_stand_or_fall_together() -> None:
    curve = metrics.risk_curve(outcomes([0.9, 0.9, 0.9, 0.5], [True, False, True, True]))
    assert curve.coverage.tolist() == [0.75, 1.0]
    assert curve.area == pytest.approx((1 / 3 + 1 / 3 + 1 / 3 + 1 / 4) / 4)


readings = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9, 0.99, 1.0]), st.booleans(), st.booleans()), min_size=1, max_size=40
)


@given(readings, st.randoms(use_true_random=False))
def test_no_figure_depends_on_the_order_of_the_cells(
    cells: list[tuple[float, bool, bool]], chance: random.Random
) -> None:
    def figures(rows: list[tuple[float, bool, bool]]) -> list[float]:
        sample = outcomes(
            [row[0] for row in rows], [row[1] for row in rows], readable=[row[2] for row in rows], threshold=0.5
        )
        one, curve = metrics.measure(sample), metrics.risk_curve(sample)
        return [one.accuracy, one.coverage, one.error_bound, one.calibration_error, one.brier, curve.area]

    shuffled = list(cells)
    chance.shuffle(shuffled)
    assert figures(shuffled) == pytest.approx(figures(cells))


@given(readings)
def test_the_curve_ends_at_the_error_rate(cells: list[tuple[float, bool, bool]]) -> None:
    sample = outcomes([one[0] for one in cells], [one[1] for one in cells], readable=[one[2] for one in cells])
    curve = metrics.risk_curve(sample)
    assert curve.coverage[-1] == 1.0
    assert curve.risk[-1] == pytest.approx(1 - sample.right.mean())
    assert 0.0 <= curve.area <= 1.0
