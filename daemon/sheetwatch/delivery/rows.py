"""A row of the rolling CSV as text.

One line per row, LF, UTF-8, RFC 4180 quoting. No cell starts a formula: text that begins with one of the characters
that spreadsheets act upon gets an apostrophe in front (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sheetwatch.domain import Field

BEFORE_FIELDS = ("sheet_id", "read_at", "source", "page", "status")
AFTER_FIELDS = ("confidence",)
_FORMULA_STARTS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """What stands in one row; `values` in template order, canonical text."""

    sheet_id: str
    read_at: datetime
    source: str
    page: int
    status: str
    values: tuple[str, ...]
    confidence: float


def header_line(fields: Sequence[Field]) -> str:
    """The first line of the CSV of a template with these fields."""
    return csv_line([*BEFORE_FIELDS, *(field.name for field in fields), *AFTER_FIELDS])


def row_line(row: SheetRow) -> str:
    """One row as it stands in the CSV, line end included."""
    read_at = row.read_at.astimezone().isoformat(timespec="seconds")
    before = (row.sheet_id, read_at, row.source, str(row.page), row.status)
    return csv_line([*before, *row.values, confidence_text(row.confidence)])


def confidence_text(probability: float) -> str:
    """A probability with four decimals, rounded down: 1 is written only where nothing is in doubt."""
    return f"{math.floor(probability * 10_000) / 10_000:g}"


def csv_line(cells: Sequence[str]) -> str:
    """Cells as one line of a CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
