"""Measures of a reader over cells whose truth is known: arrays and class names in, plain values out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.train_calibrate import upper_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]
    Counts = npt.NDArray[np.int64]

EMPTY, NOT_ATTEMPTED, UNREADABLE = "empty", "not attempted", "unreadable"
OTHER = "another value"
_BINS = 15
_MOST_CLASSES = 16  # more do not fit into a matrix that a person can read
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What became of N cells.

    `truths`: what stands in each: a value, EMPTY, or a letter. `reads`: what was read: a value, EMPTY, NOT_ATTEMPTED or
    UNREADABLE. `sure`: float64 (N,), the reading's probability. `right`, `readable` (could be accepted) and
    `accepted`: bool (N,).
    """

    truths: tuple[str, ...]
    reads: tuple[str, ...]
    sure: Floats
    right: Flags
    readable: Flags
    accepted: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """The figures of one set. Shares and rates lie between 0 and 1.

    `error_bound`: the upper end of the exact one-sided 95 % interval of the share of wrong readings among the
    accepted ones (Clopper and Pearson 1934). `calibration_error`: expected calibration error over 15 bins of
    equal width (Guo et al. 2017). `brier` and `log_loss`: of the probability against whether the reading is right.
    """

    cells: int
    right: int
    accepted: int
    accepted_wrong: int
    error_bound: float
    calibration_error: float
    brier: float
    log_loss: float

    @property
    def accuracy(self) -> float:
        """The share of right readings, accepted or not."""
        return self.right / self.cells

    @property
    def coverage(self) -> float:
        """The share of accepted readings."""
        return self.accepted / self.cells


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One class: of what was read as it, how much was it (`precision`); of what is it, how much was read (`recall`)."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confusion:
    """`counts`: int64 (truths, reads): how often a cell of one class was read as another."""

    truths: tuple[str, ...]
    reads: tuple[str, ...]
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Confused:
    """One kind of mistake and how often it was made."""

    truth: str
    read: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The readings whose probability lies in [low, high): how many, how sure on average, how many of them right."""

    low: float
    high: float
    cells: int
    mean_probability: float
    right_share: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskCurve:
    """Error rate among the surest readings. All float64 (M,), M at most N; `threshold` falls as `coverage` grows.

    Readings that are alike sure stand or fall together. Refusals come last, at threshold 0. `area`: the mean error
    rate over all coverages (Geifman et al. 2019).
    """

    coverage: Floats
    risk: Floats
    threshold: Floats
    area: float


def measure(outcomes: Outcomes) -> Measures:
    """Every figure of a set. Raises ValueError when it is empty."""
    cells = len(outcomes.right)
    if not cells:
        raise ValueError("a set without cells cannot be measured")
    accepted, wrong = int(outcomes.accepted.sum()), int((outcomes.accepted & ~outcomes.right).sum())
    clipped = np.clip(outcomes.sure, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return Measures(
        cells=cells,
        right=int(outcomes.right.sum()),
        accepted=accepted,
        accepted_wrong=wrong,
        error_bound=upper_bound(wrong, accepted) if accepted else 1.0,
        calibration_error=calibration_error(reliability(outcomes)),
        brier=float(np.mean((outcomes.sure - outcomes.right) ** 2)),
        log_loss=float(-np.mean(np.log(np.where(outcomes.right, clipped, 1 - clipped)))),
    )


def class_scores(truths: Sequence[str], reads: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of every class that occurs among the truths; a class never read has precision 0."""
    support, read = Counter(truths), Counter(reads)
    hits = Counter(truth for truth, said in zip(truths, reads, strict=True) if truth == said)
    return tuple(
        ClassScore(
            name=name,
            precision=hits[name] / max(1, read[name]),
            recall=hits[name] / support[name],
            f1=2 * hits[name] / (support[name] + read[name]),
            support=support[name],
        )
        for name in sorted(support, key=_order)
    )


def confusion(truths: Sequence[str], reads: Sequence[str]) -> Confusion | None:
    """The matrix of a set with few classes; None where there are too many for one. Unused columns are left out."""
    rows = sorted(set(truths), key=_order)
    if len(rows) > _MOST_CLASSES:
        return None
    kept = {*rows, EMPTY, NOT_ATTEMPTED, UNREADABLE}
    columns = [said if said in kept else OTHER for said in reads]
    used = sorted({*rows, *columns}, key=_order)
    counts = np.zeros((len(rows), len(used)), np.int64)
    np.add.at(counts, ([rows.index(one) for one in truths], [used.index(one) for one in columns]), 1)
    return Confusion(truths=tuple(rows), reads=tuple(used), counts=counts)


def confused_pairs(outcomes: Outcomes) -> tuple[Confused, ...]:
    """Every kind of mistake, the most frequent first."""
    pairs = Counter((outcomes.truths[one], outcomes.reads[one]) for one in np.flatnonzero(~outcomes.right))
    ranked = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Confused(truth=truth, read=said, count=count) for (truth, said), count in ranked)


def reliability(outcomes: Outcomes) -> tuple[Bin, ...]:
    """The filled ones of 15 bins of equal width."""
    numbers = np.minimum((outcomes.sure * _BINS).astype(int), _BINS - 1)
    parts = [(number, numbers == number) for number in range(_BINS)]
    return tuple(
        Bin(
            low=number / _BINS,
            high=(number + 1) / _BINS,
            cells=int(part.sum()),
            mean_probability=float(outcomes.sure[part].mean()),
            right_share=float(outcomes.right[part].mean()),
        )
        for number, part in parts
        if part.any()
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """How far probability and truth lie apart, each bin weighed by its cells."""
    cells = sum(one.cells for one in bins)
    return sum(abs(one.right_share - one.mean_probability) * one.cells for one in bins) / cells


def risk_curve(outcomes: Outcomes) -> RiskCurve:
    """The error rate among the surest readings, for every coverage that a threshold can give."""
    thresholds, sizes, wrong = _levels(outcomes)
    counts = np.cumsum(sizes)
    return RiskCurve(
        coverage=counts / counts[-1],
        risk=np.cumsum(wrong) / counts,
        threshold=thresholds,
        area=_area(sizes, wrong),
    )


def risk_at(curve: RiskCurve, coverage: float) -> float:
    """The error rate once so large a share of the cells is accepted."""
    reached = np.flatnonzero(curve.coverage >= coverage - 1e-12)
    return float(curve.risk[reached[0]])


def _area(sizes: Counts, wrong: Counts) -> float:
    """The mean over N coverages; among readings that are alike sure the wrong ones are spread evenly."""
    spread = np.repeat(wrong / sizes, sizes)
    return float(np.mean(np.cumsum(spread) / np.arange(1, len(spread) + 1)))


def _levels(outcomes: Outcomes) -> tuple[Floats, Counts, Counts]:
    """Each probability that occurs, highest first, with how many readings have it and how many of those are wrong."""
    rank = np.where(outcomes.readable, outcomes.sure, 0.0)
    levels, place, sizes = np.unique(-rank, return_inverse=True, return_counts=True)
    wrong = np.bincount(place.reshape(-1), weights=~outcomes.right, minlength=len(levels)).astype(np.int64)
    return np.abs(levels), sizes.astype(np.int64), wrong


def _order(name: str) -> tuple[int, float, str]:
    """Values by size, then what is no value."""
    try:
        return 0, float(name), name
    except ValueError:
        last = (EMPTY, NOT_ATTEMPTED, UNREADABLE, OTHER)
        return (2, last.index(name), name) if name in last else (1, 0.0, name)
