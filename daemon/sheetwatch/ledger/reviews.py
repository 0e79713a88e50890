"""What the ledger writes about pages in review."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import LedgerError, Reading, Reason, SheetPicture, UsageError
from sheetwatch.ledger import held
from sheetwatch.ledger.records import Form, OpenReview, ReviewFiles, ReviewState, WaitingLine
from sheetwatch.ledger.scans import close_review

if TYPE_CHECKING:
    import sqlite3

    from sheetwatch.ledger.records import Decider, Resolution
    from sheetwatch.ledger.store import Transaction

# Those that a person must decide, and nobody has.
_WAITING = (
    "reviews.state IN ('opening', 'open') AND NOT EXISTS"
    " (SELECT 1 FROM decisions WHERE decisions.review = reviews.id AND decisions.state = 'waiting')"
)
_REVIEWS = (
    "SELECT reviews.*, pages.sheet_id, pages.page AS page_index, pages.reasons, pages.readings, pages.model,"
    " pages.picture, pages.image, pages.sheet, files.scan_id AS folder,"
    " files.suffix, files.page_count, scans.name AS source_name,"
    " forms.form FROM reviews JOIN pages ON pages.id = reviews.page JOIN scans ON scans.id = pages.scan"
    " JOIN scans AS files ON files.id = pages.read_from"
    " LEFT JOIN forms ON forms.template = pages.template AND forms.revision = pages.template_revision"
)


def waiting_reviews(tx: Transaction) -> list[OpenReview]:
    """Every page in review, longest waiting first."""
    rows = tx.execute(f"{_REVIEWS} WHERE {_WAITING} ORDER BY reviews.id")
    return [_review(row) for row in rows]


def opening_reviews(tx: Transaction, limit: int) -> list[OpenReview]:
    """Pages whose files in the review folder are owed."""
    rows = tx.execute(f"{_REVIEWS} WHERE reviews.state = 'opening' ORDER BY reviews.id LIMIT ?", (limit,))
    return [_review(row) for row in rows]


def open_files(tx: Transaction) -> list[ReviewFiles]:
    """Every page whose files lie in the review folder, as names only: this is looked through often."""
    rows = tx.execute("SELECT id, stem, page_name FROM reviews WHERE state = 'open' ORDER BY id")
    return [ReviewFiles(review=row["id"], stem=row["stem"], page_name=row["page_name"]) for row in rows]


def find_review(tx: Transaction, stem: str) -> OpenReview | None:
    """The page in review with this stem, even if its decision is held."""
    row = tx.execute(f"{_REVIEWS} WHERE reviews.stem = ? AND reviews.state IN ('opening', 'open')", (stem,)).fetchone()
    return None if row is None else _review(row)


def find_numbered(tx: Transaction, number: int) -> OpenReview | None:
    """The stay in review with this number, while it waits for a decision."""
    row = tx.execute(f"{_REVIEWS} WHERE reviews.id = ? AND {_WAITING}", (number,)).fetchone()
    return None if row is None else _review(row)


def numbered_in_words(tx: Transaction, number: int) -> str:
    """What became of a stay in review that was decided, in words."""
    row = tx.execute("SELECT * FROM reviews WHERE id = ?", (number,)).fetchone()
    return "there is no such page in review" if row is None else f"{row['stem']}: {_decision(tx, row)}"


def waiting_lines(tx: Transaction) -> list[WaitingLine]:
    """Every page in review, longest waiting first, without what was read on it: this is looked through often."""
    rows = tx.execute(
        "SELECT reviews.id, reviews.stem, reviews.opened_at, pages.page, pages.template, pages.reasons, scans.name"  # noqa: S608 - constants
        " FROM reviews JOIN pages ON pages.id = reviews.page JOIN scans ON scans.id = pages.scan"
        f" WHERE {_WAITING} ORDER BY reviews.id"
    )
    return [
        WaitingLine(
            review=row["id"],
            stem=row["stem"],
            opened_at=datetime.fromisoformat(row["opened_at"]),
            source_name=row["name"],
            page_index=row["page"],
            template=row["template"],
            reasons=msgspec.json.decode(row["reasons"], type=tuple[Reason, ...]),
        )
        for row in rows
    ]


def find_by_content(tx: Transaction, sha256: str | None) -> list[OpenReview]:
    """The open reviews whose page, as it lies in the review folder, has this content."""
    rows = tx.execute(f"{_REVIEWS} WHERE reviews.page_sha256 = ? AND reviews.state = 'open'", (sha256,))
    return [_review(row) for row in rows]


def closed_with_stem(tx: Transaction, stem: str) -> ReviewFiles | None:
    """The last stay of a page in review, when it has ended and its files were removed."""
    row = tx.execute("SELECT * FROM reviews WHERE stem = ? ORDER BY id DESC LIMIT 1", (stem,)).fetchone()
    if row is None or row["state"] != ReviewState.CLOSED:
        return None
    return ReviewFiles(review=row["id"], stem=stem, page_name=None, sheet_sha256=row["sheet_sha256"])


def stem_is_known(tx: Transaction, stem: str) -> bool:
    """Whether a page with this stem is, or was, in review."""
    return tx.execute("SELECT 1 FROM reviews WHERE stem = ?", (stem,)).fetchone() is not None


def could_not_be_opened(tx: Transaction, page: int) -> bool:
    """Whether a page stands for a whole scan that could not be opened."""
    row = tx.execute(
        "SELECT problem FROM scans JOIN pages ON pages.scan = scans.id WHERE pages.id = ?", (page,)
    ).fetchone()
    return row is not None and row[0] is not None


def opened(tx: Transaction, review: int, *, page_name: str, page_sha256: str | None, sheet_sha256: str) -> None:
    """The files lie in the review folder."""
    tx.execute(
        "UPDATE reviews SET state = 'open', page_name = ?, page_sha256 = ?, sheet_sha256 = ?"
        " WHERE id = ? AND state = 'opening'",
        (page_name, page_sha256, sheet_sha256, review),
    )


def reopen(tx: Transaction, review: int) -> None:
    """The files of an open review are owed again: somebody removed them, or there is more to say."""
    tx.execute("UPDATE reviews SET state = 'opening' WHERE id = ? AND state = 'open'", (review,))


def note_problem(tx: Transaction, review: int, problem: str | None) -> None:
    """What was wrong with the operator's last answer."""
    tx.execute("UPDATE reviews SET problem = ? WHERE id = ?", (problem, review))


