"""The journal: which scans were found, which were read, and the rows that no Parquet file holds yet.

One SQLite file in the folder of the batch; only the holder of the batch's lock opens it. Rows and the scan that they
are of get there in one transaction, and leave it in the transaction that records their Parquet file.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sheetwatch.batch import Found, Kind, Part, Standing, Waiting
from sheetwatch.domain import ConfigError, LedgerError
from sheetwatch.files import fsync_folder, make_folder
from sheetwatch.ledger.store import all_or_nothing, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_VERSION = 1
_SCHEMA = """
CREATE TABLE identity (what TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE scans (
    id INTEGER PRIMARY KEY,
    address BLOB NOT NULL UNIQUE,
    size_bytes INTEGER,
    mark TEXT NOT NULL,
    day TEXT NOT NULL,
    problem TEXT,
    is_read INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX scans_waiting ON scans (id) WHERE NOT is_read;
CREATE INDEX scans_changed ON scans (id) WHERE changed;
CREATE TABLE partitions (
    id INTEGER PRIMARY KEY,
    template TEXT NOT NULL,
    day TEXT NOT NULL,
    waiting INTEGER NOT NULL DEFAULT 0,
    UNIQUE (template, day)
);
CREATE TABLE waiting_rows (partition INTEGER NOT NULL, scan INTEGER NOT NULL, page INTEGER NOT NULL, row BLOB NOT NULL);
CREATE UNIQUE INDEX waiting_rows_of ON waiting_rows (partition, scan, page);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    row_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL
);
CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
_SCANS = "scans"
_ADD_SCAN = """
INSERT INTO scans (address, size_bytes, mark, day, problem) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (address) DO UPDATE SET
    changed = is_read,
    size_bytes = iif(is_read, size_bytes, excluded.size_bytes),
    day = iif(is_read, day, excluded.day),
    problem = iif(is_read, problem, excluded.problem),
    mark = iif(is_read, mark, excluded.mark)
WHERE mark != excluded.mark
"""
_ADD_TO_PARTITION = """
INSERT INTO partitions (template, day, waiting) VALUES (?, ?, ?)
ON CONFLICT (template, day) DO UPDATE SET waiting = waiting + excluded.waiting RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """The row of a page, packed, and the partition that it belongs to. `template`: "" without one."""

    page: int
    template: str
    day: str
    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition of which rows wait."""

    number: int
    template: str
    day: str
    waiting: int


class Journal:
    """The open journal; a context manager. One thread uses it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._pages = dict.fromkeys(Kind, 0)
        self._scans_read = 0
        self.rows_waiting = 0

    @classmethod
    def open(cls, path: Path, identity: Mapping[str, str]) -> Self:
        """Open it, or begin it. identity: what every page is read with; it stays the same from the first to the last.

        Raises LedgerError, EnvironmentFault; ConfigError where the journal was begun with something else.
        """
        with translated(path):
            make_folder(path.parent)
            journal = cls(path, sqlite3.connect(path, isolation_level=None))
        try:
            journal._prepare(identity)
        except BaseException:
            journal.close()
            raise
        return journal

    def _prepare(self, identity: Mapping[str, str]) -> None:
        with translated(self._path):
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._connection.execute(f"PRAGMA {pragma}")
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._begin(identity)
        elif version != _VERSION:
            raise LedgerError(f"{self._path}: it is of another version of Sheetwatch; begin in another folder (--out)")
        self._check(identity)
        self._count()

    def _begin(self, identity: Mapping[str, str]) -> None:
        with self._transaction() as tx:
            for statement in _SCHEMA.split(";"):
                tx.execute(statement)
            tx.executemany("INSERT INTO identity VALUES (?, ?)", identity.items())
            tx.executemany("INSERT INTO totals VALUES (?, 0)", [(name,) for name in (*Kind, _SCANS)])
            tx.execute(f"PRAGMA user_version = {_VERSION}")
        fsync_folder(self._path.parent)

    def _check(self, identity: Mapping[str, str]) -> None:
        with translated(self._path):
            begun = dict(self._connection.execute("SELECT what, value FROM identity"))
        for what, value in identity.items():
            if begun.get(what) != value:
                raise ConfigError(
                    f"{self._path.parent.parent}: this batch was begun with {what} {begun.get(what)}, and now it would "
                    f"go on with {value}; go on with the same, or begin in another folder (--out)"
                )

    def _count(self) -> None:
        with translated(self._path):
            totals = dict(self._connection.execute("SELECT name, value FROM totals"))
            waiting = self._connection.execute("SELECT coalesce(sum(waiting), 0) FROM partitions").fetchone()
        self._scans_read = totals.pop(_SCANS)
        self._pages = {Kind(name): value for name, value in totals.items()}
        (self.rows_waiting,) = waiting

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, scans: Sequence[Found]) -> None:
        """Scans that a listing found. One that is known stays what it is; one that was read and changed is marked."""
        found = [(os.fsencode(scan.address), scan.size_bytes, scan.mark, scan.day, scan.problem) for scan in scans]
        with self._transaction() as tx:
            tx.executemany(_ADD_SCAN, found)

    def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Scans that are still to be read, in the order in which they were found. after: the number of the last one."""
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT id, address, size_bytes, mark, day, problem FROM scans"
                " WHERE NOT is_read AND id > ? ORDER BY id LIMIT ?",
                (after, limit),
            ).fetchall()
        return [_waiting(row) for row in rows]

    def record(self, read: Sequence[tuple[Waiting, Sequence[KeptRow]]]) -> None:
        """Scans that were read, with the rows of all their pages; in one transaction."""
        rows_of: dict[tuple[str, str], list[tuple[int, int, bytes]]] = {}
        kinds: Counter[Kind] = Counter()
        for scan, rows in read:
            for row in rows:
                rows_of.setdefault((row.template, row.day), []).append((scan.number, row.page, row.data))
                kinds[row.kind] += 1
        with self._transaction() as tx:
            tx.executemany("UPDATE scans SET is_read = 1 WHERE id = ?", [(scan.number,) for scan, _ in read])
            for (template, day), kept in rows_of.items():
                ((partition,),) = tx.execute(_ADD_TO_PARTITION, (template, day, len(kept))).fetchall()
                tx.executemany("INSERT INTO waiting_rows VALUES (?, ?, ?, ?)", [(partition, *row) for row in kept])
            tx.executemany("UPDATE totals SET value = value + ? WHERE name = ?", [(n, k) for k, n in kinds.items()])
            tx.execute("UPDATE totals SET value = value + ? WHERE name = ?", (len(read), _SCANS))
        self._scans_read += len(read)
        self._pages = {kind: count + kinds[kind] for kind, count in self._pages.items()}
        self.rows_waiting += kinds.total()

    def largest_partition(self) -> Partition | None:
        """The partition of which most rows wait; None where none do."""
        with translated(self._path):
            row = self._connection.execute(
                "SELECT id, template, day, waiting FROM partitions WHERE waiting ORDER BY waiting DESC, id LIMIT 1"
            ).fetchone()
        return row and Partition(number=row[0], template=row[1], day=row[2], waiting=row[3])

    def rows_of(self, partition: Partition) -> Iterator[bytes]:
        """The rows of a partition that wait, packed, by scan and page. Take them before the next change."""
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT row FROM waiting_rows WHERE partition = ? ORDER BY scan, page", (partition.number,)
            )
            for (data,) in rows:
                yield data

    def next_part(self) -> int:
        """The number of the Parquet file that is written next."""
        with translated(self._path):
            (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM parts").fetchone()
        return int(last) + 1

    def record_part(self, number: int, part: Part, partition: Partition) -> None:
        """All rows of a partition that waited are on the disk, in this file."""
        with self._transaction() as tx:
            tx.execute(
                "INSERT INTO parts VALUES (?, ?, ?, ?)", (number, str(part.path), part.row_count, part.size_bytes)
            )
            tx.execute("DELETE FROM waiting_rows WHERE partition = ?", (partition.number,))
            tx.execute("UPDATE partitions SET waiting = 0 WHERE id = ?", (partition.number,))
        self.rows_waiting -= part.row_count

    def parts(self) -> Iterator[Part]:
        """Every Parquet file that was recorded."""
        with translated(self._path):
            for path, row_count, size_bytes in self._connection.execute(
                "SELECT path, row_count, size_bytes FROM parts"
            ):
                yield Part(path=Path(path), row_count=row_count, size_bytes=size_bytes)

    def standing(self) -> Standing:
        """How far the batch is. Costs the same however many scans there are."""
        with translated(self._path):
            (found,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM scans").fetchone()
            (parts,) = self._connection.execute("SELECT count(*) FROM parts").fetchone()
        return Standing(pages=self._pages, scans_read=self._scans_read, scans_found=found, parts=parts)

    def changed(self) -> int:
        """How many scans were changed after they were read."""
        with translated(self._path):
            (count,) = self._connection.execute("SELECT count(*) FROM scans WHERE changed").fetchone()
        return int(count)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """On the disk when the block has ended, undone when it raises."""
        with translated(self._path), all_or_nothing(self._connection):
            yield self._connection


def _waiting(row: tuple[Any, ...]) -> Waiting:
    number, address, size_bytes, mark, day, problem = row
    found = Found(address=os.fsdecode(address), size_bytes=size_bytes, mark=mark, day=day, problem=problem)
    return Waiting(number=number, found=found)
