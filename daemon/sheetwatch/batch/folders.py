"""Scans in folders: in the order of their names, one after the other, however many there are."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.batch import Found
from sheetwatch.files import written_ns
from sheetwatch.intake.listing import is_hidden, is_temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A folder with more names than this is sorted on the disk.
_NAMES_IN_MEMORY = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the system says of one file; everything else it says of the disk or the share.
OF_THE_FILE = {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR}
_MAGIC = frozenset("*?[")

Entry = tuple[bytes, bool]
"""A name in a folder, and whether it is a folder."""


class FolderSource:
    """Files, folders with all that lies below them, and patterns: `*`, `?` and `[...]` in a name, `**` for any folders.

    address: an absolute path, taken literally where something of that name exists.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.left_alone = 0
        base, pattern = _parted(address)
        self._base, self._pattern = base, pattern
        self._identity: tuple[int, int] | None = None

    def check(self) -> None:
        """Raise OSError unless the folder is there, is the one it was, and holds something; a file has no folder."""
        status = Path(self._base).stat()
        if not stat.S_ISDIR(status.st_mode):
            return
        self._identity = self._identity or (status.st_dev, status.st_ino)
        with os.scandir(self._base) as entries:
            is_empty = next(entries, None) is None
        if is_empty or self._identity != (status.st_dev, status.st_ino):
            raise FileNotFoundError(errno.ENOENT, "there is nothing in it; is it not mounted?", self._base)

    def covers(self, address: str) -> bool:
        """Whether a scan lies below this source."""
        return address.startswith(self._base.rstrip("/") + "/")

    def scans(self) -> Iterator[Found]:
        """Every scan, from the first. Raises OSError where the folder itself cannot be listed."""
        self.left_alone = 0
        if self._pattern:
            yield from self._matching(self._base, self._pattern)
        elif Path(self._base).is_dir():
            yield from self._below(self._base)
        else:
            yield found_at(self._base)

    def _below(self, folder: str) -> Iterator[Found]:
        """Everything in a folder and its subfolders."""
        for name, is_folder in self._entries(folder):
            yield from self._at(os.path.join(folder, os.fsdecode(name)), is_folder=is_folder)  # noqa: PTH118 - by the million

    def _at(self, path: str, *, is_folder: bool) -> Iterator[Found]:
        name = os.path.basename(path)  # noqa: PTH119 - by the million
        if is_hidden(name) if is_folder else is_temporary(name):
            self.left_alone += 1
        elif is_folder:
            yield from _told(path, self._below(path))
        elif os.path.isdir(path):  # noqa: PTH112 - a link to a folder, which may lead in circles
            self.left_alone += 1
        else:
            yield found_at(path)

    def _entries(self, folder: str) -> Iterator[Entry]:
        with os.scandir(folder) as entries:
            yield from _sorted((os.fsencode(one.name), one.is_dir(follow_symlinks=False)) for one in entries)

    def _matching(self, folder: str, pattern: tuple[str, ...]) -> Iterator[Found]:
        """What matches below a folder; a folder that matches counts with all that lies below it."""
        first, rest = pattern[0], pattern[1:]
        if first == "**":
            yield from self._matching(folder, rest or ("*",))
        for entry, is_folder in self._entries(folder):
            name = os.fsdecode(entry)
            path = os.path.join(folder, name)  # noqa: PTH118 - as above
            if first == "**":
                if is_folder and rest and not is_hidden(name):
                    yield from _told(path, self._matching(path, pattern))
            elif fnmatchcase(name, first) and not (name.startswith(".") and not first.startswith(".")):
                if rest and is_folder:
                    yield from _told(path, self._matching(path, rest))
                elif not rest:
                    yield from self._at(path, is_folder=is_folder)


def is_pattern(text: str) -> bool:
    """Whether a name stands for several."""
    return not _MAGIC.isdisjoint(text)


def found_at(path: str) -> Found:
    """The file at a path, as it is now; a file that cannot be opened is told with its problem.

    Raises OSError where the disk or the share is at fault.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - as above
    except ValueError as error:
        return _not_there(path, f"the file cannot be opened: {error}")
    except OSError as error:
        if error.errno not in OF_THE_FILE:
            raise
        return _not_there(path, f"the file cannot be opened: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        return _not_there(path, "this is no regular file")
    return Found(address=path, size_bytes=status.st_size, mark=_mark_of(status), day=_day_of(status))


def _told(folder: str, scans: Iterator[Found]) -> Iterator[Found]:
    """The scans of a subfolder; one that we may not look into is told like a scan that cannot be read."""
    try:
        yield from scans
    except PermissionError as error:
        if error.filename != folder:
            raise
        yield _not_there(folder, "the folder cannot be listed: Permission denied")


def _not_there(path: str, problem: str) -> Found:
    return Found(address=path, size_bytes=None, mark="", day="", problem=problem)


def _mark_of(status: os.stat_result) -> str:
    """Differs once somebody has written the file."""
    return f"{status.st_size} {written_ns(status)}"


def _day_of(status: os.stat_result) -> str:
    """The day on which a file was last written, UTC."""
    return (_EPOCH + timedelta(microseconds=written_ns(status) // 1000)).date().isoformat()


def _parted(address: str) -> tuple[str, tuple[str, ...]]:
    """The folder from which a pattern is looked for, and the pattern's parts; no parts for a path."""
    if not is_pattern(address) or os.path.lexists(address):
        return address, ()
    parts = address.split("/")
    first = next(index for index, part in enumerate(parts) if is_pattern(part))
    return "/".join(parts[:first]) or "/", tuple(part for part in parts[first:] if part)


def _sorted(entries: Iterator[Entry]) -> Iterable[Entry]:
    """Entries by their names; so many that memory would grow by them go through a temporary table on the disk."""
    some = list(islice(entries, _NAMES_IN_MEMORY))
    return sorted(some) if len(some) < _NAMES_IN_MEMORY else _sorted_on_disk(chain(some, entries))


def _sorted_on_disk(entries: Iterable[Entry]) -> Iterator[Entry]:
    with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as table:
        table.execute("CREATE TABLE names (name BLOB PRIMARY KEY, is_folder INTEGER) WITHOUT ROWID")
        table.execute("BEGIN")
        table.executemany("INSERT INTO names VALUES (?, ?)", entries)
        for name, is_folder in table.execute("SELECT name, is_folder FROM names ORDER BY name"):
            yield name, bool(is_folder)
