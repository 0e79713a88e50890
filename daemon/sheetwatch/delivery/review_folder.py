"""One page in review: its files, all with one stem, put into the review folder and taken out of it again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.files import TEMPORARY_PREFIX, copy_atomically, move, remove, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURE = ".review.png"
TEXT = ".review.txt"
SHEET = ".review.csv"
OURS = (PICTURE, TEXT, SHEET)
_LATE = ".too-late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into the review folder; `page` where somebody did not remove it, `picture` where it could be drawn."""

    page: Path | None
    page_name: str
    picture: Path | None
    text: str
    sheet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What the ledger keeps: to know the page when it comes back, and an answer from an untouched sheet."""

    page_sha256: str | None
    sheet_sha256: str


def place(folder: Path, stem: str, contents: Contents) -> Placed:
    """Write a page's files, the page itself last: who sees it finds the rest. Raises OSError."""
    if contents.picture is not None:
        copy_atomically(contents.picture, folder / f"{stem}{PICTURE}")
    write_text(folder, stem, contents.text)
    sheet = contents.sheet.encode()
    write_atomically(folder / f"{stem}{SHEET}", sheet)
    if contents.page is not None:
        copy_atomically(contents.page, folder / contents.page_name)
    page_sha256 = file_sha256(contents.page) if contents.page else None
    return Placed(page_sha256=page_sha256, sheet_sha256=hashlib.sha256(sheet).hexdigest())


def write_text(folder: Path, stem: str, text: str) -> None:
    """Write, or write anew, the text beside the page."""
    write_atomically(folder / f"{stem}{TEXT}", text.encode())


def withdraw(folder: Path, stem: str, page_name: str | None) -> None:
    """Take a page's files out; those that are gone already do not matter, and a folder of that name is somebody's."""
    names = [f"{stem}{end}" for end in OURS] + ([page_name] if page_name else [])
    paths = [folder / f"{before}{name}" for name in names for before in ("", TEMPORARY_PREFIX)]
    remove(*(path for path in paths if path.is_symlink() or not path.is_dir()))


def sheet_sha256(folder: Path, stem: str) -> str | None:
    """SHA-256 of a page's answer sheet; None where there is none, or a folder or a link. Raises OSError."""
    path = folder / f"{stem}{SHEET}"
    return file_sha256(path) if path.is_file() and not path.is_symlink() else None


def keep_late(folder: Path, stem: str, text: Callable[[str], str]) -> str:
    """Put an answer that nobody waits for aside, with a text that says so. Returns its new name.

    `text`: what to say of a file with this name.
    """
    kept, number = folder / f"{stem}{_LATE}.csv", 1
    while os.path.lexists(kept):
        number += 1
        kept = folder / f"{stem}{_LATE}-{number}.csv"
    write_atomically(kept.with_suffix(".txt"), text(kept.name).encode())
    move(folder / f"{stem}{SHEET}", kept)
    return kept.name


def stem_of_leftover(name: str) -> str | None:
    """The stem of a picture, text or sheet of ours; None for any other name."""
    for end in OURS:
        if name.endswith(end):
            return name.removesuffix(end)
    return None


def present(folder: Path) -> set[str]:
    """The names in the review folder. Raises OSError."""
    return {path.name for path in folder.iterdir()}


def is_untouched(sheet: bytes, sheet_sha256: str | None) -> bool:
    """Whether an answer sheet says what it said when it was placed."""
    return hashlib.sha256(sheet).hexdigest() == sheet_sha256


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
