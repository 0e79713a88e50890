"""Scans whose every page is settled go to archive/<day>/ under the name they came with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sheetwatch.files import fsync_folder, is_taken, make_folder, move
from sheetwatch.names import safe_stem

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def choose_name(archive: Path, day: date, name: str, suffix: str) -> str:
    """Where a scan goes, relative to the archive: its own name, or with -2, -3 where that is taken."""
    stem = safe_stem(name)
    chosen, number = f"{day.isoformat()}/{stem}{suffix}", 1
    while is_taken(archive / chosen):
        number += 1
        chosen = f"{day.isoformat()}/{stem}-{number}{suffix}"
    return chosen


def days_before(archive: Path, oldest: date) -> list[Path]:
    """The folders of days before `oldest`; whatever else lies in the archive is somebody's and stays."""
    days = [folder for folder in sorted(archive.iterdir()) if _is_folder(folder) and _DAY.fullmatch(folder.name)]
    return [folder for folder in days if folder.name < oldest.isoformat()]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def archive_scan(work_file: Path, target: Path) -> bool:
    """Move a scan to its place; after a crash, see that it got there. False when it lies in neither place."""
    make_folder(target.parent)
    if work_file.exists():
        move(work_file, target)
        return True
    if target.exists():
        fsync_folder(target.parent)
        return True
    return False
