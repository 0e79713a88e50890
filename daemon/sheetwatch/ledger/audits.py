"""What the ledger writes about audits: accepted rows that a person read once more without seeing their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.ledger.records import Decider
    from sheetwatch.ledger.store import Transaction

# Older rows are not audited any more: the estimate is of how the machine reads now.
_LOOK_BACK_ROWS = 20_000


class Who(StrEnum):
    """Who was right about a value: both, nobody knows yet, the row, or the person."""

    SAME = "same"
    OPEN = "open"
    ROW = "row"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedValue:
    """One value of a row, and what a person read."""

    field: str
    kind: str
    row_said: str
    answered: str
    verdict: Who


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that was accepted unseen, and that nobody audited or corrected."""

    number: int
    sheet_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many values of a field were audited, and how many were wrong in the row, or may be."""

    template: str
    field: str
    kind: str
    written: bool
    audited: int
    wrong: int


def candidates(tx: Transaction) -> list[Candidate]:
    """The newest rows that may be audited, oldest of them first."""
    rows = tx.execute(
        "SELECT rows.id, pages.sheet_id FROM rows JOIN pages ON pages.id = rows.page"
        " WHERE rows.id > (SELECT coalesce(max(id), 0) FROM rows) - ?"
        " AND NOT EXISTS (SELECT 1 FROM reviews WHERE reviews.page = rows.page)"
        " AND NOT EXISTS (SELECT 1 FROM corrections WHERE corrections.page = rows.page)"
        " AND NOT EXISTS (SELECT 1 FROM audits WHERE audits.page = rows.page) ORDER BY rows.id",
        (_LOOK_BACK_ROWS,),
    )
    return [Candidate(number=row["id"], sheet_id=row["sheet_id"]) for row in rows]


def record(tx: Transaction, page: int, values: Sequence[AuditedValue], who: Decider) -> None:
    """Keep what a person read. Raises UsageError when somebody audited the row already."""
    if tx.execute("SELECT 1 FROM audits WHERE page = ?", (page,)).fetchone():
        raise UsageError("somebody audited this sheet already")
    tx.executemany(
        "INSERT INTO audits (page, field, kind, row_said, answered, verdict, audited_at, audited_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (page, one.field, one.kind, one.row_said, one.answered, one.verdict, who.at.isoformat(), who.by)
            for one in values
        ],
    )


def differences(tx: Transaction, page: int) -> list[AuditedValue]:
    """The values of a row about which it and a person do not agree, and nobody said who is right."""
    rows = tx.execute("SELECT * FROM audits WHERE page = ? AND verdict = 'open' ORDER BY id", (page,))
    return [
        AuditedValue(
            field=row["field"],
            kind=row["kind"],
            row_said=row["row_said"],
            answered=row["answered"],
            verdict=Who(row["verdict"]),
        )
        for row in rows
    ]


def open_rows(tx: Transaction) -> list[int]:
    """The rows with such values."""
    query = (
        "SELECT DISTINCT rows.id FROM audits JOIN rows ON rows.page = audits.page WHERE audits.verdict = 'open'"
        " ORDER BY rows.id"
    )
    return [row[0] for row in tx.execute(query)]


def settle(tx: Transaction, page: int, field: str, verdict: Who) -> None:
    """Say who was right about a value."""
    tx.execute(
        "UPDATE audits SET verdict = ? WHERE page = ? AND field = ? AND verdict = 'open'", (verdict, page, field)
    )


def tallies(tx: Transaction) -> list[Tally]:
    """By form and field, the written values apart from the empty ones; what nobody settled counts as wrong."""
    rows = tx.execute(
        "SELECT pages.template, audits.field, audits.kind, audits.row_said != '' AS written, count(*) AS audited,"
        " sum(audits.verdict IN ('open', 'answer')) AS wrong FROM audits JOIN pages ON pages.id = audits.page"
        " GROUP BY 1, 2, 3, 4 ORDER BY min(audits.id)"
    )
    return [
        Tally(
            template=row["template"],
            field=row["field"],
            kind=row["kind"],
            written=bool(row["written"]),
            audited=row["audited"],
            wrong=row["wrong"],
        )
        for row in rows
    ]
