"""What the ledger writes about scans: claimed, settled, archived."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import Reason
from sheetwatch.ledger.records import Claim, DropCause, HeldScan, NewScan, Resolution, ReviewFiles, SettledScan

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from sheetwatch.ledger.store import Transaction


def begin_claim(tx: Transaction, new: NewScan) -> Claim:
    """Write down that a scan is being taken up; its move out of inbox/ is owed from here on."""
    cursor = tx.execute(
        "INSERT INTO scans (scan_id, state, source, name, suffix, size_bytes, mtime_ns, sha256, page_count, problem,"
        " duplicate_of, returns_page, replaces_page, keep, claimed_at, program)"
        " VALUES (hex(randomblob(16)), 'claiming', :source, :name, :suffix, :size_bytes, :mtime_ns, :sha256,"
        " :page_count, :problem, :duplicate_of, :returns_page, :replaces_page, :keep, :claimed_at, :program)",
        {
            "source": os.fsencode(new.source),
            "name": new.name,
            "suffix": new.suffix,
            "size_bytes": new.size_bytes,
            "mtime_ns": new.mtime_ns,
            "sha256": new.sha256,
            "page_count": new.page_count,
            "problem": msgspec.json.encode(new.problem).decode() if new.problem else None,
            "duplicate_of": None if new.returns_page or new.replaces_page else _seen_before(tx, new),
            "returns_page": new.returns_page,
            "replaces_page": new.replaces_page,
            "keep": int(new.keep),
            "claimed_at": new.claimed_at.isoformat(),
            "program": new.program,
        },
    )
    scan = int(cursor.lastrowid or 0)
    scan_id = f"{new.claimed_at:%Y%m%d}-{scan:05d}"
    tx.execute("UPDATE scans SET scan_id = ? WHERE id = ?", (scan_id, scan))
    return _claim(_scan(tx, scan))


def _claim(row: sqlite3.Row) -> Claim:
    return Claim(
        scan=row["id"],
        scan_id=row["scan_id"],
        source=Path(os.fsdecode(row["source"])),
        suffix=row["suffix"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        sha256=row["sha256"],
    )


def _seen_before(tx: Transaction, new: NewScan) -> int | None:
    """The first scan with this content, or whose page in the review folder has or had this content or stem."""
    row = tx.execute(
        "SELECT min(id) FROM (SELECT id FROM scans WHERE sha256 = :content AND returns_page IS NULL"
        " AND state != 'claiming' UNION ALL"
        " SELECT pages.scan FROM reviews JOIN pages ON pages.id = reviews.page"
        " WHERE reviews.page_sha256 = :content OR reviews.stem = :stem)",
        {"content": new.sha256, "stem": new.stem},
    ).fetchone()
    return None if row[0] is None else int(row[0])


def cancel_claim(tx: Transaction, scan: int) -> None:
    """Forget a claim whose file stayed in inbox/; no page was counted yet."""
    tx.execute("DELETE FROM scans WHERE id = ? AND state = 'claiming'", (scan,))


def finish_claim(tx: Transaction, scan: int, *, mtime_ns: int, drop_duplicates: bool, at: datetime) -> None:
    """The file is ours: count its pages, or put the page that came back to work.

    `mtime_ns`: of the work file, whose file system may keep times less exactly than that of the inbox.
    """
    tx.execute("UPDATE scans SET state = 'claimed', mtime_ns = ? WHERE id = ?", (mtime_ns, scan))
    row = _scan(tx, scan)
    if row["returns_page"] is not None:
        if _bring_back(tx, row, at):
            return
        row = _scan(tx, scan)
    if row["replaces_page"] is not None:
        _replace(tx, row["replaces_page"], at)
    _count_pages(tx, row, drop=drop_duplicates and row["duplicate_of"] is not None, at=at)
    _settle(tx, scan)


def _scan(tx: Transaction, scan: int) -> sqlite3.Row:
    row: sqlite3.Row = tx.execute("SELECT * FROM scans WHERE id = ?", (scan,)).fetchone()
    return row


def _replace(tx: Transaction, page: int, at: datetime) -> None:
    """A page that could not be opened makes room for the whole scan that came in its place."""
    if close_review(tx, page, Resolution.REPLACED, by="inbox", at=at):
        drop_page(tx, page, DropCause.REPLACED, at)
        settle_scans_of(tx, page)


def _bring_back(tx: Transaction, row: sqlite3.Row, at: datetime) -> bool:
    """Put the page back to work, to be read from this file; False when an operator was quicker."""
    page = row["returns_page"]
    if not close_review(tx, page, Resolution.RETURNED, by="inbox", at=at):
        tx.execute(
            "UPDATE scans SET returns_page = NULL, duplicate_of = (SELECT scan FROM pages WHERE id = ?) WHERE id = ?",
            (page, row["id"]),
        )
        return False
    tx.execute(
        "UPDATE pages SET state = 'work', attempts = 0, read_from = ?, picture = NULL, image = NULL, sheet = NULL,"
        " read_page = CASE WHEN ? > 1 THEN page ELSE 0 END WHERE id = ?",
        (row["id"], row["page_count"], page),
    )
    return True


def _count_pages(tx: Transaction, row: sqlite3.Row, *, drop: bool, at: datetime) -> None:
    state, cause = ("dropped", DropCause.DUPLICATE) if drop else ("work", None)
    tx.executemany(
        "INSERT INTO pages (sheet_id, scan, page, state, read_from, read_page, drop_cause, decided_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                f"{row['scan_id']}-p{page}",
                row["id"],
                page,
                state,
                row["id"],
                page,
                cause,
                at.isoformat() if drop else None,
            )
            for page in range(row["page_count"])
        ],
    )


def drop_page(tx: Transaction, page: int, cause: DropCause, at: datetime) -> None:
    """A page that makes no row and needs nobody."""
    tx.execute(
        "UPDATE pages SET state = 'dropped', drop_cause = ?, decided_at = ? WHERE id = ?", (cause, at.isoformat(), page)
    )


def close_review(tx: Transaction, page: int, resolution: Resolution, *, by: str, at: datetime) -> bool:
    """Decide a page's review; its files are owed their removal. False when it is decided already, or held."""
    cursor = tx.execute(
        "UPDATE reviews SET state = 'closing', resolution = ?, decided_by = ?, closed_at = ?"
        " WHERE page = ? AND state IN ('opening', 'open') AND NOT EXISTS"
        " (SELECT 1 FROM decisions WHERE decisions.review = reviews.id AND decisions.state = 'waiting')",
        (resolution, by, at.isoformat(), page),
    )
    return cursor.rowcount == 1


