"""Take a scan out of the inbox, or find out after a crash how far that went.

The move is a rename; between file systems it is a copy that becomes the work file in one rename, after which the
source is removed.
"""

from __future__ import annotations

import filecmp
import os
from typing import TYPE_CHECKING

from sheetwatch.files import (
    copy_atomically,
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
    from pathlib import Path

    from sheetwatch.intake.listing import Seen


def take(seen: Seen, work_file: Path) -> bool:
    """Move a scan to its work file. False, and the scan back in its place, when it changed in the last moment.

    Raises OSError; FileNotFoundError when the scan is gone.
    """
    if not seen.is_same_file(os.stat(seen.path, follow_symlinks=False)):  # noqa: PTH116 - as scandir looked
        return False
    make_folder(work_file.parent)
    if not rename(seen.path, work_file):  # folders of one device can be mounts apart, as bound ones are
        return _take_copy(seen, work_file)
    if seen.is_same_file(work_file.stat()):
        return True
    put_back(work_file, seen.path)
    return False


def _take_copy(seen: Seen, work_file: Path) -> bool:
    """The same by a copy, which takes its time: what was written meanwhile must not be removed with the source."""
    copy_atomically(seen.path, work_file)
    if not seen.is_same_file(os.stat(seen.path, follow_symlinks=False)):  # noqa: PTH116 - as above
        remove_folder(work_file.parent)
        return False
    remove(seen.path)
    return True


def recover(source: Path, work_file: Path, *, size_bytes: int, mtime_ns: int) -> bool:
    """Whether an unfinished claim's file is ours. Otherwise it lies in the inbox, and no trace is left here.

    `size_bytes`, `mtime_ns`: of the file as it was opened and counted; one that changed since goes back.
    """
    if not work_file.exists():
        remove_folder(work_file.parent)
        return False
    sweep(work_file.parent)
    fsync_folder(work_file.parent)
    status = work_file.stat()
    is_as_counted = (status.st_size, written_ns(status)) == (size_bytes, mtime_ns)
    if is_as_counted and _is_leftover_of_copy(source, work_file):
        remove(source)
    if is_as_counted:
        return True
    put_back(work_file, source)
    return False


def _is_leftover_of_copy(source: Path, work_file: Path) -> bool:
    """Whether the crash came after the copy had become the work file and before the source was removed.

    A copy keeps the time of its source; the same content that came later is another scan.
    """
    if not source.is_file() or source.is_symlink() or source.samefile(work_file):
        return False
    return source.stat().st_mtime_ns == work_file.stat().st_mtime_ns and filecmp.cmp(source, work_file, shallow=False)


def put_back(work_file: Path, place: Path) -> Path:
    """Give a scan back to the inbox, under its own name or, where that is taken, the next free one."""
    make_folder(place.parent)  # the folder of one scan may be gone with it
    free = move_to_free(work_file, free_names(place))
    remove_folder(work_file.parent)
    return free
