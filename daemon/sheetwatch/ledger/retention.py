"""Forget what was settled long ago, so that the ledger does not grow for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.ledger import mirror

if TYPE_CHECKING:
    from datetime import date

    from sheetwatch.ledger.store import Transaction

# All of it begins with the old ones, and looks at nothing else: of `a CROSS JOIN b`, SQLite goes through `a`, and of
# `+state` it looks for no index.
_BEGIN = """
CREATE TEMP TABLE old AS SELECT id FROM scans WHERE id IN (SELECT scan FROM pages WHERE decided_at < :before)
    AND +state = 'archived' AND returns_page IS NULL AND NOT EXISTS
    (SELECT 1 FROM pages WHERE pages.scan = scans.id AND (decided_at IS NULL OR decided_at >= :before));
"""
_INDEX = "CREATE UNIQUE INDEX temp.old_scans ON old (id)"
# A CSV is forgotten whole or not at all: `export` must never make half of one.
_KEEP_SHARED = """
DELETE FROM old WHERE id IN (
    WITH touched AS (SELECT DISTINCT rows.csv_file FROM old CROSS JOIN pages ON pages.scan = old.id
            CROSS JOIN rows ON rows.page = pages.id),
        shared AS (SELECT csv_file FROM touched WHERE EXISTS (SELECT 1
            FROM rows CROSS JOIN pages ON pages.id = rows.page
            WHERE rows.csv_file = touched.csv_file AND pages.scan NOT IN (SELECT id FROM old)))
    SELECT pages.scan FROM shared CROSS JOIN rows ON rows.csv_file = shared.csv_file
        CROSS JOIN pages ON pages.id = rows.page)
"""
_FORGET = """
CREATE TEMP TABLE old_pages AS SELECT id FROM pages WHERE scan IN (SELECT id FROM old);
INSERT INTO old SELECT id FROM scans WHERE returns_page IN (SELECT id FROM old_pages);
DELETE FROM corrections WHERE page IN (SELECT id FROM old_pages);
DELETE FROM audits WHERE page IN (SELECT id FROM old_pages);
DELETE FROM rows WHERE page IN (SELECT id FROM old_pages);
DELETE FROM csv_files WHERE row_count > 0 AND NOT EXISTS (SELECT 1 FROM rows WHERE rows.csv_file = csv_files.id);
DELETE FROM decisions WHERE review IN (SELECT id FROM reviews WHERE page IN (SELECT id FROM old_pages));
DELETE FROM reviews WHERE page IN (SELECT id FROM old_pages);
UPDATE scans SET duplicate_of = NULL WHERE duplicate_of IN (SELECT id FROM old);
UPDATE scans SET replaces_page = NULL WHERE replaces_page IN (SELECT id FROM old_pages);
DELETE FROM pages WHERE id IN (SELECT id FROM old_pages);
DELETE FROM scans WHERE id IN (SELECT id FROM old);
DROP TABLE old_pages;
DROP TABLE old;
"""


def forget_before(tx: Transaction, day: date) -> int:
    """Delete scans archived, with every page decided, before a day (UTC). Returns how many.

    What is deleted is known no more: the same content counts as new, and `export` leaves those rows out.
    """
    tx.execute("PRAGMA defer_foreign_keys = ON")
    tx.execute(_BEGIN, {"before": day.isoformat()})
    tx.execute(_INDEX)
    mirror.keep_owed(tx)
    while tx.execute(_KEEP_SHARED).rowcount:
        pass
    (count,) = tx.execute("SELECT count(*) FROM old").fetchone()
    for statement in _FORGET.split(";\n"):
        tx.execute(statement)
    mirror.forgotten(tx, day)
    return int(count)
