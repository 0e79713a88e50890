"""Evaluate a reader on handwriting that it never saw.

`evaluate_sets(reader, samples)` takes any object with `model_id`, `read_cells` and `threshold`
(`sheetwatch.pipeline.CellReader`), so that other models are measured by the same code as the shipped one.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import State
from sheetwatch.lab import evaluate_metrics as metrics
from sheetwatch.lab.evaluate_metrics import EMPTY, NOT_ATTEMPTED, UNREADABLE, Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Field, Reading
    from sheetwatch.lab.evaluate_metrics import Bin, ClassScore, Confused, Confusion, Measures, RiskCurve
    from sheetwatch.pipeline import CellReader

    Grey = npt.NDArray[np.uint8]

MAX_ERROR = 0.001
"""At most this share of the accepted readings may be wrong: the default of `accept.max_field_error`."""

TOGETHER = {
    "dev digits and marks": ("digilets_digits", "mark_cells", "half_marks", "number_cells"),
    "dev marks and numbers": ("mark_cells", "half_marks", "number_cells"),
}
_TIMED = 200  # cells of each set
_BATCH = 64  # cells between two reports of progress
_SAID = {State.EMPTY: EMPTY, State.NOT_ATTEMPTED: NOT_ATTEMPTED, State.UNREADABLE: UNREADABLE}


class Kind(StrEnum):
    """What stands in the cells of a sample.

    VALUES: numbers, or nothing. LETTERS: to read one as a number is wrong. LOOK_ALIKES: letters that some hands write
    as digits (l, O, S): listed, not scored.
    """

    VALUES = "values"
    LETTERS = "letters"
    LOOK_ALIKES = "look-alikes"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Cells (uint8 (H, W), dark ink on light paper, any size) with what stands in each: a value, "", or a letter."""

    name: str
    cells: tuple[Grey, ...]
    labels: tuple[str, ...]
    field: Field
    kind: Kind = Kind.VALUES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mistake:
    """A cell that was read wrongly, with the class of what stands there and of what was read."""

    cell: Grey
    truth: str
    read: str
    probability: float
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds a cell, read one by one: processor time of all threads, and time on the clock."""

    cells: int
    median_ms: float
    p95_ms: float
    clock_median_ms: float
    clock_p95_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterScore:
    """How often a letter was read, and accepted, as a number; `values`: the numbers accepted, most frequent first."""

    letter: str
    kind: Kind
    cells: int
    read: int
    accepted: int
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """A set, or several sets taken together, with every figure. `mistakes`: the surest first.

    Letters have no `classes` and no `curve`: the right thing is to refuse them. A set of very many classes has no
    `confusion` matrix, only its `pairs`.
    """

    name: str
    outcomes: Outcomes
    measures: Measures
    classes: tuple[ClassScore, ...]
    confusion: Confusion | None
    pairs: tuple[Confused, ...]
    bins: tuple[Bin, ...]
    curve: RiskCurve | None
    mistakes: tuple[Mistake, ...] = ()
    latency: Latency | None = None

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 of the classes, each counted alike."""
        return sum(score.f1 for score in self.classes) / len(self.classes) if self.classes else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Everything that was measured. `together`: sets that count as one, where at least two of them were read."""

    model_id: str
    threshold: float
    max_error: float
    sets: tuple[Scored, ...]
    together: tuple[Scored, ...]
    letters: tuple[LetterScore, ...]

    @property
    def scored(self) -> tuple[Scored, ...]:
        """The sets, then the sets taken together."""
        return (*self.sets, *self.together)


def evaluate_sets(
    reader: CellReader,
    samples: Sequence[Sample],
    *,
    max_error: float = MAX_ERROR,
    advance: Callable[[str, int], None] = lambda _name, _cells: None,
) -> Evaluation:
    """Read every sample and measure. `advance` is told the set's name and how many more of its cells were read."""
    threshold = reader.threshold(max_error)
    sets: list[Scored] = []
    letters: list[LetterScore] = []
    with _one_thread():
        for sample in samples:
            readings = _read(reader, sample, advance)
            outcomes = judged(sample, readings, threshold)
            if sample.kind is not Kind.VALUES:
                letters += _letter_scores(sample.kind, outcomes)
            if sample.kind is not Kind.LOOK_ALIKES:
                sets.append(_scored(sample, outcomes, _latency(reader, sample)))
    return Evaluation(
        model_id=reader.model_id,
        threshold=threshold,
        max_error=max_error,
        sets=tuple(sets),
        together=tuple(_together(sets)),
        letters=tuple(sorted(letters, key=lambda one: (-one.accepted, -one.read, one.letter))),
    )


