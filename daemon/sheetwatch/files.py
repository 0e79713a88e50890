"""Durable file work: what these functions announce as done survives a power cut.

A file is written beside its place under a temporary name, fsynced, renamed, and its folder fsynced. Temporary names
are fixed by the target's name, so that doing a thing again after a crash replaces its own leftovers; `sweep`
removes those whose work is not done again. A failed fsync is never tried twice (the kernel forgets the dirty pages:
Rebello et al., "Can Applications Recover from fsync Failures?", 2020): `DurabilityError` ends the process, and the
next start makes everything again from the ledger.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import SheetwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import BufferedReader

TEMPORARY_PREFIX = ".sheetwatch-"
_COPY_BYTES = 1 << 20
# File systems know later times than the ledger's 64-bit numbers: clients of a share set any.
_LATEST_NS = (1 << 63) - 1
# File systems that cannot fsync a folder (some FUSE and CIFS servers) say so with these.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


class DurabilityError(SheetwatchError):
    """An fsync failed: nobody knows what is on the disk. The process stops and the ledger is followed again."""

    exit_code = 74


def write_atomically(path: Path, data: bytes) -> os.stat_result:
    """Write a whole file: afterwards `path` holds all of `data`, before it holds what it held. Raises OSError.

    Returns how the file looks, as long as nobody else writes it.
    """
    with _temporary(path) as descriptor:
        write_all(descriptor, data)
        return os.fstat(descriptor)


def create_atomically(path: Path, data: bytes) -> os.stat_result:
    """As `write_atomically`, but raises FileExistsError when somebody has put something there meanwhile."""
    with _temporary(path, put=_put_new) as descriptor:
        write_all(descriptor, data)
        return os.fstat(descriptor)


def _put_new(temporary: Path, path: Path) -> None:
    """Rename a file, but never over another one."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError as error:  # no hard links, as on CIFS and FAT
        if is_taken(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        temporary.replace(path)
    else:
        temporary.unlink()


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a whole file, its times included. Raises OSError."""
    with source.open("rb") as reader, _temporary(target) as descriptor:
        while block := _read_some(reader, source):
            write_all(descriptor, block)
        state = os.fstat(reader.fileno())
        os.utime(descriptor, ns=(state.st_atime_ns, state.st_mtime_ns))


def _read_some(reader: BufferedReader, source: Path) -> bytes:
    with named(source):
        return reader.read(_COPY_BYTES)


def move(source: Path, target: Path) -> None:
    """Move a file: a rename, or a copy where the folders lie on different mounts. Raises OSError."""
    if not rename(source, target):
        copy_atomically(source, target)
        remove(source)


def rename(source: Path, target: Path) -> bool:
    """Rename a file. False, and nothing done, where the folders lie on different mounts. Raises OSError."""
    try:
        os.rename(source, target)  # noqa: PTH104 - Path.rename says the same with more words
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    for folder in {target.parent, source.parent}:
        fsync_folder(folder)
    return True


def is_taken(path: Path) -> bool:
    """Whether something lies there, a broken link included.

    Raises OSError, unlike os.path.lexists: who cannot look must not think a name free, and overwrite what has it.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def written_ns(status: os.stat_result) -> int:
    """When a file was last written; a time after the year 2262 is told as its end."""
    return max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS))


def remove(*paths: Path) -> None:
    """Remove files that may be gone already."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.is_dir():
            fsync_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that lies in it; it may be gone already."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
        fsync_folder(folder.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents; those that were made are fsynced into theirs."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync_folder(folder.parent)


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder."""
    remove(*folder.glob(f"{TEMPORARY_PREFIX}*"))


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a short write is continued, and raises OSError once nothing more goes in."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an OSError of an open file say which file it was; by itself it knows only a number."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def fsync(descriptor: int, path: Path) -> None:
    """Put a file's bytes on the disk. Raises DurabilityError; never call it again for the same bytes."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise DurabilityError(
            f"{path}: fsync failed ({error.strerror}); check the disk, then start again: the ledger knows what is owed"
        ) from error


def fsync_folder(folder: Path) -> None:
    """Put a folder's names on the disk. Raises DurabilityError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fsync(descriptor, folder)
    except DurabilityError as error:
        if getattr(error.__cause__, "errno", None) not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _temporary(path: Path, put: Callable[[Path, Path], object] = Path.replace) -> Iterator[int]:
    """A descriptor of the temporary file that becomes `path` when all went well."""
    temporary = path.with_name(TEMPORARY_PREFIX + path.name)
    temporary.unlink(missing_ok=True)  # our own leftover, or a link that somebody laid there
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        try:
            with named(path):
                yield descriptor
            fsync(descriptor, path)
        finally:
            os.close(descriptor)
        put(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    fsync_folder(path.parent)
