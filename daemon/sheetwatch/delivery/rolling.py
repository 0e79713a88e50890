"""Append to a rolling CSV so that it always says what the ledger says.

The ledger knows how many bytes were delivered and how the file looked when it was left. Where it still looks like
that, the new lines go to its end in one write, and are fsynced. Where it does not, its content decides: a torn tail
of our own is cut off and written again; what somebody altered, or put in its place, is kept aside under a name of its
own, and the file is made again from the ledger. So it never holds a row twice, and nobody's edit is overwritten.
Locks are not asked: a spreadsheet may keep a CSV open for days, and what it saves then is kept aside too.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.files import (
    fsync,
    fsync_folder,
    is_taken,
    move_to_free,
    named,
    numbered,
    rename_new,
    write_all,
    write_atomically,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


# A program that saves faster than this is met again after a pause.
_MOST_AT_ONCE = 5


class Surprise(StrEnum):
    """What somebody else did to the file since it was left."""

    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows of the file; `lines` gives the delivered ones, for when the file must be compared."""

    header: str
    delivered_bytes: int
    fingerprint: str | None
    lines: Callable[[], Sequence[str]]

    def content(self) -> bytes:
        """The file as it was delivered; empty before the first delivery."""
        return "".join([self.header, *self.lines()]).encode() if self.delivered_bytes else b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The file as it is left now."""

    size_bytes: int
    fingerprint: str
    surprise: Surprise | None = None
    kept_aside: tuple[Path, ...] = ()


def looks_untouched(path: Path, known: Known) -> bool:
    """Whether the file looks as it was left."""
    try:
        return known.delivered_bytes > 0 and _fingerprint(path.lstat()) == known.fingerprint
    except FileNotFoundError:
        return False


def deliver(path: Path, known: Known, lines: Sequence[str]) -> Delivered:
    """Add lines (none: only mend). Raises OSError; a torn tail is cut by the next call."""
    new = "".join(lines).encode()
    if looks_untouched(path, known) and (done := _append(path, known.fingerprint, known.delivered_bytes, new)):
        return done
    before = known.content()
    base = before or known.header.encode()
    if not is_taken(path):
        return _make(path, base + new, Surprise.MISSING if before else None)
    seen, found = _read(path, len(base) + len(new))
    if _is_torn(found, base, new) and (done := _append(path, seen, len(base), new)):
        fsync_folder(path.parent)  # who put the file there may have been killed before its name was on the disk
        return done
    return _make(path, base + new, Surprise.ALTERED)


def _read(path: Path, longest_bytes: int) -> tuple[str, bytes | None]:
    """What lies under the name: how it looks, and its content; None for a folder, a link, a pipe, or far too much."""
    status = path.lstat()
    is_ours = stat.S_ISREG(status.st_mode) and status.st_size <= longest_bytes
    return _fingerprint(status), path.read_bytes() if is_ours else None


def _is_torn(content: bytes | None, base: bytes, new: bytes) -> bool:
    """Whether the file holds what was delivered and then, perhaps, some of what is to come."""
    return content is not None and content.startswith(base) and new.startswith(content[len(base) :])


def _append(path: Path, seen: str | None, at_byte: int, new: bytes) -> Delivered | None:
    """Write the lines at this place. None, and nothing written, when the file is no longer the one that was seen.

    How it is left is noted before the fsync, which takes its time: what somebody writes meanwhile is then noticed.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if _fingerprint(os.fstat(descriptor)) != seen:
            return None
        with named(path):
            _overwrite(descriptor, at_byte, new)
        status = os.fstat(descriptor)
        fsync(descriptor, path)
    finally:
        os.close(descriptor)
    return Delivered(size_bytes=at_byte + len(new), fingerprint=_fingerprint(status))


def _overwrite(descriptor: int, at_byte: int, new: bytes) -> None:
    """Let the file end with `new` from a byte on; where that fails, let it end there."""
    os.ftruncate(descriptor, at_byte)
    os.lseek(descriptor, at_byte, os.SEEK_SET)
    try:
        write_all(descriptor, new)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, at_byte)
        raise


def _make(path: Path, whole: bytes, surprise: Surprise | None) -> Delivered:
    """Write the whole file; keep aside what lies there, and what a program puts there this moment.

    Written first: a full disk then leaves what was found in its place, to be found again.
    """
    kept_aside: list[Path] = []

    def put(temporary: Path, _: Path) -> None:
        while is_taken(temporary):
            if is_taken(path):
                kept_aside.append(_keep_aside(path))
            try:
                rename_new(temporary, path)
            except FileExistsError:
                if len(kept_aside) >= _MOST_AT_ONCE:
                    raise

    status = write_atomically(path, whole, put)
    return Delivered(
        size_bytes=len(whole),
        fingerprint=_fingerprint(status),
        surprise=Surprise.ALTERED if kept_aside else surprise,
        kept_aside=tuple(kept_aside),
    )


def _keep_aside(path: Path) -> Path:
    return move_to_free(path, numbered(path.with_stem(f"{path.stem}.altered"), first=1))


def _fingerprint(status: os.stat_result) -> str:
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
