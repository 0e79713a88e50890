"""What the ledger writes about pages: what was read, and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sheetwatch.ledger import held
from sheetwatch.ledger.corrections import add
from sheetwatch.ledger.records import Decider, Form, NewRow, PageFacts, WorkPage
from sheetwatch.ledger.scans import decode_problem, drop_page, settle_scans_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from sheetwatch.ledger.records import Correction, DropCause
    from sheetwatch.ledger.store import Transaction


def work_pages(tx: Transaction, limit: int, *, but: Sequence[int] = ()) -> list[WorkPage]:
    """The next pages to be read, oldest first, but for those already being read."""
    rows = tx.execute(
        "SELECT pages.*, files.scan_id AS folder, files.suffix AS file_suffix, files.page_count AS file_pages,"
        " files.problem AS file_problem, scans.name AS source_name, first.scan_id AS first_scan_id"
        " FROM pages JOIN scans ON scans.id = pages.scan JOIN scans AS files ON files.id = pages.read_from"
        " LEFT JOIN scans AS first ON first.id = scans.duplicate_of"
        " WHERE pages.state = 'work' ORDER BY pages.id LIMIT ?",
        (limit + len(but),),
    )
    return [_work_page(row) for row in rows if row["id"] not in but][:limit]


def _work_page(row: sqlite3.Row) -> WorkPage:
    return WorkPage(
        page=row["id"],
        sheet_id=row["sheet_id"],
        folder=row["folder"],
        suffix=row["file_suffix"],
        read_page=row["read_page"],
        page_count=row["file_pages"],
        attempts=row["attempts"],
        source_name=row["source_name"],
        page_index=row["page"],
        duplicate_of=row["first_scan_id"],
        problem=decode_problem(row["file_problem"]),
    )


def work_count(tx: Transaction) -> int:
    """How many pages are to be read or being read."""
    (count,) = tx.execute("SELECT count(*) FROM pages WHERE state = 'work'").fetchone()
    return int(count)


def count_attempt(tx: Transaction, page: int) -> None:
    """A reading of this page ended the worker; remembered, so that poison is not tried for ever."""
    tx.execute("UPDATE pages SET attempts = attempts + 1 WHERE id = ?", (page,))


def key_holder(tx: Transaction, template: str, key_value: str) -> str | None:
    """The sheet whose row has this key value already, or is about to have it: its decision is held."""
    row = tx.execute(
        "SELECT sheet_id FROM pages WHERE template = ? AND key_value = ? AND state = 'row'", (template, key_value)
    ).fetchone()
    return held.key_holder(tx, template, key_value) if row is None else str(row[0])


def record_row(tx: Transaction, page: int, facts: PageFacts, row: NewRow, *, max_rows: int, at: datetime) -> str:
    """A page that was read and accepted. Returns the name of the CSV that its line goes to."""
    _record_facts(tx, page, facts, at)
    name = _add_row(tx, page, row, max_rows)
    settle_scans_of(tx, page)
    return name


def record_review(tx: Transaction, page: int, facts: PageFacts, stem: str, *, sheet_sha256: str, at: datetime) -> None:
    """A page that needs a person; its files in the review folder, an answer sheet among them, are owed."""
    _record_facts(tx, page, facts, at)
    tx.execute("UPDATE pages SET state = 'review' WHERE id = ?", (page,))
    tx.execute(
        "INSERT INTO reviews (page, stem, state, opened_at, sheet_sha256) VALUES (?, ?, 'opening', ?, ?)",
        (page, stem, at.isoformat(), sheet_sha256),
    )


def record_drop(tx: Transaction, page: int, facts: PageFacts, cause: DropCause, *, at: datetime) -> None:
    """A page that makes no row and needs nobody."""
    _record_facts(tx, page, facts, at)
    drop_page(tx, page, cause, at)
    settle_scans_of(tx, page)


def correct(
    tx: Transaction,
    page: int,
    form: Form,
    corrections: Sequence[Correction],
    *,
    row: NewRow,
    max_rows: int,
    who: Decider,
) -> str:
    """A page in review that an operator answered; call `reviews.claim_decision` first. Returns the CSV's name."""
    _record_form(tx, form)
    tx.execute(
        "UPDATE pages SET template = ?, template_revision = ?, decided_at = ? WHERE id = ?",
        (form.name, form.revision, who.at.isoformat(), page),
    )
    add(tx, page, corrections, who)
    name = _add_row(tx, page, row, max_rows)
    settle_scans_of(tx, page)
    return name


def discard(tx: Transaction, page: int, cause: DropCause, at: datetime) -> None:
    """A page in review that an operator discarded; call `reviews.claim_decision` first."""
    drop_page(tx, page, cause, at)
    settle_scans_of(tx, page)


def _record_facts(tx: Transaction, page: int, facts: PageFacts, at: datetime) -> None:
    if facts.form:
        _record_form(tx, facts.form)
    tx.execute(
        "UPDATE pages SET decided_at = ?, template = ?, template_revision = ?, model = ?, program = ?, reasons = ?,"
        " readings = ?, alignment = ?, picture = ?, image = ?, sheet = ?, elapsed_ms = ?"
        " WHERE id = ? AND state = 'work'",
        (
            at.isoformat(),
            facts.form and facts.form.name,
            facts.form and facts.form.revision,
            facts.model,
            facts.program,
            msgspec.json.encode(facts.reasons).decode(),
            msgspec.json.encode(dict(facts.readings)).decode(),
            msgspec.json.encode(facts.alignment).decode() if facts.alignment else None,
            facts.picture,
            facts.image,
            msgspec.json.encode(facts.sheet).decode() if facts.sheet else None,
            facts.elapsed_ms,
            page,
        ),
    )


def _record_form(tx: Transaction, form: Form) -> None:
    tx.execute(
        "INSERT OR IGNORE INTO forms (template, revision, form) VALUES (?, ?, ?)",
        (form.name, form.revision, msgspec.json.encode(form).decode()),
    )


def _add_row(tx: Transaction, page: int, row: NewRow, max_rows: int) -> str:
    csv_file, name = _csv_file(tx, row, max_rows)
    tx.execute(
        "INSERT INTO rows (page, csv_file, sequence, line)"
        " VALUES (:page, :csv_file, (SELECT row_count FROM csv_files WHERE id = :csv_file), :line)",
        {"page": page, "csv_file": csv_file, "line": row.line},
    )
    tx.execute("UPDATE csv_files SET row_count = row_count + 1 WHERE id = ?", (csv_file,))
    tx.execute("UPDATE pages SET state = 'row', key_value = ? WHERE id = ?", (row.key_value, page))
    return name


def _csv_file(tx: Transaction, row: NewRow, max_rows: int) -> tuple[int, str]:
    """The file that takes the next row of a template and day: the newest with its columns, unless that is full."""
    day = row.day.isoformat()
    files = tx.execute(
        "SELECT * FROM csv_files WHERE template = ? AND day = ? ORDER BY number DESC", (row.template, day)
    ).fetchall()
    same = next((file for file in files if file["header"] == row.header), None)
    if same and same["row_count"] < max_rows:
        return same["id"], same["name"]
    number = files[0]["number"] + 1 if files else 1
    name = f"{row.template}-{day}.csv" if number == 1 else f"{row.template}-{day}-{number}.csv"
    cursor = tx.execute(
        "INSERT INTO csv_files (name, template, day, number, header) VALUES (?, ?, ?, ?, ?)",
        (name, row.template, day, number, row.header),
    )
    return int(cursor.lastrowid or 0), name
