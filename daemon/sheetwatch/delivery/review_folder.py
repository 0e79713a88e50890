"""One page in review: its files, all with one stem, put into the review folder and taken out of it again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sheetwatch.files import (
    TEMPORARY_PREFIX,
    copy_atomically,
    exchange,
    file_sha256,
    free_names,
    is_folder,
    is_taken,
    move_new,
    remove,
    rename_new,
    sha256_of,
    write_atomically,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURE = ".review.png"
TEXT = ".review.txt"
SHEET = ".review.csv"
OURS = (PICTURE, TEXT, SHEET)
LARGEST_SHEET_BYTES = 1_000_000
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


def place(folder: Path, stem: str, contents: Contents, displaced: Callable[[Path], object]) -> Placed:
    """Write a page's files, the page itself last: who sees it finds the rest. Raises OSError.

    `displaced`: told where the sheet is that lay there until now, to keep or to remove it.
    """
    if contents.picture is not None:
        copy_atomically(contents.picture, folder / f"{stem}{PICTURE}")
    write_text(folder, stem, contents.text)
    sheet = contents.sheet.encode()
    write_atomically(folder / f"{stem}{SHEET}", sheet, partial(_put_instead, displaced))
    if contents.page is not None:
        copy_atomically(contents.page, folder / contents.page_name)
    page_sha256 = file_sha256(contents.page) if contents.page else None
    return Placed(page_sha256=page_sha256, sheet_sha256=sha256_of(sheet))


def _put_instead(displaced: Callable[[Path], object], temporary: Path, path: Path) -> None:
    """Swap the two, where there are two: what somebody saves this moment comes out, and is not overwritten."""
    try:
        swapped = not is_folder(path) and exchange(temporary, path)
    except FileNotFoundError:
        swapped = False
    if not swapped:
        temporary.replace(path)
        return
    try:
        displaced(temporary)
    except BaseException:
        with contextlib.suppress(OSError):
            exchange(temporary, path)
        raise


def write_text(folder: Path, stem: str, text: str) -> None:
    """Write, or write anew, the text beside the page."""
    write_atomically(folder / f"{stem}{TEXT}", text.encode())


def withdraw(folder: Path, stem: str, page_name: str | None) -> None:
    """Take a page's files out; those that are gone already do not matter, and a folder of that name is somebody's."""
    names = [f"{stem}{end}" for end in OURS] + ([page_name] if page_name else [])
    paths = [folder / f"{before}{name}" for name in names for before in ("", TEMPORARY_PREFIX)]
    remove(*(path for path in paths if not is_folder(path)))


def take_out_sheet(sheet: Path, taken: Callable[[Path], object]) -> None:
    """Take a sheet from its name, to keep or to remove it: nothing that is saved this moment is removed unseen.

    `taken`: told where it is now. A folder or a link of that name stays. Raises OSError.
    """
    if not sheet.is_file() or sheet.is_symlink():
        return
    aside = sheet.with_name(f"{TEMPORARY_PREFIX}{sheet.name}")
    try:
        sheet.replace(aside)
    except FileNotFoundError:
        return
    try:
        taken(aside)
    except BaseException:
        with contextlib.suppress(OSError):
            rename_new(aside, sheet)
        raise


def says_more(sheet: Path, known_sha256: str | None) -> bool:
    """Whether a sheet lies there that is neither as we wrote it nor as we took it. Raises OSError.

    One that is too large for an answer says more, unread; a folder or a link says nothing.
    """
    if not sheet.is_file() or sheet.is_symlink():
        return False
    return sheet.stat().st_size > LARGEST_SHEET_BYTES or file_sha256(sheet) != known_sha256


def keep_late(sheet: Path, folder: Path, stem: str, text: Callable[[str], str]) -> str:
    """Put an answer that nobody waits for aside, with a text that says so. Returns its new name.

    `text`: what to say of a file with this name; written first, so that nobody finds the answer without it.
    """
    for kept in free_names(folder / f"{stem}{_LATE}.csv"):
        if is_taken(kept):
            continue
        write_atomically(kept.with_suffix(".txt"), text(kept.name).encode())
        with contextlib.suppress(FileExistsError):
            move_new(sheet, kept)
            break
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
    return sha256_of(sheet) == sheet_sha256
