"""Correct a row after it was written: in the ledger, with who changed what; the daemon then makes its CSV again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import NOTHING, AnswerError, canonical_value
from sheetwatch.delivery.rows import confidence_text, csv_line
from sheetwatch.domain import UsageError
from sheetwatch.ledger import Correction, corrections, pages
from sheetwatch.ledger.corrections import NewLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import Field
    from sheetwatch.ledger import Transaction
    from sheetwatch.ledger.browse import RowDetail
    from sheetwatch.ledger.records import Decider
    from sheetwatch.service.site import Site


def values_of(detail: RowDetail, typed: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The row's values with those that were typed, canonical, and what is wrong with some: by field."""
    values, problems = {}, {}
    for field in detail.fields:
        before = detail.line.by_column.get(field.name, "")
        text = typed.get(field.name, before).strip()
        try:
            values[field.name] = before if text == before else _value(field, text)
        except AnswerError as error:
            problems[field.name] = str(error)
    return values, problems


def _value(field: Field, text: str) -> str:
    if text not in {"", NOTHING}:
        return canonical_value(field, text)
    if field.required:
        raise AnswerError("it must not be empty; write the value")
    return ""


def key_holder(tx: Transaction, detail: RowDetail, values: Mapping[str, str]) -> str | None:
    """Another sheet that has, or will have, the key of this row with these values."""
    value = values.get(detail.key or "")
    holder = pages.key_holder(tx, detail.line.template, value) if value else None
    is_new = value != detail.line.by_column.get(detail.key or "")
    return holder if is_new and holder != detail.line.sheet_id else None


def correct(site: Site, detail: RowDetail, values: Mapping[str, str], who: Decider) -> list[Correction]:
    """Give the row these values. Returns what was changed. `detail`: the row as the operator saw it.

    Raises UsageError when nothing is changed by that, or when somebody changed the row meanwhile.
    """
    before = detail.line.by_column
    changes = [
        Correction(field=field.name, was=before[field.name], became=values[field.name])
        for field in detail.fields
        if values[field.name] != before[field.name]
    ]
    if not changes:
        raise UsageError("nothing was changed: the row says so already")
    line = _line(detail, values, {change.field for change in changes})
    new = NewLine(
        number=detail.line.number, seen=detail.text, line=line, key_value=values.get(detail.key or "") or None
    )
    with site.ledger.transaction() as tx:
        corrections.correct_row(tx, detail.page, new, changes, who)
    site.log.info(
        "row_corrected", sheet_id=detail.line.sheet_id, fields=[one.field for one in changes], by=who.by, via=who.via
    )
    return changes


def _line(detail: RowDetail, values: Mapping[str, str], changed: set[str]) -> str:
    """The row's line; as sure as the least sure of the values that no person gave."""
    given = changed | {change.field for change in detail.changes}
    unseen = [reading.probability for name, reading in detail.readings.items() if name not in given]
    cells = {**detail.line.by_column, **values, "status": "corrected"}
    cells["confidence"] = confidence_text(min(unseen, default=1.0))
    return csv_line([cells[column] for column in detail.line.columns])
