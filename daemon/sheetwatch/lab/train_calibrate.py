"""Calibration on held-out hands: temperature, log-odds, and how much risk goes with how much coverage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Field, FieldKind, State
from sheetwatch.reader import comb
from sheetwatch.reader.calibrate import calibrated, is_fine
from sheetwatch.reader.decode import exact_probability, frames_of, n_best
from sheetwatch.reader.grammar import meaning_of, meanings
from sheetwatch.reader.manifest import Calibration, RiskPoint
from sheetwatch.reader.vocabulary import DIGITS, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from sheetwatch.lab.train_held_out import HeldOut

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

_BOX = Field(name="box", kind=FieldKind.DIGITS, length=1)
_IN_A_BOX = frozenset({"", UNREADABLE, *DIGITS})
_TEMPERATURES = np.geomspace(0.6, 3.0, 21)
_TEMPERATURE_CELLS = 3000
_POINTS = 160
_CONFIDENCE = 0.95
_SURE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Best readings: the network's probability; whether each is right, could be accepted, lacks a long stroke."""

    sure: Floats
    right: Flags
    readable: Flags
    left_out: Flags

    def only(self, chosen: Flags) -> Outcomes:
        """Those that are chosen."""
        return Outcomes(
            sure=self.sure[chosen],
            right=self.right[chosen],
            readable=self.readable[chosen],
            left_out=self.left_out[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A group of cells as it was read, and the calibration that fits it."""

    outcomes: Outcomes
    calibration: Calibration

    def probabilities(self) -> Floats:
        """Calibrated, of those readings that could be accepted."""
        readable = self.outcomes.only(self.outcomes.readable)
        pairs = zip(readable.sure.tolist(), readable.left_out.tolist(), strict=True)
        return np.array([calibrated(p, self.calibration, left_out=left_out) for p, left_out in pairs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """The calibrations of marks in whole and half steps and of numbers, of marks in finer steps, of a comb's boxes.

    `risk_coverage`: of the first two together.
    """

    marks: Calibration
    fine_marks: Calibration
    boxes: Calibration
    risk_coverage: tuple[RiskPoint, ...]


def calibrate(cells: Sequence[HeldOut]) -> Calibrated:
    """Fit the calibrations, each on its own cells, and tabulate risk and coverage of the whole cells together."""
    temperature = _best_temperature([cell for cell in cells if cell.logits is not None][:_TEMPERATURE_CELLS])
    plain = _fitted([cell for cell in cells if not is_fine(cell.field)], temperature)
    fine = _fitted([cell for cell in cells if is_fine(cell.field)], temperature)
    boxes = _fitted([replace(cell, field=_BOX) for cell in cells if cell.label in _IN_A_BOX], temperature)
    return Calibrated(
        marks=plain.calibration,
        fine_marks=fine.calibration,
        boxes=boxes.calibration,
        risk_coverage=risk_coverage([plain, fine]),
    )


def _fitted(cells: Sequence[HeldOut], temperature: float) -> Fitted:
    outcomes = _outcomes([cell for cell in cells if cell.logits is not None], temperature)
    return Fitted(outcomes=outcomes, calibration=_calibration(cells, outcomes, temperature))


def _calibration(cells: Sequence[HeldOut], outcomes: Outcomes, temperature: float) -> Calibration:
    readable = outcomes.only(outcomes.readable)
    slope, offset = _fit_log_odds(readable)
    return Calibration(
        temperature=temperature,
        slope=slope,
        offset=offset,
        ceiling=_ceiling(readable),
        empty=_empty_probability(cells, left_out=False),
        doubtful_empty=_empty_probability(cells, left_out=True),
        doubtful=_doubtful(outcomes),
    )


def risk_coverage(groups: Sequence[Fitted]) -> tuple[RiskPoint, ...]:
    """How many readings have at least each of a range of probabilities, and how many of those are wrong."""
    sure = np.concatenate([group.probabilities() for group in groups])
    wrong = np.concatenate([~group.outcomes.right[group.outcomes.readable] for group in groups])
    order = np.argsort(-sure, kind="stable")
    wrong_so_far = np.cumsum(wrong[order])
    counts = np.unique(np.geomspace(min(100, len(order)), len(order), _POINTS).astype(int)) if len(order) else []
    return tuple(
        RiskPoint(
            threshold=round(float(sure[order[count - 1]]), 7),
            accepted=int(count),
            wrong=int(wrong_so_far[count - 1]),
            error_bound=round(upper_bound(int(wrong_so_far[count - 1]), int(count)), 7),
        )
        for count in counts
    )


def upper_bound(wrong: int, count: int, confidence: float = _CONFIDENCE) -> float:
    """The largest error rate that so few wrong ones do not refute (exact, one-sided: Clopper and Pearson 1934)."""
    low, high = wrong / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, count, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(wrong: int, count: int, rate: float) -> float:
    """The binomial probability of at most so many wrong ones."""
    if rate >= 1.0:
        return float(wrong >= count)
    if rate <= 0.0:
        return 1.0
    whole = math.lgamma(count + 1)
    logs = [
        whole - math.lgamma(k + 1) - math.lgamma(count - k + 1) + k * math.log(rate) + (count - k) * math.log1p(-rate)
        for k in range(wrong + 1)
    ]
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def _best_temperature(cells: Sequence[HeldOut]) -> float:
    """The temperature under which the true strings are likeliest."""
    losses = [sum(_loss(cell, float(temperature)) for cell in cells) for temperature in _TEMPERATURES]
    return round(float(_TEMPERATURES[int(np.argmin(losses))]), 4)


def _loss(cell: HeldOut, temperature: float) -> float:
    assert cell.logits is not None  # noqa: S101 - only inked cells come here
    frames = frames_of(cell.logits, temperature).tolist()
    return min(12.0, -math.log(max(1e-300, exact_probability(frames, cell.label))))


def _outcomes(cells: Iterable[HeldOut], temperature: float) -> Outcomes:
    sure, right, readable, left_out = [], [], [], []
    for cell in cells:
        assert cell.logits is not None  # noqa: S101 - only inked cells come here
        ranked = meanings(n_best(frames_of(cell.logits, temperature)), cell.field)
        best = (comb.single(ranked) if cell.field is _BOX else ranked)[0]
        sure.append(best.probability)
        right.append((best.state, best.value) == meaning_of(cell.label, cell.field))
        readable.append(best.state is not State.UNREADABLE)
        left_out.append(cell.left_out)
    return Outcomes(
        sure=np.array(sure),
        right=np.array(right),
        readable=np.array(readable),
        left_out=np.array(left_out),
    )


def _fit_log_odds(outcomes: Outcomes) -> tuple[float, float]:
    """Slope and offset of the log-odds that make the outcomes likeliest (Newton's method on the logistic loss)."""
    clipped = np.clip(outcomes.sure, 1e-9, 1 - 1e-9)
    x = np.stack([np.log(clipped / (1 - clipped)), np.ones_like(clipped)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - outcomes.right)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(curvature, gradient)
    return round(float(weights[0]), 4), round(float(weights[1]), 4)


def _ceiling(outcomes: Outcomes) -> float:
    """One minus the error rate of the surest tenth, counted as if one more were wrong."""
    order = np.argsort(-outcomes.sure, kind="stable")[: len(outcomes.sure) // 10]
    return round(1.0 - (int((~outcomes.right[order]).sum()) + 1) / (len(order) + 1), 6)


def _doubtful(outcomes: Outcomes) -> float:
    """How many of the sure readings are right beside a long stroke that was left out."""
    right = outcomes.right[outcomes.left_out & outcomes.readable & (outcomes.sure > _SURE)]
    return round((int(right.sum()) + 1) / (len(right) + 2), 4)


def _empty_probability(cells: Sequence[HeldOut], *, left_out: bool) -> float:
    """How likely a cell without ink found is empty, when as many cells are written as empty."""
    shares = []
    for empty in (True, False):
        mine = [cell for cell in cells if (cell.label == "") is empty]
        silent = sum(cell.logits is None and cell.left_out is left_out for cell in mine)
        shares.append((silent + 0.5) / (len(mine) + 1.0))
    return round(shares[0] / (shares[0] + shares[1]), 6)
