"""Which rows a shared database still lacks: noted by triggers, in the same transaction as whatever changes a row.

So nothing that writes rows knows of the mirror, and a ledger without one carries none of this. A row is owed until the
database has committed it; sent twice, it is the same row there.

With the last row of a batch its token goes to the database: the change's number and a hash of the row. The token that
the database has is then either the one noted here last, or that of a change that is still owed, sent just before
somebody was killed. If it is neither, one of the two was restored from an older backup, and everything is sent again.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.ledger.records import Form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import date

    from sheetwatch.domain import Field
    from sheetwatch.ledger.store import Ledger, Transaction

_TABLES = """
CREATE TABLE IF NOT EXISTS mirror (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    ledger TEXT NOT NULL,              -- which ledger this is, whatever its box is called
    noted TEXT NOT NULL,               -- the token of what was noted as sent last
    compare INTEGER NOT NULL,          -- not 0: rows that this ledger does not know are to be looked for; which order
    take_over INTEGER NOT NULL,        -- whether an administrator said that the box's name is this ledger's
    forgot_before TEXT NOT NULL        -- the day before which retention has deleted rows; they stay in the database
) STRICT;
CREATE TABLE IF NOT EXISTS mirror_owed (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    row INTEGER NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS mirror_new AFTER INSERT ON rows
    BEGIN INSERT INTO mirror_owed (row) VALUES (NEW.id); END;
CREATE TRIGGER IF NOT EXISTS mirror_corrected AFTER UPDATE OF line ON rows WHEN NEW.line != OLD.line
    BEGIN INSERT INTO mirror_owed (row) VALUES (NEW.id); END;
"""
_NO_MORE = (
    "DROP TRIGGER mirror_new",
    "DROP TRIGGER mirror_corrected",
    "DELETE FROM mirror_owed",
    "UPDATE mirror SET noted = ''",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """How this ledger and the database know each other; the columns of the table `mirror`."""

    ledger: str
    compare: int
    take_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedRow:
    """A row that is owed. `cells`: as in the CSV, by column; `fields`: of the template revision it was read with."""

    change: int
    token: str
    sheet_id: str
    page: int
    source: str
    template: str
    template_revision: str
    model: str
    program: str
    csv_name: str
    cells: Mapping[str, str]
    fields: tuple[Field, ...]


def is_on(tx: Transaction) -> bool:
    """Whether rows are noted for a database."""
    return tx.execute("SELECT 1 FROM sqlite_master WHERE name = 'mirror_new'").fetchone() is not None


def _was_ever_on(tx: Transaction) -> bool:
    return tx.execute("SELECT 1 FROM sqlite_master WHERE name = 'mirror'").fetchone() is not None


def switch_on(tx: Transaction) -> None:
    """Note rows from now on; all there are now are owed."""
    for statement in _statements(_TABLES):
        tx.execute(statement)
    tx.execute("INSERT OR IGNORE INTO mirror VALUES (1, lower(hex(randomblob(16))), '', 0, 0, '')")
    send_all(tx)


def switch_off(tx: Transaction) -> None:
    """Note rows no more."""
    for statement in _NO_MORE:
        tx.execute(statement)


def _statements(script: str) -> list[str]:
    """The statements of a script; unlike `executescript`, they can be run within a transaction."""
    found, begun = [], ""
    for line in script.splitlines(keepends=True):
        begun += line
        if line.endswith(";\n") and ("TRIGGER" not in begun or "END;" in line):
            found.append(begun)
            begun = ""
    return found


def send_all(tx: Transaction, *, take_over: bool = False) -> int:
    """Owe every row again, and look afterwards for rows that the database has and the ledger does not know."""
    tx.execute("DELETE FROM mirror_owed")
    count = tx.execute("INSERT INTO mirror_owed (row) SELECT id FROM rows ORDER BY id").rowcount
    tx.execute(
        "UPDATE mirror SET noted = '', compare = 1 + abs(random() % 1000000000), take_over = max(take_over, ?)",
        (take_over,),
    )
    return count


def bond(tx: Transaction) -> Bond:
    """What is noted of the database."""
    row = tx.execute("SELECT * FROM mirror").fetchone()
    return Bond(ledger=row["ledger"], compare=row["compare"], take_over=bool(row["take_over"]))


def knows(tx: Transaction, token: str) -> bool:
    """Whether this may be the last that the database got from here. While everything is owed, it may be any."""
    row = tx.execute("SELECT noted, compare FROM mirror").fetchone()
    everything_owed = row["compare"] and not row["noted"]
    if everything_owed or token == row["noted"]:
        return True
    change = token.partition(":")[0]
    return change.isdecimal() and any(one.token == token for one in owed_rows(tx, after=int(change) - 1, limit=1))


def due(tx: Transaction) -> tuple[int, int]:
    """The newest change that is owed, and the comparison that is due; 0 for none."""
    (change,) = tx.execute("SELECT coalesce(max(change), 0) FROM mirror_owed").fetchone()
    return int(change), bond(tx).compare


def waiting(ledger: Ledger) -> int | None:
    """How many rows are owed to the database; None where there is none."""
    with ledger.reading() as tx:
        if not is_on(tx):
            return None
        (count,) = tx.execute("SELECT count(DISTINCT row) FROM mirror_owed").fetchone()
        return int(count)


def owed_rows(tx: Transaction, *, after: int, limit: int) -> list[OwedRow]:
    """The next rows that are owed, in the order of their changes."""
    rows = tx.execute(
        "SELECT mirror_owed.change, rows.line, csv_files.header, csv_files.name AS csv_name, csv_files.template,"
        " pages.sheet_id, pages.page, pages.template_revision, pages.model, pages.program, scans.name AS source,"
        " forms.form FROM mirror_owed JOIN rows ON rows.id = mirror_owed.row"
        " JOIN csv_files ON csv_files.id = rows.csv_file JOIN pages ON pages.id = rows.page"
        " JOIN scans ON scans.id = pages.scan LEFT JOIN forms ON forms.template = pages.template"
        " AND forms.revision = pages.template_revision WHERE mirror_owed.change > ?"
        " ORDER BY mirror_owed.change LIMIT ?",
        (after, limit),
    )
    return [_owed_row(row) for row in rows]


def _owed_row(row: sqlite3.Row) -> OwedRow:
    columns, cells = csv.reader([row["header"], row["line"]])
    return OwedRow(
        change=row["change"],
        token=f"{row['change']}:{hashlib.sha256(row['line'].encode()).hexdigest()[:16]}",
        sheet_id=row["sheet_id"],
        page=row["page"],
        source=row["source"],
        template=row["template"],
        template_revision=row["template_revision"] or "",
        model=row["model"] or "",
        program=row["program"] or "",
        csv_name=row["csv_name"],
        cells=dict(zip(columns, cells, strict=True)),
        fields=msgspec.json.decode(row["form"], type=Form).fields if row["form"] else (),
    )


def note_sent(tx: Transaction, *, up_to: int, token: str, compared: int) -> None:
    """The database has committed every change up to this one, which has this token, and made that comparison."""
    tx.execute("DELETE FROM mirror_owed WHERE change <= ?", (up_to,))
    tx.execute(
        "UPDATE mirror SET noted = ?, take_over = 0, compare = CASE compare WHEN ? THEN 0 ELSE compare END",
        (token, compared),
    )


def unknown(tx: Transaction, read_on: Mapping[str, str]) -> list[str]:
    """Which of these sheets have no row here, though retention has not deleted it. read_on: sheet to day, in UTC."""
    (forgot_before,) = tx.execute("SELECT forgot_before FROM mirror").fetchone()
    known = {
        row[0]
        for row in tx.execute(
            "SELECT pages.sheet_id FROM pages JOIN rows ON rows.page = pages.id"
            " WHERE pages.sheet_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(read_on)),),
        )
    }
    return [sheet_id for sheet_id, day in read_on.items() if sheet_id not in known and day >= forgot_before]


def forms(tx: Transaction) -> list[Form]:
    """Every form that a page was ever read with."""
    return [msgspec.json.decode(row["form"], type=Form) for row in tx.execute("SELECT form FROM forms")]


def keep_owed(tx: Transaction) -> None:
    """Leave those scans out of the table `old` whose rows the database has not got yet."""
    if is_on(tx):
        tx.execute(
            "DELETE FROM old WHERE id IN (SELECT pages.scan FROM mirror_owed JOIN rows ON rows.id = mirror_owed.row"
            " JOIN pages ON pages.id = rows.page)"
        )


def forgotten(tx: Transaction, before: date) -> None:
    """Rows of before that day are deleted here, and stay in the database."""
    if _was_ever_on(tx):
        tx.execute("UPDATE mirror SET forgot_before = max(forgot_before, ?)", (before.isoformat(),))
