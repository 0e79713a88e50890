"""A ledger with a long past, written by SQL in seconds, and counts of what the database does for a query."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import Reading, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sheetwatch.ledger import Ledger

PER_DAY = 500
_STEPS = 100

_PAST = """
CREATE TEMP TABLE past AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :sheets)
    SELECT i, (:sheets - i) / :per_day + 1 AS days_ago, i % 10 = 0 AS dropped, i % 20 = 1 AS corrected FROM n;
CREATE TEMP TABLE days AS SELECT DISTINCT days_ago, date(:today, '-' || days_ago || ' days') AS day FROM past;
INSERT INTO scans (id, scan_id, state, source, name, suffix, size_bytes, mtime_ns, sha256, page_count, duplicate_of,
        claimed_at, archived_as, program)
    SELECT i, printf('old-%07d', i), 'archived', x'61', 'scan.jpg', '.jpg', 100000, i, printf('%064x', i), 1,
        CASE WHEN i % 30 = 0 THEN i - 1 END, day, 'old', 'p' FROM past JOIN days USING (days_ago);
INSERT INTO pages (id, sheet_id, scan, page, state, read_from, read_page, drop_cause, decided_at, template,
        template_revision, key_value, model, program, readings)
    SELECT i, printf('old-%07d-p0', i), i, 0, iif(dropped, 'dropped', 'row'), i, 0, iif(dropped, 'blank', NULL),
        day || 'T09:00:00+00:00', 'exam', 'abc123', 'k' || i, 'm', 'p', :readings FROM past JOIN days USING (days_ago);
INSERT INTO csv_files (id, name, template, day, number, header, delivered_bytes, fingerprint)
    SELECT days_ago, 'exam-' || day || '.csv', 'exam', day, 1, 'h', 9, 'f' FROM days;
INSERT INTO rows (page, csv_file, sequence, line, delivered) SELECT i, days_ago, i, i || ',7' || char(10), 1
    FROM past WHERE NOT dropped;
UPDATE csv_files SET row_count = (SELECT count(*) FROM rows WHERE csv_file = csv_files.id);
INSERT INTO reviews (page, stem, state, opened_at, closed_at, resolution, decided_by, page_sha256)
    SELECT i, printf('stem-%07d', i), 'closed', day, day, 'corrected', 'ann', printf('r%063x', i)
    FROM past JOIN days USING (days_ago) WHERE corrected;
DROP TABLE past;
DROP TABLE days;
"""
_READING = Reading(value="7", state=State.WRITTEN, probability=0.9991)
_READINGS = msgspec.json.encode({f"q{number}": _READING for number in range(1, 13)}).decode()


def fill(ledger: Ledger, sheets: int, today: str) -> None:
    """Write a past of so many sheets, 500 a day, the last of them yesterday: rows, corrected rows and blanks."""
    values = {"sheets": sheets, "today": today, "per_day": PER_DAY, "readings": _READINGS}
    with ledger.transaction() as tx:
        for statement in _PAST.split(";\n"):
            tx.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})


@dataclass(slots=True)
class Effort:
    """What the database did: its virtual machine's instructions, to the hundred, and the statements."""

    steps: int = 0
    statements: tuple[str, ...] = ()


@contextmanager
def effort_of(ledger: Ledger) -> Iterator[Effort]:
    """Count the database's work, which depends on no clock and no other process."""
    connection: sqlite3.Connection = ledger._connection
    effort, statements = Effort(), list[str]()

    def count() -> int:
        effort.steps += _STEPS
        return 0

    connection.set_progress_handler(count, _STEPS)
    connection.set_trace_callback(statements.append)
    try:
        yield effort
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_trace_callback(None)
        effort.statements = tuple(statements)


def plan_of(ledger: Ledger, statement: str) -> list[str]:
    """How SQLite goes about a statement, a line for each table."""
    return [row["detail"] for row in ledger._connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
