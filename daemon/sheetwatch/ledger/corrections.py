"""What the ledger writes about rows that somebody corrected after they were written, and every correction as a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sheetwatch.ledger.records import Correction, Decider
    from sheetwatch.ledger.store import Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A row as it is to be. `seen`: its line as the operator saw it."""

    number: int
    seen: str
    line: str
    key_value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionLine:
    """Who changed or confirmed which value of which row, from what, when and where."""

    at: datetime
    by: str
    via: str
    sheet_id: str
    source: str
    page: int
    csv_name: str
    field: str
    was: str
    became: str


def correct_row(tx: Transaction, page: int, new: NewLine, changes: Sequence[Correction], who: Decider) -> None:
    """Change a row; its CSV is owed the same where the row stands in it.

    Raises UsageError when it is not as the operator saw it: somebody else was quicker.
    """
    cursor = tx.execute(
        "UPDATE rows SET line = :line, written = CASE WHEN delivered THEN nullif(coalesce(written, line), :line) END"
        " WHERE id = :number AND line = :seen",
        {"line": new.line, "number": new.number, "seen": new.seen},
    )
    if cursor.rowcount != 1:
        raise UsageError(f"this row was changed meanwhile: {_last_change(tx, page)}")
    tx.execute("UPDATE pages SET key_value = ? WHERE id = ?", (new.key_value, page))
    add(tx, page, changes, who)


def add(tx: Transaction, page: int, changes: Sequence[Correction], who: Decider) -> None:
    """Keep what a person gave or confirmed."""
    tx.executemany(
        "INSERT INTO corrections (page, field, was, became, corrected_at, corrected_by, via)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(page, item.field, item.was, item.became, who.at.isoformat(), who.by, who.via) for item in changes],
    )


def _last_change(tx: Transaction, page: int) -> str:
    row = tx.execute("SELECT * FROM corrections WHERE page = ? ORDER BY id DESC LIMIT 1", (page,)).fetchone()
    if row is None:
        return "it is there no more"
    at = datetime.fromisoformat(row["corrected_at"]).astimezone()
    change = f"{row['field']} from {row['was'] or 'nothing'} to {row['became'] or 'nothing'}"
    return f"{change} by {row['corrected_by']}, {row['via']} on {at:%Y-%m-%d at %H:%M:%S}"


def every_correction(ledger: Ledger) -> Iterator[CorrectionLine]:
    """All of them, oldest first."""
    with ledger.reading() as tx:
        rows = tx.execute(
            "SELECT corrections.*, pages.sheet_id, pages.page AS page_index, scans.name AS source,"
            " csv_files.name AS csv_name FROM corrections JOIN pages ON pages.id = corrections.page"
            " JOIN scans ON scans.id = pages.scan LEFT JOIN rows ON rows.page = pages.id"
            " LEFT JOIN csv_files ON csv_files.id = rows.csv_file ORDER BY corrections.id"
        )
        yield from (_line(row) for row in rows)


def _line(row: sqlite3.Row) -> CorrectionLine:
    return CorrectionLine(
        at=datetime.fromisoformat(row["corrected_at"]),
        by=row["corrected_by"],
        via=row["via"],
        sheet_id=row["sheet_id"],
        source=row["source"],
        page=row["page_index"],
        csv_name=row["csv_name"] or "",
        field=row["field"],
        was=row["was"],
        became=row["became"],
    )
