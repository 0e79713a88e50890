from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import State
from sheetwatch.lab.train_calibrate import Fitted, Outcomes, risk_coverage, upper_bound
from sheetwatch.reader.calibrate import calibrated, sharpened, smallest_threshold
from sheetwatch.reader.grammar import Meaning
from sheetwatch.reader.manifest import Calibration, RiskPoint


def calibration(slope: float = 1.0, offset: float = 0.0, ceiling: float = 0.9999) -> Calibration:
    return Calibration(
        temperature=1.0,
        slope=slope,
        offset=offset,
        ceiling=ceiling,
        empty=0.999,
        doubtful_empty=0.99,
        doubtful=0.9,
    )


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 3), st.floats(-3, 3))
def test_calibration_keeps_the_order_and_stays_below_the_ceiling(
    one: float, other: float, slope: float, offset: float
) -> None:
    fitted = calibration(slope, offset)
    low, high = sorted((one, other))
    assert 0.0 <= calibrated(low, fitted) <= calibrated(high, fitted) <= 0.9999


def test_without_slope_and_offset_nothing_changes() -> None:
    assert calibrated(0.8, calibration(ceiling=1.0)) == pytest.approx(0.8)


def test_the_others_share_what_the_best_leaves() -> None:
    ranked = [
        Meaning(state=State.WRITTEN, value="7", probability=0.8),
        Meaning(state=State.WRITTEN, value="1", probability=0.15),
        Meaning(state=State.UNREADABLE, value="", probability=0.05),
    ]
    result = sharpened(ranked, calibration(slope=0.5))
    assert sum(one.probability for one in result) == pytest.approx(1.0)
    assert result[1].probability == pytest.approx(3 * result[2].probability)
    assert result[0].probability < 0.8


def test_no_other_becomes_likelier_than_the_best() -> None:
    ranked = [
        Meaning(state=State.WRITTEN, value="2", probability=0.52),
        Meaning(state=State.WRITTEN, value="6", probability=0.47),
        Meaning(state=State.UNREADABLE, value="", probability=0.01),
    ]
    result = sharpened(ranked, calibration(offset=-1.2))
    assert result[0].probability == pytest.approx(result[1].probability)
    assert sum(one.probability for one in result) < 1.0


@pytest.mark.parametrize(
    ("wrong", "count", "bound"),
    # no error in n: 1 - 0.05 ** (1 / n); the others from tables of the exact binomial interval
    [(0, 100, 0.02951), (0, 2995, 0.001), (1, 100, 0.04656), (5, 100, 0.10225), (100, 100, 1.0)],
)
def test_the_error_bound_is_the_exact_binomial_one(wrong: int, count: int, bound: float) -> None:
    assert upper_bound(wrong, count) == pytest.approx(bound, abs=2e-5)


def test_risk_and_coverage_count_from_the_surest_down() -> None:
    sure = np.linspace(0.5, 0.99, 1000)
    outcomes = Outcomes(
        sure=sure, right=sure > 0.6, readable=np.ones(1000, np.bool_), left_out=np.zeros(1000, np.bool_)
    )
    table = risk_coverage([Fitted(outcomes=outcomes, calibration=calibration())])
    assert table[0].wrong == 0
    assert table[-1].accepted == 1000
    assert table[-1].wrong == int((sure <= 0.6).sum())
    assert [point.threshold for point in table] == sorted((point.threshold for point in table), reverse=True)


def test_the_threshold_is_the_lowest_that_keeps_the_bound() -> None:
    table = [
        RiskPoint(threshold=0.99, accepted=100, wrong=0, error_bound=0.03),
        RiskPoint(threshold=0.9, accepted=1000, wrong=0, error_bound=0.003),
        RiskPoint(threshold=0.7, accepted=2000, wrong=50, error_bound=0.033),
    ]
    assert smallest_threshold(table, 0.003) == 0.9
    assert smallest_threshold(table, 0.05) == 0.7
    assert smallest_threshold(table, 0.0001) == 1.0
    assert smallest_threshold([], 0.1) == 1.0
