"""What the ledger writes about the rolling CSVs: which rows each holds, and how far it was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.ledger.records import CsvFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import date

    from sheetwatch.ledger.store import Transaction


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A row that was delivered: its line as it stands in the CSV, and as it must."""

    row: int
    before: str
    after: str


def files_with_owed_rows(tx: Transaction) -> list[CsvFile]:
    """The CSVs that rows are owed to."""
    rows = tx.execute("SELECT * FROM csv_files WHERE id IN (SELECT csv_file FROM rows WHERE delivered = 0) ORDER BY id")
    return [_csv_file(row) for row in rows]


def files_with_corrected_rows(tx: Transaction) -> list[CsvFile]:
    """The CSVs in which a row stands as it was before somebody corrected it."""
    rows = tx.execute(
        "SELECT * FROM csv_files WHERE id IN (SELECT csv_file FROM rows WHERE written IS NOT NULL) ORDER BY id"
    )
    return [_csv_file(row) for row in rows]


def files_of_day(tx: Transaction, day: date) -> list[CsvFile]:
    """The CSVs of one day."""
    rows = tx.execute("SELECT * FROM csv_files WHERE day = ? ORDER BY id", (day.isoformat(),))
    return [_csv_file(row) for row in rows]


def owed_lines(tx: Transaction, csv_file: int) -> list[str]:
    """The lines of a CSV that are owed, in order."""
    query = "SELECT line FROM rows WHERE csv_file = ? AND delivered = 0 ORDER BY sequence"
    return [row[0] for row in tx.execute(query, (csv_file,))]


def delivered_lines(tx: Transaction, csv_file: int) -> list[str]:
    """The lines of a CSV as they were delivered, in order."""
    query = "SELECT coalesce(written, line) FROM rows WHERE csv_file = ? AND delivered = 1 ORDER BY sequence"
    return [row[0] for row in tx.execute(query, (csv_file,))]


def delivered(tx: Transaction, csv_file: int, lines: Sequence[str], *, size_bytes: int, fingerprint: str) -> None:
    """The next rows are in the file with these lines; it now has this size and fingerprint.

    One that was corrected since its line was asked for stands there as it was before.
    """
    query = "SELECT id FROM rows WHERE csv_file = ? AND delivered = 0 ORDER BY sequence LIMIT ?"
    numbers = [row[0] for row in tx.execute(query, (csv_file, len(lines)))]
    tx.executemany(
        "UPDATE rows SET delivered = 1, written = nullif(?, line) WHERE id = ?", zip(lines, numbers, strict=True)
    )
    _left(tx, csv_file, size_bytes, fingerprint)


def delivered_rows(tx: Transaction, csv_file: int) -> list[Rewritten]:
    """Every row of a CSV that was delivered, in order."""
    query = "SELECT id, written, line FROM rows WHERE csv_file = ? AND delivered = 1 ORDER BY sequence"
    return [Rewritten(row["id"], row["written"] or row["line"], row["line"]) for row in tx.execute(query, (csv_file,))]


def rewritten(
    tx: Transaction, csv_file: int, changed: Sequence[Rewritten], *, size_bytes: int, fingerprint: str
) -> None:
    """The corrected rows are in the file as they must be, unless they were corrected once more meanwhile."""
    tx.executemany("UPDATE rows SET written = nullif(?, line) WHERE id = ?", [(row.after, row.row) for row in changed])
    _left(tx, csv_file, size_bytes, fingerprint)


def left_to_the_office(tx: Transaction, csv_file: int) -> None:
    """Somebody edited or moved the file: it follows no correction. Should rows come, it is compared first."""
    tx.execute("UPDATE rows SET written = NULL WHERE csv_file = ? AND written IS NOT NULL", (csv_file,))
    tx.execute("UPDATE csv_files SET fingerprint = NULL WHERE id = ?", (csv_file,))


def _left(tx: Transaction, csv_file: int, size_bytes: int, fingerprint: str) -> None:
    tx.execute(
        "UPDATE csv_files SET delivered_bytes = ?, fingerprint = ? WHERE id = ?", (size_bytes, fingerprint, csv_file)
    )


def _csv_file(row: sqlite3.Row) -> CsvFile:
    return CsvFile(
        csv_file=row["id"],
        name=row["name"],
        day=row["day"],
        header=row["header"],
        delivered_bytes=row["delivered_bytes"],
        fingerprint=row["fingerprint"],
    )
