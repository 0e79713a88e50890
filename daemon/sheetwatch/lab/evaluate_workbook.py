"""An evaluation as a workbook: summary, classes, confusion, calibration, risk and coverage, mistakes, letters."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from sheetwatch.lab.evaluate_columns import LISTED_MISTAKES, SUMMARY, Unit, accepted_as, headline
from sheetwatch.lab.evaluate_pictures import thumbnail
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sheetwatch.lab.evaluate import Evaluation
    from sheetwatch.lab.evaluate_metrics import RiskCurve

    Value = str | int | float | None

_PERCENT = "0.00%"
_FORMATS = {Unit.COUNT: "0", Unit.PERCENT: _PERCENT, Unit.FIGURE: "0.0000", Unit.MILLISECONDS: "0.00"}
_CURVE_POINTS = 100
_THUMBNAIL_ROW_PT = 72
_WIDTHS = {"A": 24, "B": 18}


def workbook_of(evaluation: Evaluation, made_by: str) -> bytes:
    """The .xlsx. made_by: one line that says what made it, and when."""
    from openpyxl import Workbook  # noqa: PLC0415 - costs 200 ms, and few need it

    book = Workbook()
    book.remove(book.worksheets[0])
    _summary(_sheet(book, "summary"), evaluation, made_by)
    _classes(_sheet(book, "classes"), evaluation)
    _confusion(_sheet(book, "confusion"), evaluation)
    _pairs(_sheet(book, "confused pairs"), evaluation)
    _bins(_sheet(book, "calibration bins"), evaluation)
    _curves(_sheet(book, "risk-coverage"), evaluation)
    _mistakes(_sheet(book, "mistakes"), evaluation)
    _letters(_sheet(book, "letters"), evaluation)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(book: Any, title: str) -> Any:
    sheet = book.create_sheet(title)
    for column, width in _WIDTHS.items():
        sheet.column_dimensions[column].width = width
    return sheet


def _put(sheet: Any, row: int, values: Sequence[Value], formats: Sequence[str] = (), *, bold: bool = False) -> None:
    """One row. Text stays text, whatever it begins with: no cell starts a formula."""
    from openpyxl.styles import Font  # noqa: PLC0415

    for column, value in enumerate(values, start=1):
        cell = sheet.cell(row=row, column=column)
        cell.value = plain_text(value) if isinstance(value, str) else value
        if isinstance(value, str):
            cell.data_type = "s"
        if formats and formats[column - 1]:
            cell.number_format = formats[column - 1]
        if bold:
            cell.font = Font(bold=True)


def _fill(sheet: Any, titles: Sequence[str], rows: Iterator[Sequence[Value]], formats: Sequence[str] = ()) -> None:
    """A table with its titles in the first row, which stays in sight."""
    _put(sheet, 1, titles, bold=True)
    sheet.freeze_panes = "B2"
    for number, values in enumerate(rows, start=2):
        _put(sheet, number, values, formats)


def _summary(sheet: Any, evaluation: Evaluation, made_by: str) -> None:
    rows = ([one.name, *(column.of(one) for column in SUMMARY)] for one in evaluation.scored)
    _fill(sheet, ["set", *(column.title for column in SUMMARY)], rows, ["", *(_FORMATS[c.unit] for c in SUMMARY)])
    notes = [headline(evaluation), made_by, *(f"{column.title}: {column.meaning}" for column in SUMMARY)]
    for number, note in enumerate(notes, start=len(evaluation.scored) + 3):
        _put(sheet, number, [note])


def _classes(sheet: Any, evaluation: Evaluation) -> None:
    rows = (
        (one.name, score.name, score.precision, score.recall, score.f1, score.support)
        for one in evaluation.scored
        for score in one.classes
    )
    formats = ("", "", _PERCENT, _PERCENT, _PERCENT, "0")
    _fill(sheet, ("set", "class", "precision", "recall", "F1", "support"), rows, formats)


def _confusion(sheet: Any, evaluation: Evaluation) -> None:
    """The matrices below one another: rows are what stands there, columns what was read."""
    row = 1
    for one in evaluation.scored:
        if one.confusion is None:
            continue
        _put(sheet, row, (one.name, "is, read as", *one.confusion.reads), bold=True)
        for offset, truth in enumerate(one.confusion.truths):
            _put(sheet, row + 1 + offset, ("", truth, *one.confusion.counts[offset].tolist()))
        row += len(one.confusion.truths) + 2


def _pairs(sheet: Any, evaluation: Evaluation) -> None:
    rows = ((one.name, pair.truth, pair.read, pair.count) for one in evaluation.scored for pair in one.pairs)
    _fill(sheet, ("set", "is", "read as", "times"), rows)


def _bins(sheet: Any, evaluation: Evaluation) -> None:
    rows = (
        (one.name, part.low, part.high, part.cells, part.mean_probability, part.right_share)
        for one in evaluation.scored
        for part in one.bins
    )
    formats = ("", "0.000", "0.000", "0", "0.0000", "0.0000")
    _fill(sheet, ("set", "from", "to", "readings", "mean probability", "share right"), rows, formats)


def _curves(sheet: Any, evaluation: Evaluation) -> None:
    rows = (point for one in evaluation.scored if one.curve for point in _curve_points(one.name, one.curve))
    formats = ("", _PERCENT, _PERCENT, "0.000000")
    _fill(sheet, ("set", "accepted", "wrong among them", "threshold"), rows, formats)


def _curve_points(name: str, curve: RiskCurve) -> Iterator[Sequence[Value]]:
    """At most so many points, evenly over the curve, its end included."""
    last = len(curve.coverage) - 1
    for point in sorted({round(number * last / (_CURVE_POINTS - 1)) for number in range(_CURVE_POINTS)}):
        yield name, float(curve.coverage[point]), float(curve.risk[point]), float(curve.threshold[point])


def _mistakes(sheet: Any, evaluation: Evaluation) -> None:
    """The surest first, each with its cell."""
    from openpyxl.drawing.image import Image  # noqa: PLC0415

    listed = [(one.name, mistake) for one in evaluation.sets for mistake in one.mistakes[:LISTED_MISTAKES]]
    rows = (
        (name, "", mistake.truth, mistake.read, mistake.probability, "yes" if mistake.accepted else "no")
        for name, mistake in listed
    )
    _fill(sheet, ("set", "cell", "is", "read as", "probability", "accepted"), rows, ("", "", "", "", "0.0000", ""))
    for row, (_, mistake) in enumerate(listed, start=2):
        sheet.row_dimensions[row].height = _THUMBNAIL_ROW_PT
        sheet.add_image(Image(io.BytesIO(thumbnail(mistake.cell))), f"B{row}")


def _letters(sheet: Any, evaluation: Evaluation) -> None:
    rows = (
        (str(one.kind), one.letter, one.cells, one.read, one.accepted, accepted_as(one)) for one in evaluation.letters
    )
    _fill(sheet, ("kind", "letter", "cells", "read as a number", "accepted", "accepted as"), rows)