def claim_decision(tx: Transaction, review: OpenReview, resolution: Resolution, who: Decider) -> None:
    """The first decision wins. Raises UsageError, saying who was first, when there is one already."""
    if not close_review(tx, review.page, resolution, by=f"{who.by}, {who.via}", at=who.at):
        raise UsageError(f"{review.stem}: {decided_already(tx, review.stem)}")
    if who.sheet_sha256:
        tx.execute("UPDATE reviews SET sheet_sha256 = ? WHERE id = ?", (who.sheet_sha256, review.review))


def decided_already(tx: Transaction, stem: str) -> str:
    """Who decided a page, how and when, in words."""
    row = tx.execute("SELECT * FROM reviews WHERE stem = ? ORDER BY id DESC LIMIT 1", (stem,)).fetchone()
    if row is None:
        return "there is no such page in review; see: sheetwatch review list"
    return _decision(tx, row)


def decision_in_words(tx: Transaction, review: int) -> str:
    """Who decided a page on one of its stays in review, how and when, in words."""
    return _decision(tx, tx.execute("SELECT * FROM reviews WHERE id = ?", (review,)).fetchone())


def _decision(tx: Transaction, row: sqlite3.Row) -> str:
    if row["resolution"] is not None:
        return _in_words(row["resolution"], row["decided_by"], row["closed_at"])
    decision = held.held_row(tx, row["id"])
    if decision is None:
        raise LedgerError(f"{row['stem']}: the review is open, but could not be closed; please report it")
    return _in_words(decision["resolution"], f"{decision['decided_by']}, {decision['via']}", decision["decided_at"])


def _in_words(resolution: str, by: str, at: str) -> str:
    return f"already {resolution} by {by} on {datetime.fromisoformat(at).astimezone():%Y-%m-%d at %H:%M:%S}"


def closed(tx: Transaction, review: int) -> None:
    """The files are gone from the review folder; nothing is owed."""
    tx.execute("UPDATE reviews SET state = 'closed' WHERE id = ? AND state = 'closing'", (review,))


def _review(row: sqlite3.Row) -> OpenReview:
    return OpenReview(
        review=row["id"],
        page=row["page"],
        stem=row["stem"],
        state=ReviewState(row["state"]),
        opened_at=datetime.fromisoformat(row["opened_at"]),
        sheet_id=row["sheet_id"],
        source_name=row["source_name"],
        page_index=row["page_index"],
        folder=row["folder"],
        suffix=row["suffix"],
        page_count=row["page_count"],
        form=None if row["form"] is None else msgspec.json.decode(row["form"], type=Form),
        reasons=msgspec.json.decode(row["reasons"], type=tuple[Reason, ...]),
        readings=msgspec.json.decode(row["readings"], type=dict[str, Reading]),
        model=row["model"] or "",
        picture=row["picture"],
        image=row["image"],
        sheet=None if row["sheet"] is None else msgspec.json.decode(row["sheet"], type=SheetPicture),
        page_name=row["page_name"],
        page_sha256=row["page_sha256"],
        sheet_sha256=row["sheet_sha256"],
        problem=row["problem"],
    )
