"""What spreadsheets, and people with them, do to a CSV: byte for byte as the programs save it."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Rows = list[list[str]]


def rows_of(path: Path) -> Rows:
    return list(csv.reader(io.StringIO(path.read_text("utf-8"))))


def table(
    rows: Sequence[Sequence[str]], *, delimiter: str = ",", line_end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)  # type: ignore[arg-type] # typeshed wants its own literals
    return text.getvalue()


def as_excel_shows(cell: str) -> str:
    """A cell after Excel took it for a number: zeros in front are gone."""
    return str(int(cell)) if cell.isdigit() else cell


def as_german_excel_shows(cell: str) -> str:
    return as_excel_shows(cell).replace(".", ",") if cell.replace(".", "", 1).isdigit() else cell


def replace_whole(path: Path, data: bytes) -> None:
    """As Excel and gedit save: a new file, renamed over the old one."""
    temporary = path.with_name("A1B2C3D4.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)


def excel_utf8(path: Path) -> None:
    rows = [[as_excel_shows(cell) for cell in row] for row in rows_of(path)]
    replace_whole(path, table(rows).encode("utf-8-sig"))


def excel_german(path: Path) -> None:
    rows = [[as_german_excel_shows(cell) for cell in row] for row in rows_of(path)]
    replace_whole(path, table(rows, delimiter=";").encode("cp1252"))


def excel_unicode_text(path: Path) -> None:
    replace_whole(path, table(rows_of(path), delimiter="\t").encode("utf-16"))


def libreoffice_quoted(path: Path) -> None:
    """In place, with every text cell quoted."""
    path.write_bytes(table(rows_of(path), line_end="\n", quoting=csv.QUOTE_ALL).encode())


def only_line_ends(path: Path) -> None:
    path.write_bytes(table(rows_of(path)).encode())


def only_a_bom(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def one_value(path: Path) -> None:
    """In place, and as long as before."""
    data = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(data.rindex(b",7,") + 1)
        file.write(b"9")


def sorted_downwards(path: Path) -> None:
    header, *rows = rows_of(path)
    path.write_bytes(table([header, *reversed(rows)], line_end="\n").encode())


def column_deleted(path: Path) -> None:
    path.write_bytes(table([row[:4] + row[5:] for row in rows_of(path)], line_end="\n").encode())


def rows_deleted(path: Path) -> None:
    header, first, *_ = rows_of(path)
    path.write_bytes(table([header, first], line_end="\n").encode())


def line_added(path: Path) -> None:
    with path.open("a") as file:
        file.write("checked by ann\n")


def last_line_twice(path: Path) -> None:
    with path.open("ab") as file:
        file.write(path.read_bytes().splitlines(keepends=True)[-1])


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 7)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


SAVES = (
    excel_utf8,
    excel_german,
    excel_unicode_text,
    libreoffice_quoted,
    only_line_ends,
    only_a_bom,
    one_value,
    sorted_downwards,
    column_deleted,
    rows_deleted,
    line_added,
    last_line_twice,
    truncated,
    emptied,
)
