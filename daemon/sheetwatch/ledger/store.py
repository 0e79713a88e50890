"""Open the ledger; run transactions; say in our own words what SQLite cannot do."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, NoReturn

from sheetwatch.domain import EnvironmentFault, LedgerError
from sheetwatch.files import DurabilityError, fsync_folder, make_folder, write_anew
from sheetwatch.ledger.schema import APPLICATION_ID, COLUMNS, INDEXES, SCHEMA, TABLES, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

Transaction = sqlite3.Connection
_BUSY_S = 20.0
_FOLD = "PRAGMA wal_checkpoint(PASSIVE)"
_FOLD_AFTER_COMMITS = 20
_FSYNC_FAILED = {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC}
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_ENVIRONMENT = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,  # a lock that the file system refused
    sqlite3.SQLITE_NOLFS,
}


class Ledger:
    """The open ledger. One thread uses it; other processes may read and decide at the same time.

    WAL, so that `status` and the operator's terminal never wait for the daemon; synchronous=FULL, so that a commit
    is on the disk before anything that follows from it is done.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._inode = path.stat().st_ino
        self._fsync_failed = False
        self._commits_to_fold = 0

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for writing; make the file and its tables where they are missing.

        Raises LedgerError when the file is no ledger or of a newer program, EnvironmentFault when it cannot be opened.
        """
        with translated(path):
            make_folder(path.parent)
            connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
        ledger = cls(path, connection)
        try:
            with ledger._noting_faults(), translated(path):
                _prepare(connection, path)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open for looking only. Raises LedgerError when there is none yet."""
        require(path)
        try:
            return cls(path, _checked(path, "mode=ro"))
        except EnvironmentFault:
            log = path.with_name(f"{path.name}-wal")
            if log.exists() and log.stat().st_size:
                raise
            # Nothing in the log, and no room to begin one, as on a full or read-only disk: nobody writes now.
            return cls(path, _checked(path, "immutable=1"))

    def close(self) -> None:
        """Close the file; SQLite folds the write-ahead log into it.

        Not after a failed fsync, which SQLite would repeat: while somebody reads, it leaves the log alone, and a reader
        never folds.
        """
        with contextlib.ExitStack() as stack:
            if self._fsync_failed:
                with contextlib.suppress(sqlite3.Error):
                    _start_reading(stack.enter_context(contextlib.closing(_connect_to_read(self.path))))
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One change of state: on the disk when the block has ended, undone when it raises.

        A DurabilityError alone leaves it open which of the two; the process ends, and the next one looks.
        """
        with self._noting_faults(), translated(self.path), all_or_nothing(self._connection):
            yield self._connection
        self._commits_to_fold += 1
        self._fold_after_commit()

    def _fold_after_commit(self) -> None:
        """Only a failed fsync is raised: the caller would take anything else for a change that was not committed."""
        try:
            self.fold_when_due()
        except DurabilityError:
            raise
        except Exception:  # noqa: BLE001, S110 - still due, so it is tried again, and told by who calls `fold_when_due`
            pass

    def fold_when_due(self) -> None:
        """Fold the log into the file; SQLite would do it by itself, and keep silent when an fsync fails there.

        Raises EnvironmentFault, LedgerError, DurabilityError; nothing is lost by that, the log only gets longer.
        """
        if self._commits_to_fold >= _FOLD_AFTER_COMMITS:
            with self._noting_faults(), translated(self.path):
                self._connection.execute(_FOLD)
            self._commits_to_fold = 0

    @contextlib.contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """After a failed fsync the log is left alone; on a full disk it has room again once it was folded."""
        try:
            yield
        except DurabilityError:
            self._fsync_failed = True
            raise
        except EnvironmentFault:
            self._commits_to_fold = _FOLD_AFTER_COMMITS
            raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One consistent look at the ledger, over any number of queries."""
        with translated(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")

    def change_mark(self) -> tuple[int, int]:
        """Something that differs after every change, by this process or another."""
        with translated(self.path):
            (elsewhere,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(elsewhere), self._connection.total_changes

    def check_in_place(self) -> None:
        """Raise LedgerError when the open file is no longer the one under its name: what we write would be lost."""
        if not self.path.exists() or self.path.stat().st_ino != self._inode:
            raise LedgerError(f"{self.path}: somebody removed or replaced the ledger; put it back, then start again")


def require(path: Path) -> None:
    """Raise LedgerError when there is no ledger yet."""
    if not path.exists():
        raise LedgerError(
            f"{path}: there is no ledger yet; start the daemon once (sheetwatch run), or mount the disk that holds it"
        )


@contextlib.contextmanager
def all_or_nothing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction: committed when the block has ended, undone when it raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, each with the mend."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        _raise_ours(path, error)


def _raise_ours(path: Path, error: sqlite3.DatabaseError) -> NoReturn:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _FSYNC_FAILED:
        raise DurabilityError(f"{path}: fsync failed ({error}); check the disk, then start again") from error
    if code & 0xFF in _ENVIRONMENT:
        raise EnvironmentFault(f"{path}: {error}; check the disk's space and the folder's rights") from error
    if code & 0xFF in _BROKEN:
        raise LedgerError(f"{path}: {error}; restore it from the last backup") from error
    raise LedgerError(f"{path}: {error}; this is a fault of the program, please report it") from error


def _checked(path: Path, mode: str) -> sqlite3.Connection:
    with translated(path):
        connection = _connect_to_read(path, mode)
    try:
        connection.row_factory = sqlite3.Row
        with translated(path):
            _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_to_read(path: Path, mode: str = "mode=ro") -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, isolation_level=None, timeout=_BUSY_S)


def _start_reading(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.row_factory = sqlite3.Row
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":  # SQLite says no more of an fsync that failed there
        raise LedgerError(f"{path}: SQLite could not begin its log; check the disk, then start again")
    connection.execute("PRAGMA synchronous = FULL")
    _write_log_anew(connection, path)
    connection.execute(_FOLD)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    fsync_folder(path.parent)  # SQLite keeps silent when its own fsync of the folder fails
    connection.execute("PRAGMA foreign_keys = ON")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if not application:
        _create(connection, path)
    _check_version(connection, path)
    _add_columns(connection)
    connection.executescript(TABLES + INDEXES)


def _write_log_anew(connection: sqlite3.Connection, path: Path) -> None:
    """Write once more what an earlier process left in the log; nobody else writes meanwhile.

    After a failed fsync it may look whole, and only its beginning be on the disk. What is written behind it would be
    lost with its end in a power cut; and where it was folded, its beginning would be folded over what is newer.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        write_anew(path.with_name(f"{path.name}-wal"))
    finally:
        connection.execute("ROLLBACK")


def _add_columns(connection: sqlite3.Connection) -> None:
    """What an older ledger lacks. Two processes may open it at once: looked again under the lock."""
    if not _missing_columns(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    for table, name, kind in _missing_columns(connection):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
    connection.execute("COMMIT")


def _missing_columns(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    known = {table: _column_names(connection, table) for table, _, _ in COLUMNS}
    return [(table, name, kind) for table, name, kind in COLUMNS if name not in known[table]]


def _column_names(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}


def _create(connection: sqlite3.Connection, path: Path) -> None:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables:
        raise LedgerError(
            f"{path}: this is a database, but not Sheetwatch's; give Sheetwatch a state folder of its own"
        )
    pragmas = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} {pragmas} COMMIT;")


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise LedgerError(f"{path}: this is not Sheetwatch's ledger; correct `state` in the configuration")
    if version != VERSION:
        raise LedgerError(
            f"{path}: the ledger has version {version}, this program knows {VERSION}; install the newer Sheetwatch"
        )
