"""Take a scan out of the inbox, or find out after a crash how far that went.

The move is a rename; between file systems it is a copy that becomes the work file in one rename, after which the
source is removed. What was claimed is known again by its size and time; a copy, where that fails, by its content: the
file system of the work folder may keep times less exactly.
"""

from __future__ import annotations

import filecmp
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.files import (
    Unsynced,
    copy_atomically,
    file_sha256,
    free_names,
    fsync_folder,
    make_folder,
    move_to_free,
    remove,
    remove_folder,
    rename,
    sweep,
    written_ns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sheetwatch.intake.listing import Seen

_BLOCK_BYTES = 4096
# The number of pages, the chain of pages, and what straddles two blocks.
_MOST_CHANGED_BLOCKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A scan as it was opened and counted, before it was moved; `source`: its place in the inbox."""

    source: Path
    size_bytes: int
    mtime_ns: int
    sha256: str | None


def take_all(wanted: Sequence[tuple[Seen, Path]]) -> list[os.stat_result | PermissionError | None]:
    """Move scans to their work files, and put that on the disk together.

    Returns for each how its work file looks; None when the scan is gone, or changed in the last moment and is back in
    its place; the error when it may not be moved. Raises OSError when a folder of ours fails.
    """
    changed = Unsynced()
    for _, work_file in wanted:
        make_folder(work_file.parent, changed)
    changed.sync()
    try:
        return [_take(seen, work_file, changed) for seen, work_file in wanted]
    finally:
        changed.sync()


def _take(seen: Seen, work_file: Path, changed: Unsynced) -> os.stat_result | PermissionError | None:
    try:
        if not seen.is_same_file(os.stat(seen.path, follow_symlinks=False)):  # noqa: PTH116 - as scandir looked
            return None
        return _move(seen, work_file, changed)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        if os.fspath(error.filename) != str(seen.path):  # it is the state folder that refuses
            raise
        return error


def _move(seen: Seen, work_file: Path, changed: Unsynced) -> os.stat_result | None:
    if not rename(seen.path, work_file, later=changed):  # folders of one device can be mounts apart, as bound ones are
        return _take_copy(seen, work_file)
    status = work_file.stat()
    if seen.is_same_file(status):
        return status
    changed.forget(work_file.parent)
    put_back(work_file, seen.path)
    return None


def _take_copy(seen: Seen, work_file: Path) -> os.stat_result | None:
    """The same by a copy, which takes its time: what was written meanwhile must not be removed with the source."""
    copy_atomically(seen.path, work_file)
    if not seen.is_same_file(os.stat(seen.path, follow_symlinks=False)):  # noqa: PTH116 - as above
        remove_folder(work_file.parent)
        return None
    remove(seen.path)
    return work_file.stat()


def recover(claim: Claimed, work_file: Path) -> os.stat_result | None:
    """How an unfinished claim's work file looks. None when it is not ours: it lies in the inbox, without a trace here.

    What changed since it was opened and counted goes back.
    """
    if not work_file.exists():
        remove_folder(work_file.parent)
        return None
    sweep(work_file.parent)
    fsync_folder(work_file.parent)
    status = work_file.stat()
    if not _is_as_counted(claim, work_file, status):
        put_back(work_file, claim.source)
        return None
    if _is_leftover_of_copy(claim, work_file):
        remove(claim.source)
    elif _has_grown(claim.source, work_file):  # since it was copied: it comes in anew, and whole
        remove_folder(work_file.parent)
        return None
    return status


def _is_as_counted(claim: Claimed, work_file: Path, status: os.stat_result) -> bool:
    if status.st_size != claim.size_bytes:
        return False
    return written_ns(status) == claim.mtime_ns or file_sha256(work_file) == claim.sha256


def _is_leftover_of_copy(claim: Claimed, work_file: Path) -> bool:
    """Whether the crash came after the copy had become the work file and before the source was removed.

    The same content that came later is another scan: it has a time of its own.
    """
    source = claim.source
    if not _is_another_file(source, work_file) or written_ns(source.stat()) != claim.mtime_ns:
        return False
    return filecmp.cmp(source, work_file, shallow=False)


def _has_grown(source: Path, copy: Path) -> bool:
    """Whether the crash came there and a scanner has added to the source since: it holds what was copied, and more.

    What is added to a TIFF changes a few bytes of the pages before, too.
    """
    if not _is_another_file(source, copy) or source.stat().st_size <= copy.stat().st_size:
        return False
    blocks = changed = 0
    with source.open("rb") as one, copy.open("rb") as other:
        while block := other.read(_BLOCK_BYTES):
            blocks += 1
            changed += one.read(len(block)) != block
    return changed <= min(_MOST_CHANGED_BLOCKS, blocks // 8)


def _is_another_file(source: Path, work_file: Path) -> bool:
    return source.is_file() and not source.is_symlink() and not source.samefile(work_file)


def put_back(work_file: Path, place: Path) -> Path:
    """Give a scan back to the inbox, under its own name or, where that is taken, the next free one."""
    make_folder(place.parent)  # the folder of one scan may be gone with it
    free = move_to_free(work_file, free_names(place))
    remove_folder(work_file.parent)
    return free
