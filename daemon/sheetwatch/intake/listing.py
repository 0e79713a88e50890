"""One look at an inbox: which files lie there, and which are none of ours."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.files import TEMPORARY_PREFIX, written_ns

if TYPE_CHECKING:
    from collections.abc import Callable

_SCAN_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".pdf", ".heic", ".heif"}
_TRANSFER_SUFFIXES = {".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart"}
_LOCK_SUFFIXES = {".swp", ".lock"}
_SYSTEM_NAMES = {
    "thumbs.db",
    "desktop.ini",
    "@eadir",
    "lost+found",
    "system volume information",
    "$recycle.bin",
    "#recycle",
    "#snapshot",  # file servers keep earlier states of the whole share there: scans that were read long ago
    "~snapshot",
}
_DEEPEST = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as one look found it. Two equal ones: nobody wrote in between."""

    path: Path
    device: int
    inode: int
    size_bytes: int
    mtime_ns: int
    blocks: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> Seen:
        """The file at `path`, with what stat said."""
        return cls(
            path=path,
            device=status.st_dev,
            inode=status.st_ino,
            size_bytes=status.st_size,
            mtime_ns=written_ns(status),
            blocks=status.st_blocks,
        )

    def is_same_file(self, status: os.stat_result) -> bool:
        """Whether this is the file still, unwritten, perhaps under another name."""
        return (self.inode, self.size_bytes, self.mtime_ns) == (status.st_ino, status.st_size, written_ns(status))


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """Something in the inbox that is not taken up, and why."""

    path: Path
    why: str
    change: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one look found. `unfinished`: files under the names that transfers give them until they are whole."""

    files: list[Seen] = field(default_factory=list)
    unfinished: list[Seen] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)


def look(
    root: Path, is_ours: Callable[[str], bool] = lambda _: False, entering: Callable[[Path], object] = lambda _: None
) -> Listing:
    """Everything below an inbox. Raises OSError when the inbox itself cannot be read.

    `is_ours`: names of the review folder's leftovers (a picture, a text) that came back with their page. `entering`:
    called with every folder before it is listed.
    """
    walk = _Walk(is_ours, entering)
    walk.look_into(root, depth=0)
    return walk.listing


class _Walk:
    """One way through an inbox and its subfolders."""

    def __init__(self, is_ours: Callable[[str], bool], entering: Callable[[Path], object]) -> None:
        self.listing = Listing()
        self._is_ours = is_ours
        self._entering = entering

    def look_into(self, folder: Path, *, depth: int) -> None:
        self._entering(folder)
        gives = os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            try:
                self._meet(entry, gives=gives, depth=depth)
            except FileNotFoundError:
                continue  # gone between the listing and the look
            except OSError as error:
                self._leave(Path(entry.path), f"it cannot be looked at: {error.strerror}")

    def _meet(self, entry: os.DirEntry[str], *, gives: bool, depth: int) -> None:
        """A folder is watched whatever its name promises; a file whose name says "not yet" waits for another name."""
        is_folder = entry.is_dir(follow_symlinks=False)
        if not (is_hidden(entry.name) if is_folder else is_temporary(entry.name)):
            self._look_at(entry, gives=gives, depth=depth)
        elif _is_of_transfer(entry.name) and entry.is_file(follow_symlinks=False):
            self.listing.unfinished.append(_seen(entry))

    def _look_at(self, entry: os.DirEntry[str], *, gives: bool, depth: int) -> None:
        path = Path(entry.path)
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            if path.suffix.lower() in _SCAN_SUFFIXES:
                self._leave(path, "it is a folder with the name of a scan; it is watched")
            if depth < _DEEPEST:
                self.look_into(path, depth=depth + 1)
            else:
                self._leave(path, f"it lies {_DEEPEST} folders deep; nothing in it is read")
        elif why := _why_not(path, status, self._is_ours, gives=gives):
            self._leave(path, why, (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns))
        else:
            self.listing.files.append(Seen.of(path, status))

    def _leave(self, path: Path, why: str, change: tuple[int, ...] = ()) -> None:
        self.listing.left_alone.append(LeftAlone(path=path, why=why, change=change))


def _seen(entry: os.DirEntry[str]) -> Seen:
    return Seen.of(Path(entry.path), entry.stat(follow_symlinks=False))


def _why_not(path: Path, status: os.stat_result, is_ours: Callable[[str], bool], *, gives: bool) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link; put the file itself there"
    if not stat.S_ISREG(status.st_mode):
        return "it is no ordinary file"
    if is_ours(path.name):
        return "it belongs to a page in review; only the page itself is read again"
    if not os.access(path, os.R_OK, effective_ids=True):
        return "it cannot be read; correct its rights"
    if not gives:
        return "it cannot be moved out of its folder; correct the folder's rights"
    return None


def is_temporary(name: str) -> bool:
    """Whether a name says "not yet": hidden, a lock, or a part of a transfer."""
    return is_hidden(name) or _is_of_transfer(name) or _suffix_of(name) in _LOCK_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether a name belongs to the system, or to us: nobody expects it to be read."""
    return name.startswith((".", TEMPORARY_PREFIX)) or name.lower() in _SYSTEM_NAMES


def _is_of_transfer(name: str) -> bool:
    return name.startswith("~") or name.endswith("~") or _suffix_of(name) in _TRANSFER_SUFFIXES


def _suffix_of(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, not a path
