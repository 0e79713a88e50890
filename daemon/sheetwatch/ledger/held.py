"""What the ledger writes about decisions that are held: carried out later, and taken back until then.

A decision that is held stands in the ledger, and its page waits for nobody else; but the page is in review still, its
files lie in the review folder, and whoever decided may take it back. Of the one who carries it out and the one who
takes it back, the first wins: each is one change of `waiting`. Either way the decision stays on record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.ledger.records import Correction, Decider, DropCause, Form, NewRow, Resolution

if TYPE_CHECKING:
    import sqlite3

    from sheetwatch.ledger.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAnswer:
    """The page becomes this row."""

    form: Form
    row: NewRow
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAnswer:
    """The page makes no row."""

    cause: DropCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A decision that may still be taken back."""

    decision: int
    review: int
    stem: str
    sheet_id: str
    answer: RowAnswer | DropAnswer
    who: Decider
    due_at: datetime


_HELD = (
    "SELECT decisions.*, reviews.stem, pages.sheet_id FROM decisions INDEXED BY decisions_waiting"
    " JOIN reviews ON reviews.id = decisions.review"
    " JOIN pages ON pages.id = reviews.page WHERE decisions.state = 'waiting'"
)


def resolution_of(answer: RowAnswer | DropAnswer) -> Resolution:
    """How the review ends."""
    return Resolution.CORRECTED if isinstance(answer, RowAnswer) else Resolution.DISCARDED


def hold(tx: Transaction, review: int, answer: RowAnswer | DropAnswer, who: Decider, due_at: datetime) -> bool:
    """Keep a decision until it is due. False when the page is decided already."""
    cursor = tx.execute(
        "INSERT OR IGNORE INTO decisions (review, resolution, answer, decided_at, decided_by, via, due_at)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM reviews WHERE id = ? AND state IN ('opening', 'open')",
        (
            resolution_of(answer),
            msgspec.json.encode(answer).decode(),
            who.at.isoformat(),
            who.by,
            who.via,
            due_at.isoformat(),
            review,
        ),
    )
    return cursor.rowcount == 1


def due(tx: Transaction, now: datetime) -> list[Held]:
    """The decisions to be carried out, oldest first; those from the future too: the clock was set back."""
    query = f"{_HELD} AND (due_at <= :now OR decisions.decided_at > :now) ORDER BY decisions.id"
    return [_held(row) for row in tx.execute(query, {"now": now.isoformat()})]


def held_by(tx: Transaction, by: str) -> list[Held]:
    """What somebody may still take back, newest first."""
    return [_held(row) for row in tx.execute(f"{_HELD} AND decisions.decided_by = ? ORDER BY decisions.id DESC", (by,))]


def count(tx: Transaction) -> int:
    """How many decisions are held; a ledger that an older program made holds none."""
    if tx.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'decisions'").fetchone() is None:
        return 0
    (number,) = tx.execute("SELECT count(*) FROM decisions WHERE state = 'waiting'").fetchone()
    return int(number)


def begin(tx: Transaction, decision: int, at: datetime) -> bool:
    """Carry out a decision, in the same transaction. False when it was taken back."""
    return _end(tx, decision, "done", at)


def take_back(tx: Transaction, decision: int, by: str, at: datetime) -> bool:
    """The page waits for a person again. False when it was carried out, or is somebody else's."""
    mine = tx.execute("SELECT 1 FROM decisions WHERE id = ? AND decided_by = ?", (decision, by)).fetchone()
    return mine is not None and _end(tx, decision, "undone", at)


def review_of(tx: Transaction, decision: int) -> int | None:
    """The stay in review that was decided."""
    row = tx.execute("SELECT review FROM decisions WHERE id = ?", (decision,)).fetchone()
    return None if row is None else int(row[0])


def is_held(tx: Transaction, review: int) -> bool:
    """Whether a page is decided, and that may still be taken back."""
    return held_row(tx, review) is not None


def held_row(tx: Transaction, review: int) -> sqlite3.Row | None:
    """The decision that is held, as it is kept."""
    query = "SELECT * FROM decisions WHERE review = ? AND state = 'waiting'"
    row: sqlite3.Row | None = tx.execute(query, (review,)).fetchone()
    return row


def key_holder(tx: Transaction, template: str, key_value: str) -> str | None:
    """The sheet that becomes a row with this key value unless its decision is taken back."""
    for row in tx.execute(_HELD):
        answer = _held(row).answer
        if isinstance(answer, RowAnswer) and (answer.form.name, answer.row.key_value) == (template, key_value):
            return str(row["sheet_id"])
    return None


def _end(tx: Transaction, decision: int, state: str, at: datetime) -> bool:
    cursor = tx.execute(
        "UPDATE decisions SET state = ?, ended_at = ? WHERE id = ? AND state = 'waiting'",
        (state, at.isoformat(), decision),
    )
    return cursor.rowcount == 1


def _answer(row: sqlite3.Row) -> RowAnswer | DropAnswer:
    if row["resolution"] == Resolution.CORRECTED:
        return msgspec.json.decode(row["answer"], type=RowAnswer)
    return msgspec.json.decode(row["answer"], type=DropAnswer)


def _held(row: sqlite3.Row) -> Held:
    return Held(
        decision=row["id"],
        review=row["review"],
        stem=row["stem"],
        sheet_id=row["sheet_id"],
        answer=_answer(row),
        who=Decider(at=datetime.fromisoformat(row["decided_at"]), by=row["decided_by"], via=row["via"]),
        due_at=datetime.fromisoformat(row["due_at"]),
    )
