"""Durable file work: what these functions announce as done survives a power cut.

A file is written beside its place under a temporary name, fsynced, renamed, and its folder fsynced. Temporary names
are fixed by the target's name, so that doing a thing again after a crash replaces its own leftovers; `sweep`
removes those whose work is not done again. A failed fsync is never tried twice (the kernel forgets the dirty pages:
Rebello et al., "Can Applications Recover from fsync Failures?", 2020): `DurabilityError` ends the process, and the
next start makes everything again from the ledger.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import itertools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import SheetwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import BufferedReader

TEMPORARY_PREFIX = ".sheetwatch-"
_COPY_BYTES = 1 << 20
_LONGEST_NAME_BYTES = 255
_LONGEST_SUFFIX_BYTES = 20
# File systems know later times than the ledger's 64-bit numbers: clients of a share set any.
_LATEST_NS = (1 << 63) - 1
# File systems that cannot fsync a folder (some FUSE and CIFS servers) say so with these.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}
# And those that cannot rename "unless something is there" (NFS, some FUSE servers) with these.
_NO_RENAMEAT2 = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
# A folder that holds something still, or a link to one, which rmtree refuses in words of its own.
_NOT_EMPTY = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2
_KERNEL = ctypes.CDLL(None, use_errno=True)


class DurabilityError(SheetwatchError):
    """An fsync failed: nobody knows what is on the disk. The process stops and the ledger is followed again."""

    exit_code = 74


class Unsynced:
    """Folders whose names were changed, to be put on the disk together: one fsync each, however many names.

    Nothing that was done there is announced before `sync`, which begins with those that gained a name: what was moved
    is then on the disk in its new place before it is gone from its old one.
    """

    def __init__(self) -> None:
        self._gained: dict[Path, None] = {}
        self._lost: dict[Path, None] = {}

    def gained(self, folder: Path) -> None:
        """Something has a name in this folder that had none."""
        self._gained[folder] = None

    def lost(self, folder: Path) -> None:
        """Something has its name in this folder no more."""
        self._lost[folder] = None

    def forget(self, folder: Path) -> None:
        """This folder is there no more, or will not be when the others are put on the disk."""
        self._gained.pop(folder, None)
        self._lost.pop(folder, None)

    def sync(self) -> None:
        """Put the names on the disk. Raises DurabilityError; at the end the first OSError, of a folder that is gone."""
        folders, self._gained, self._lost = {**self._gained, **self._lost}, {}, {}
        errors: list[OSError] = []
        for folder in folders:
            try:
                fsync_folder(folder)
            except OSError as error:
                errors.append(error)
        if errors:
            raise errors[0]


def write_atomically(path: Path, data: bytes, put: Callable[[Path, Path], object] = Path.replace) -> os.stat_result:
    """Write a whole file: afterwards `path` holds all of `data`, before it holds what it held. Raises OSError.

    `put`: gives the temporary file its name. Returns how the file looks, as long as nobody else writes it.
    """
    with _temporary(path, put) as descriptor:
        write_all(descriptor, data)
        return os.fstat(descriptor)


def copy_atomically(source: Path, target: Path, put: Callable[[Path, Path], object] = Path.replace) -> None:
    """Copy a whole file, its times included. Raises OSError."""
    with source.open("rb") as reader, _temporary(target, put) as descriptor:
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


def move_new(source: Path, target: Path, later: Unsynced | None = None) -> None:
    """Move a file, but never over another one. Raises FileExistsError when something lies there, OSError.

    `later`: takes the folders of a rename, which is on the disk once they are.
    """
    if not rename(source, target, rename_new, later):
        if is_taken(target):  # before the copy, which takes its time
            raise _exists(target)
        copy_atomically(source, target, rename_new)
        remove(source)


def move_to_free(source: Path, names: Iterable[Path]) -> Path:
    """Move a file to the first of these names that nothing has. Returns it. Raises OSError."""
    for name in names:
        with contextlib.suppress(FileExistsError):
            move_new(source, name)
            return name
    raise _exists(source)


def free_names(place: Path) -> Iterator[Path]:
    """A name, and then the same with -2, -3, and so on: for whoever takes the first that is free."""
    return itertools.chain([place], numbered(place, first=2))


def numbered(place: Path, *, first: int) -> Iterator[Path]:
    """A name with one number after the other before its suffix, cut where it would get longer than names can be."""
    suffix = _cut(place.suffix, _LONGEST_SUFFIX_BYTES)
    for number in itertools.count(first):
        end = f"-{number}{suffix}"
        yield place.with_name(_cut(place.stem, _LONGEST_NAME_BYTES - len(os.fsencode(end))) + end)


def _cut(name: str, longest_bytes: int) -> str:
    """A name, shortened by whole characters until the file system takes it."""
    while len(os.fsencode(name)) > longest_bytes:
        name = name[:-1]
    return name


def rename(
    source: Path, target: Path, how: Callable[[Path, Path], object] | None = None, later: Unsynced | None = None
) -> bool:
    """Rename a file. False, and nothing done, where the folders lie on different mounts. Raises OSError.

    `later`: takes the folders, instead of their being fsynced now.
    """
    try:
        (how or os.rename)(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    changed = Unsynced() if later is None else later
    changed.gained(target.parent)
    changed.lost(source.parent)
    if later is None:
        changed.sync()
    return True


def rename_new(source: Path, target: Path) -> None:
    """Rename a file; the kernel refuses, with FileExistsError, where something lies there. Nothing is fsynced.

    A file system that cannot refuse is looked at just before. A link and an unlink would be sure there, too, but a
    process killed between them would leave one scan under two names.
    """
    if _renamed_by_kernel(source, target, _RENAME_NOREPLACE):
        return
    if is_taken(target):
        raise _exists(target)
    os.rename(source, target)  # noqa: PTH104 - as in rename()


def exchange(one: Path, other: Path) -> bool:
    """Let two files change their names, in one step. False, and nothing done, where the file system cannot."""
    return _renamed_by_kernel(one, other, _RENAME_EXCHANGE)


def _renamed_by_kernel(source: Path, target: Path, flag: int) -> bool:
    """renameat2(2), which Python does not have. False where the file system does not know the flag. Raises OSError."""
    names = os.fsencode(source), os.fsencode(target)
    if _KERNEL.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_RENAMEAT2:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def is_folder(path: Path) -> bool:
    """Whether a folder lies there, and not a link to one."""
    return path.is_dir() and not path.is_symlink()


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


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(data: bytes) -> str:
    """SHA-256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that lies in it; it may be gone already."""
    changed = Unsynced()
    remove_tree(folder, changed)
    changed.sync()


def remove_tree(folder: Path, later: Unsynced) -> None:
    """As `remove_folder`; `later` takes the folder in which it lay."""
    with contextlib.suppress(FileNotFoundError):
        try:
            folder.rmdir()  # most are empty
        except OSError as error:
            if error.errno not in _NOT_EMPTY:
                raise
            shutil.rmtree(folder)
        later.lost(folder.parent)
    later.forget(folder)


def make_folder(folder: Path, later: Unsynced | None = None) -> None:
    """Make a folder and its parents; those that were made are fsynced into theirs, or left for `later`."""
    if folder.is_dir():
        return
    make_folder(folder.parent, later)
    folder.mkdir(exist_ok=True)
    if later is None:
        fsync_folder(folder.parent)
    else:
        later.gained(folder.parent)


def sweep(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder; a folder of such a name is somebody's."""
    remove(*(path for path in folder.glob(f"{TEMPORARY_PREFIX}*") if not is_folder(path)))


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; a short write is continued, and raises OSError once nothing more goes in."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_anew(path: Path) -> None:
    """Write a file's own bytes over it, and fsync it: what a failed fsync has left in memory alone gets to the disk.

    A file that is not there is left at that. Raises OSError, DurabilityError.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        at_byte = 0
        while block := os.pread(descriptor, _COPY_BYTES, at_byte):
            at_byte += os.pwrite(descriptor, block, at_byte)
        fsync(descriptor, path)
    finally:
        os.close(descriptor)


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


def _temporary_name(path: Path) -> Path:
    """The same name for the same target; another one where somebody made a folder of that name."""
    name = TEMPORARY_PREFIX + path.name
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = TEMPORARY_PREFIX + sha256_of(os.fsencode(path.name))
    return next(place for place in free_names(path.with_name(name)) if not is_folder(place))


@contextlib.contextmanager
def _temporary(path: Path, put: Callable[[Path, Path], object] = Path.replace) -> Iterator[int]:
    """A descriptor of the temporary file that becomes `path` when all went well."""
    temporary = _temporary_name(path)
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
