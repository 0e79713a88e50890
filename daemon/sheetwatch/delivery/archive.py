"""Scans whose every page is settled go to archive/<day>/ under the name they came with."""

from __future__ import annotations

import filecmp
import re
from typing import TYPE_CHECKING

from sheetwatch.files import Unsynced, free_names, fsync_folder, is_folder, is_taken, make_folder, move_new, remove
from sheetwatch.names import safe_stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date
    from pathlib import Path

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def choose_name(archive: Path, day: date, name: str, suffix: str, is_promised: Callable[[str], bool]) -> str:
    """Where a scan goes, relative to the archive: its own name, or with -2, -3 where that is taken.

    `is_promised`: whether a name is another scan's, which may be still on its way.
    """
    places = free_names(archive / day.isoformat() / f"{safe_stem(name)}{suffix}")
    names = (str(place.relative_to(archive)) for place in places if not is_taken(place))
    return next(name for name in names if not is_promised(name))


def days_before(archive: Path, oldest: date) -> list[Path]:
    """The folders of days before `oldest`; whatever else lies in the archive is somebody's and stays."""
    days = [folder for folder in sorted(archive.iterdir()) if is_folder(folder) and _DAY.fullmatch(folder.name)]
    return [folder for folder in days if folder.name < oldest.isoformat()]


def archive_scan(work_file: Path, target: Path, later: Unsynced) -> bool:
    """Move a scan to its place; after a crash, see that it got there. False when it lies in neither place.

    `later`: takes the folders to be fsynced before anything is announced. Raises FileExistsError when something else
    lies there, OSError.
    """
    make_folder(target.parent)
    if not work_file.exists():
        later.gained(target.parent)
        return target.exists()
    if _is_copy(target, work_file):  # between file systems the crash came before the work file was removed
        fsync_folder(target.parent)
        remove(work_file)
    else:
        move_new(work_file, target, later)
    return True


def _is_copy(target: Path, work_file: Path) -> bool:
    return target.is_file() and not target.is_symlink() and filecmp.cmp(target, work_file, shallow=False)
