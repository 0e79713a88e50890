"""The rows of the ledger as files of their own: the same CSVs again, a workbook, or Parquet."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sheetwatch.delivery.parquet import require_pyarrow, write_parquet
from sheetwatch.domain import FieldKind, UsageError
from sheetwatch.files import TEMPORARY_PREFIX, make_folder, write_atomically
from sheetwatch.intake.folders import named_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from openpyxl import Workbook
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from sheetwatch.domain import Settings
    from sheetwatch.ledger.queries import FileRows

_PROGRESS_ROWS = 200
_LONGEST_TITLE = 31  # Excel's own limit
_FIXED_NUMBERS = {"page", "confidence"}
_ROWS_OF_A_GROUP = 10_000
_PARSE: Mapping[str, Callable[[str], Any]] = {
    "read_at": lambda text: datetime.fromisoformat(text).astimezone(UTC),
    "page": int,
    "confidence": float,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written."""

    files: int
    rows: int


def refuse_own_folders(out: Path, settings: Settings) -> None:
    """Raise UsageError when an export would land among the daemon's own files."""
    for name, folder in named_folders(settings):
        if out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{out}: this is the daemon's {name} folder; export somewhere else with --out")


def write_csvs(files: Iterable[FileRows], folder: Path, advance: Callable[[int], None]) -> Exported:
    """Every CSV as the daemon wrote it, byte for byte. Raises OSError."""
    make_folder(folder)
    file_count = row_count = 0
    for file in files:
        lines = list(file.lines)
        write_atomically(folder / file.name, "".join([file.header, *lines]).encode())
        file_count, row_count = file_count + 1, row_count + len(lines)
        advance(len(lines))
    return Exported(files=file_count, rows=row_count)


def write_workbook(files: Iterable[FileRows], path: Path, advance: Callable[[int], None]) -> Exported:
    """One workbook: a sheet for each template, a further one where its columns changed. Raises OSError."""
    from openpyxl import Workbook  # noqa: PLC0415 - costs 200 ms, and few need it

    book = Workbook(write_only=True)
    sheets: dict[tuple[str, str], WriteOnlyWorksheet] = {}
    file_count = row_count = 0
    for file in files:
        place = (file.template, file.header)
        if place not in sheets:
            sheets[place] = _add_sheet(book, file)
        row_count += _add_rows(sheets[place], file, _number_columns(file), advance)
        file_count += 1
    if not sheets:
        book.create_sheet("no rows")
    make_folder(path.absolute().parent)
    temporary = path.with_name(TEMPORARY_PREFIX + path.name)
    try:
        book.save(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(files=file_count, rows=row_count)


def write_parquets(files: Iterable[FileRows], folder: Path, advance: Callable[[int], None]) -> Exported:
    """A Parquet file for every CSV, below a folder for its template, so that each template is one table to readers.

    Fields are text, as in the CSV. Raises UsageError without pyarrow, OSError.
    """
    require_pyarrow()
    file_count = row_count = 0
    for file in files:
        path = folder / f"template={file.template}" / Path(file.name).with_suffix(".parquet")
        make_folder(path.parent)
        columns = _cells_of(file.header)
        write_parquet(path, _schema(columns), _tables(file, columns, advance))
        file_count, row_count = file_count + 1, row_count + file.row_count
    return Exported(files=file_count, rows=row_count)


def _schema(columns: list[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - costs 200 ms, and few need it

    kinds = {"read_at": pa.timestamp("s", "UTC"), "page": pa.int32(), "confidence": pa.float64()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in columns])


def _tables(file: FileRows, columns: list[str], advance: Callable[[int], None]) -> Iterator[Any]:
    """Some thousand rows at a time."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    schema, rows = _schema(columns), csv.reader(file.lines)
    while some := list(islice(rows, _ROWS_OF_A_GROUP)):
        values = zip(columns, zip(*some, strict=True), strict=True)
        yield pa.table([[_PARSE.get(name, str)(text) for text in cells] for name, cells in values], schema=schema)
        advance(len(some))


def _add_sheet(book: Workbook, file: FileRows) -> WriteOnlyWorksheet:
    title, number = file.template[:_LONGEST_TITLE], 1
    while title in book.sheetnames:
        number += 1
        title = f"{file.template[: _LONGEST_TITLE - 4]}-{number}"
    sheet: Any = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.append(_cells_of(file.header))
    written: WriteOnlyWorksheet = sheet
    return written


def _number_columns(file: FileRows) -> set[str]:
    """The columns that hold numbers; digits are text, or their leading zeros were lost."""
    fields = [field for form in file.forms for field in form.fields]
    return _FIXED_NUMBERS | {field.name for field in fields if field.kind is not FieldKind.DIGITS}


def _add_rows(sheet: Any, file: FileRows, numbers: set[str], advance: Callable[[int], None]) -> int:
    columns, row_count = _cells_of(file.header), 0
    for cells in csv.reader(file.lines):
        sheet.append(list(_typed(sheet, columns, cells, numbers)))
        row_count += 1
        if row_count % _PROGRESS_ROWS == 0:
            advance(_PROGRESS_ROWS)
    advance(row_count % _PROGRESS_ROWS)
    return row_count


def _typed(sheet: Any, columns: list[str], cells: list[str], numbers: set[str]) -> Iterator[Any]:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    for column, text in zip(columns, cells, strict=True):
        if not text:
            yield None
        elif column in numbers:
            yield float(text) if "." in text else int(text)
        else:
            cell = WriteOnlyCell(sheet, text)
            cell.data_type = "s"  # text, whatever it begins with
            yield cell


def _cells_of(line: str) -> list[str]:
    return next(csv.reader([line]))