def judged(sample: Sample, readings: Sequence[Reading], threshold: float) -> Outcomes:
    """Whether each reading is right, and whether it would be accepted."""
    truths = tuple(label or EMPTY for label in sample.labels)
    reads = tuple(_SAID.get(reading.state, reading.value) for reading in readings)
    if sample.kind is Kind.VALUES:
        right = np.array([truth == read for truth, read in zip(truths, reads, strict=True)], bool)
    else:
        right = np.array([reading.state is not State.WRITTEN for reading in readings], bool)
    sure = np.array([reading.probability for reading in readings], float)
    readable = np.array([reading.state is not State.UNREADABLE for reading in readings], bool)
    return Outcomes(
        truths=truths,
        reads=reads,
        sure=sure,
        right=right,
        readable=readable,
        accepted=readable & (sure >= threshold),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV on one thread, as on the smallest machine."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _read(reader: CellReader, sample: Sample, advance: Callable[[str, int], None]) -> list[Reading]:
    readings: list[Reading] = []
    advance(sample.name, 0)
    for start in range(0, len(sample.cells), _BATCH):
        batch = reader.read_cells(sample.cells[start : start + _BATCH], sample.field)
        readings += batch
        advance(sample.name, len(batch))
    return readings


def _latency(reader: CellReader, sample: Sample) -> Latency:
    """Cells read one by one. The reader has read them before, so the first one opens and loads nothing."""
    processor_ms, clock_ms = [], []
    for cell in sample.cells[:_TIMED]:
        clock_s, processor_s = time.perf_counter(), time.process_time()
        reader.read_cells([cell], sample.field)
        processor_ms.append(1000 * (time.process_time() - processor_s))
        clock_ms.append(1000 * (time.perf_counter() - clock_s))
    return Latency(
        cells=len(clock_ms),
        median_ms=float(np.median(processor_ms)),
        p95_ms=float(np.percentile(processor_ms, 95)),
        clock_median_ms=float(np.median(clock_ms)),
        clock_p95_ms=float(np.percentile(clock_ms, 95)),
    )


def _scored(sample: Sample, outcomes: Outcomes, latency: Latency) -> Scored:
    are_values = sample.kind is Kind.VALUES
    return Scored(
        name=sample.name,
        outcomes=outcomes,
        measures=metrics.measure(outcomes),
        classes=metrics.class_scores(outcomes.truths, outcomes.reads) if are_values else (),
        confusion=metrics.confusion(outcomes.truths, outcomes.reads) if are_values else None,
        pairs=metrics.confused_pairs(outcomes),
        bins=metrics.reliability(outcomes),
        curve=metrics.risk_curve(outcomes) if are_values else None,
        mistakes=_mistakes(sample, outcomes),
        latency=latency,
    )


def _mistakes(sample: Sample, outcomes: Outcomes) -> tuple[Mistake, ...]:
    """The surest wrong value first; what was called unreadable misleads nobody and comes last."""
    worst_first = np.lexsort((-outcomes.sure, ~outcomes.readable))
    return tuple(
        Mistake(
            cell=sample.cells[one],
            truth=outcomes.truths[one],
            read=outcomes.reads[one],
            probability=float(outcomes.sure[one]),
            accepted=bool(outcomes.accepted[one]),
        )
        for one in worst_first
        if not outcomes.right[one]
    )


def _together(sets: Sequence[Scored]) -> Iterator[Scored]:
    for name, members in TOGETHER.items():
        parts = [scored.outcomes for scored in sets if scored.name in members]
        if len(parts) > 1:
            yield _joint(name, _joined(parts))


def _joined(parts: Sequence[Outcomes]) -> Outcomes:
    return Outcomes(
        truths=tuple(truth for part in parts for truth in part.truths),
        reads=tuple(read for part in parts for read in part.reads),
        sure=np.concatenate([part.sure for part in parts]),
        right=np.concatenate([part.right for part in parts]),
        readable=np.concatenate([part.readable for part in parts]),
        accepted=np.concatenate([part.accepted for part in parts]),
    )


def _joint(name: str, outcomes: Outcomes) -> Scored:
    return Scored(
        name=name,
        outcomes=outcomes,
        measures=metrics.measure(outcomes),
        classes=metrics.class_scores(outcomes.truths, outcomes.reads),
        confusion=metrics.confusion(outcomes.truths, outcomes.reads),
        pairs=metrics.confused_pairs(outcomes),
        bins=metrics.reliability(outcomes),
        curve=metrics.risk_curve(outcomes),
    )


def _letter_scores(kind: Kind, outcomes: Outcomes) -> Iterator[LetterScore]:
    for letter in sorted(set(outcomes.truths)):
        mine = np.array([truth == letter for truth in outcomes.truths])
        as_number = mine & ~outcomes.right
        accepted = as_number & outcomes.accepted
        yield LetterScore(
            letter=letter,
            kind=kind,
            cells=int(mine.sum()),
            read=int(as_number.sum()),
            accepted=int(accepted.sum()),
            values=tuple(Counter(outcomes.reads[one] for one in np.flatnonzero(accepted)).most_common()),
        )