def settle_scans_of(tx: Transaction, page: int) -> None:
    """After a page was decided: its scan, and the scans it came back as, may be owed their move to the archive."""
    rows = tx.execute(
        "SELECT scan FROM pages WHERE id = :page"
        " UNION SELECT id FROM scans WHERE returns_page = :page AND state = 'claimed'",
        {"page": page},
    ).fetchall()
    for row in rows:
        _settle(tx, row[0])


def _settle(tx: Transaction, scan: int) -> None:
    tx.execute(
        "UPDATE scans SET state = 'settled' WHERE id = ? AND state = 'claimed'"
        " AND NOT EXISTS (SELECT 1 FROM pages WHERE pages.scan = scans.id AND state IN ('work', 'review'))"
        " AND NOT EXISTS (SELECT 1 FROM pages WHERE pages.id = returns_page AND state IN ('work', 'review'))",
        (scan,),
    )


def unfinished_claims(tx: Transaction) -> list[Claim]:
    """Claims that a killed process left open."""
    rows = tx.execute("SELECT * FROM scans WHERE state = 'claiming' ORDER BY id")
    return [_claim(row) for row in rows]


def settled_scans(tx: Transaction) -> list[SettledScan]:
    """Scans that are owed their move to the archive."""
    rows = tx.execute("SELECT * FROM scans WHERE state = 'settled' ORDER BY id")
    return [
        SettledScan(
            scan=row["id"],
            scan_id=row["scan_id"],
            name=row["name"],
            suffix=row["suffix"],
            size_bytes=row["size_bytes"],
            mtime_ns=row["mtime_ns"],
            keep=bool(row["keep"]),
            archived_as=row["archived_as"],
        )
        for row in rows
    ]


def held_scans(tx: Transaction) -> list[HeldScan]:
    """Scans that are not on their way to the archive."""
    rows = tx.execute(
        "SELECT * FROM scans WHERE state IN ('claimed', 'settled') AND keep AND archived_as IS NULL ORDER BY id"
    )
    return [
        HeldScan(scan_id=row["scan_id"], suffix=row["suffix"], size_bytes=row["size_bytes"], sha256=row["sha256"])
        for row in rows
    ]


def archive_names(tx: Transaction) -> set[str]:
    """Every name in the archive that the ledger knows, relative to it."""
    return {row[0] for row in tx.execute("SELECT archived_as FROM scans WHERE archived_as IS NOT NULL")}


def is_archive_name(tx: Transaction, name: str) -> bool:
    """Whether a scan lies under this name in the archive, or is on its way there."""
    return tx.execute("SELECT 1 FROM scans WHERE archived_as = ?", (name,)).fetchone() is not None


def choose_archive_name(tx: Transaction, scan: int, archived_as: str) -> None:
    """Write down where a settled scan goes, before it goes there."""
    tx.execute("UPDATE scans SET archived_as = ? WHERE id = ?", (archived_as, scan))


def archived(tx: Transaction, scan: int) -> None:
    """The scan lies in the archive; nothing is owed."""
    tx.execute("UPDATE scans SET state = 'archived' WHERE id = ?", (scan,))


def known_scan_ids(tx: Transaction, scan_ids: Sequence[str]) -> set[str]:
    """Those of the ids that the ledger knows as not archived yet."""
    query = "SELECT 1 FROM scans WHERE scan_id = ? AND state != 'archived'"
    return {scan_id for scan_id in scan_ids if tx.execute(query, (scan_id,)).fetchone()}


def closing_reviews(tx: Transaction) -> list[ReviewFiles]:
    """Decided reviews whose files are owed their removal."""
    rows = tx.execute(
        "SELECT id, stem, page_name, sheet_sha256, (SELECT source FROM scans WHERE returns_page = reviews.page AND"
        " resolution = 'returned' ORDER BY scans.id DESC LIMIT 1) AS source"
        " FROM reviews WHERE state = 'closing' ORDER BY id"
    )
    return [
        ReviewFiles(
            review=row["id"],
            stem=row["stem"],
            page_name=row["page_name"],
            sheet_sha256=row["sheet_sha256"],
            returned_to=None if row["source"] is None else Path(os.fsdecode(row["source"])).parent,
        )
        for row in rows
    ]


def decode_problem(text: str | None) -> Reason | None:
    """A reason from its column."""
    return None if text is None else msgspec.json.decode(text, type=Reason)
