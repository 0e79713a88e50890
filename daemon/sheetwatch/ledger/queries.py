"""Looking at the ledger without changing it: for `status`, `review list`, `export`, the demo and the web pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import Reading, Reason
from sheetwatch.ledger import held
from sheetwatch.ledger.records import Accounting, DropCause, Form, Owed, PageState, SheetLine
from sheetwatch.ledger.reviews import waiting_reviews

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sheetwatch.ledger.records import OpenReview
    from sheetwatch.ledger.store import Ledger, Transaction


def accounting(ledger: Ledger) -> Accounting:
    """Promise 1 in numbers: what the scans brought in, against what became of it."""
    with ledger.reading() as tx:
        (pages_in,) = tx.execute(
            "SELECT coalesce(sum(page_count), 0) FROM scans WHERE state != 'claiming' AND returns_page IS NULL"
        ).fetchone()
        states = dict(tx.execute("SELECT state, count(*) FROM pages GROUP BY state").fetchall())
        dropped_by = {cause.value: _dropped_for(tx, cause) for cause in DropCause}
        decided = held.count(tx)
        (rows,) = tx.execute("SELECT coalesce(sum(row_count), 0) FROM csv_files").fetchone()
    return Accounting(
        pages_in=pages_in,
        rows=rows,
        review=states.get("review", 0),
        dropped=states.get("dropped", 0),
        in_work=states.get("work", 0),
        dropped_by={cause: count for cause, count in dropped_by.items() if count},
        decided=decided,
    )


def _dropped_for(tx: Transaction, cause: DropCause) -> int:
    """One cause at a time: SQLite then counts in an index of the dropped pages, and looks at no page."""
    (count,) = tx.execute("SELECT count(*) FROM pages WHERE state = 'dropped' AND drop_cause = ?", (cause,)).fetchone()
    return int(count)


def owed(ledger: Ledger) -> Owed:
    """What the folders still lack of what the ledger says."""
    with ledger.reading() as tx:
        return Owed(
            claims=_count(tx, "scans WHERE state = 'claiming'"),
            rows=_count(tx, "rows WHERE delivered = 0") + _corrections_owed(tx),
            reviews=_count(tx, "reviews WHERE state IN ('opening', 'closing')"),
            archive=_count(tx, "scans WHERE state = 'settled'"),
        )


def _count(tx: Transaction, what: str) -> int:
    (count,) = tx.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608 - constants of this module
    return int(count)


def _corrections_owed(tx: Transaction) -> int:
    """Rows that stand in their CSV as they were; none in a ledger that an older program made."""
    if not _count(tx, "pragma_table_info('rows') WHERE name = 'written'"):
        return 0
    return _count(tx, "rows WHERE written IS NOT NULL")


def open_reviews(ledger: Ledger) -> list[OpenReview]:
    """Every page that waits for an operator, longest waiting first."""
    with ledger.reading() as tx:
        return waiting_reviews(tx)


_SHEETS = (
    "SELECT pages.*, scans.name AS source_name, csv_files.name AS csv_name, rows.id AS row_number,"
    " (SELECT id FROM reviews WHERE reviews.page = pages.id AND state IN ('opening', 'open')) AS review_number,"
    " (SELECT stem FROM reviews WHERE reviews.page = pages.id ORDER BY reviews.id DESC LIMIT 1) AS stem,"
    " EXISTS (SELECT 1 FROM reviews WHERE reviews.page = pages.id AND resolution = 'corrected')"
    " OR EXISTS (SELECT 1 FROM corrections WHERE corrections.page = pages.id) AS corrected"
    " FROM pages JOIN scans ON scans.id = pages.scan LEFT JOIN rows ON rows.page = pages.id"
    " LEFT JOIN csv_files ON csv_files.id = rows.csv_file"
)


def last_sheets(ledger: Ledger, limit: int) -> list[SheetLine]:
    """The pages decided last, latest first."""
    query = f"{_SHEETS} WHERE pages.decided_at IS NOT NULL ORDER BY pages.decided_at DESC, pages.id DESC LIMIT ?"
    with ledger.reading() as tx:
        return [_sheet_line(row) for row in tx.execute(query, (limit,))]


def all_sheets(ledger: Ledger) -> list[SheetLine]:
    """Every page of the ledger, in the order it came in."""
    with ledger.reading() as tx:
        return [_sheet_line(row) for row in tx.execute(f"{_SHEETS} ORDER BY pages.id")]


def _sheet_line(row: sqlite3.Row) -> SheetLine:
    return SheetLine(
        page=row["id"],
        row=row["row_number"],
        review=row["review_number"],
        sheet_id=row["sheet_id"],
        source_name=row["source_name"],
        page_index=row["page"],
        state=PageState(row["state"]),
        decided_at=None if row["decided_at"] is None else datetime.fromisoformat(row["decided_at"]),
        template=row["template"],
        drop_cause=row["drop_cause"],
        corrected=bool(row["corrected"]),
        csv_name=row["csv_name"],
        stem=row["stem"] if row["state"] == "review" else None,
        reasons=msgspec.json.decode(row["reasons"], type=tuple[Reason, ...]),
        readings=msgspec.json.decode(row["readings"], type=dict[str, Reading]),
        elapsed_ms=row["elapsed_ms"] or 0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """One rolling CSV as the ledger has it; `lines` end with their line end.

    `forms`: every revision of its template that a page was read with.
    """

    name: str
    template: str
    header: str
    lines: Iterator[str]
    row_count: int
    forms: tuple[Form, ...]


def rows_by_file(ledger: Ledger, template: str | None = None) -> Iterator[FileRows]:
    """Every CSV with its rows, delivered or not, oldest first. Take each file's lines before the next file."""
    with ledger.reading() as tx:
        files = tx.execute(
            "SELECT * FROM csv_files WHERE :template IS NULL OR template = :template ORDER BY template, day, number",
            {"template": template},
        ).fetchall()
        for file in files:
            lines = tx.execute("SELECT line FROM rows WHERE csv_file = ? ORDER BY sequence", (file["id"],))
            yield FileRows(
                name=file["name"],
                template=file["template"],
                header=file["header"],
                lines=(row[0] for row in lines),
                row_count=file["row_count"],
                forms=_forms(tx, file["template"]),
            )


def _forms(tx: Transaction, template: str) -> tuple[Form, ...]:
    rows = tx.execute("SELECT form FROM forms WHERE template = ?", (template,)).fetchall()
    return tuple(msgspec.json.decode(row[0], type=Form) for row in rows)
