"""The columns of an evaluation's tables, shared by terminal, Markdown, workbook and page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.lab.evaluate_metrics import risk_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.lab.evaluate import Evaluation, Latency, LetterScore, Scored
    from sheetwatch.lab.evaluate_metrics import ClassScore

    Number = int | float | None

NOTHING = "–"  # noqa: RUF001 - the dash that tables print where there is no figure
LISTED_PAIRS = 40
LISTED_MISTAKES = 120


class Unit(StrEnum):
    """How a figure is written."""

    COUNT = "count"
    PERCENT = "percent"
    FIGURE = "figure"
    MILLISECONDS = "ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of every set. `of` gives None where the set has no such figure."""

    title: str
    meaning: str
    unit: Unit
    of: Callable[[Scored], Number]

    def text(self, scored: Scored) -> str:
        """The figure as people read it."""
        return written(self.of(scored), self.unit)


def written(number: Number, unit: Unit) -> str:
    """A number as text: a share as percent without the sign, which the title carries."""
    if number is None:
        return NOTHING
    if unit is Unit.COUNT:
        return f"{number:d}"
    if unit is Unit.PERCENT:
        return f"{100 * number:.2f}"
    return f"{number:.2f}" if unit is Unit.MILLISECONDS else f"{number:.4f}"


def written_probability(probability: float) -> str:
    """Finer than a percent: what matters is how near to 1 it lies."""
    return f"{probability:.4f}"


def _bound(scored: Scored) -> Number:
    return scored.measures.error_bound if scored.measures.accepted else None


def _time(scored: Scored, of: Callable[[Latency], float]) -> Number:
    return of(scored.latency) if scored.latency else None


READ_AND_ACCEPTED = (
    Column(title="cells", meaning="how many", unit=Unit.COUNT, of=lambda one: one.measures.cells),
    Column(
        title="right %",
        meaning="read right, accepted or not; letters: not read as a number",
        unit=Unit.PERCENT,
        of=lambda one: one.measures.accuracy,
    ),
    Column(
        title="F1 %",
        meaning="the mean over the classes of the harmonic mean of precision and recall",
        unit=Unit.PERCENT,
        of=lambda one: one.macro_f1,
    ),
    Column(
        title="accepted %",
        meaning="at or above the threshold, and read at all",
        unit=Unit.PERCENT,
        of=lambda one: one.measures.coverage,
    ),
    Column(
        title="accepted",
        meaning="as a count: what the next two rest on",
        unit=Unit.COUNT,
        of=lambda one: one.measures.accepted,
    ),
    Column(
        title="wrong",
        meaning="wrong among the accepted ones",
        unit=Unit.COUNT,
        of=lambda one: one.measures.accepted_wrong,
    ),
    Column(
        title="at most %",
        meaning="their true share: the upper end of the exact one-sided 95 % interval (Clopper and Pearson)",
        unit=Unit.PERCENT,
        of=_bound,
    ),
)
TRUST = (
    Column(
        title="ECE",
        meaning="expected calibration error over 15 bins of equal width",
        unit=Unit.FIGURE,
        of=lambda one: one.measures.calibration_error,
    ),
    Column(
        title="Brier",
        meaning="mean squared distance between the probability and whether the reading is right",
        unit=Unit.FIGURE,
        of=lambda one: one.measures.brier,
    ),
    Column(
        title="log loss",
        meaning="mean negative log likelihood of the same",
        unit=Unit.FIGURE,
        of=lambda one: one.measures.log_loss,
    ),
    Column(
        title="risk area",
        meaning="mean error rate over all coverages, surest readings first",
        unit=Unit.FIGURE,
        of=lambda one: one.curve.area if one.curve else None,
    ),
)
TIME = (
    Column(
        title="ms",
        meaning="milliseconds of processor time a cell on one thread: median",
        unit=Unit.MILLISECONDS,
        of=lambda one: _time(one, lambda latency: latency.median_ms),
    ),
    Column(
        title="p95 ms",
        meaning="the same: 95th percentile",
        unit=Unit.MILLISECONDS,
        of=lambda one: _time(one, lambda latency: latency.p95_ms),
    ),
    Column(
        title="clock ms",
        meaning="the same cells by the clock, with whatever else the machine did: median",
        unit=Unit.MILLISECONDS,
        of=lambda one: _time(one, lambda latency: latency.clock_median_ms),
    ),
)


def _risk_column(share: float) -> Column:
    return Column(
        title=f"{share:.0%}".replace("%", " %"),
        meaning=f"percent wrong among the surest {share:.0%} of the readings",
        unit=Unit.PERCENT,
        of=lambda one: risk_at(one.curve, share) if one.curve else None,
    )


RISKS = tuple(_risk_column(share) for share in (0.5, 0.8, 0.9, 0.95, 0.99, 1.0))
SUMMARY = (*READ_AND_ACCEPTED, *TRUST, *TIME)
MARKDOWN = (*READ_AND_ACCEPTED[:2], *READ_AND_ACCEPTED[3:], TRUST[0], *TIME[:2])


def headline(evaluation: Evaluation) -> str:
    """Model and threshold in one line."""
    if evaluation.threshold >= 1.0:
        return (
            f"{evaluation.model_id}: no threshold promises {evaluation.max_error:g} wrong among accepted;"
            " nothing is accepted"
        )
    return (
        f"{evaluation.model_id}: accepted from probability {evaluation.threshold:.4f}"
        f" for {evaluation.max_error:g} wrong among accepted"
    )


def letters_line(evaluation: Evaluation, kind: str) -> str:
    """Which letters were accepted as a number; empty where no such letters were read."""
    mine = [one for one in evaluation.letters if one.kind == kind]
    cells, accepted = sum(one.cells for one in mine), sum(one.accepted for one in mine)
    if not cells:
        return ""
    named = ", ".join(f"{one.letter} {one.accepted} ({accepted_as(one)})" for one in mine if one.accepted)
    return f"{accepted} of {cells} ({accepted / cells:.2%}) accepted as a number{': ' if named else ''}{named}"


def accepted_as(score: LetterScore) -> str:
    """The numbers that a letter was taken for."""
    return ", ".join(f"{value} x {count}" for value, count in score.values)


def class_rows(scores: tuple[ClassScore, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Precision, recall, F1 in percent and support, a row each with a figure for every class."""
    return (
        ("precision %", tuple(written(score.precision, Unit.PERCENT) for score in scores)),
        ("recall %", tuple(written(score.recall, Unit.PERCENT) for score in scores)),
        ("F1 %", tuple(written(score.f1, Unit.PERCENT) for score in scores)),
        ("support", tuple(written(score.support, Unit.COUNT) for score in scores)),
    )
