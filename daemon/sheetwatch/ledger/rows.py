"""What the ledger writes about the rolling CSVs: which rows each holds, and how far it was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.ledger.records import CsvFile

if TYPE_CHECKING:
    import sqlite3
    from datetime import date

    from sheetwatch.ledger.store import Transaction


def files_with_owed_rows(tx: Transaction) -> list[CsvFile]:
    """The CSVs that rows are owed to."""
    rows = tx.execute("SELECT * FROM csv_files WHERE id IN (SELECT csv_file FROM rows WHERE delivered = 0) ORDER BY id")
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
    """The lines of a CSV that were delivered, in order."""
    query = "SELECT line FROM rows WHERE csv_file = ? AND delivered = 1 ORDER BY sequence"
    return [row[0] for row in tx.execute(query, (csv_file,))]


def delivered(tx: Transaction, csv_file: int, *, lines: int, size_bytes: int, fingerprint: str) -> None:
    """The next `lines` rows are in the file, which now has this size and fingerprint."""
    tx.execute(
        "UPDATE rows SET delivered = 1 WHERE id IN"
        " (SELECT id FROM rows WHERE csv_file = ? AND delivered = 0 ORDER BY sequence LIMIT ?)",
        (csv_file, lines),
    )
    tx.execute(
        "UPDATE csv_files SET delivered_bytes = ?, fingerprint = ? WHERE id = ?", (size_bytes, fingerprint, csv_file)
    )


def _csv_file(row: sqlite3.Row) -> CsvFile:
    return CsvFile(
        csv_file=row["id"],
        name=row["name"],
        header=row["header"],
        delivered_bytes=row["delivered_bytes"],
        fingerprint=row["fingerprint"],
    )
