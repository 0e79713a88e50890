"""What every stage of the service works with: settings, ledger, clock, log, and where things lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch import __version__
from sheetwatch.delivery.rows import SheetRow, header_line, row_line
from sheetwatch.ledger.records import NewRow
from sheetwatch.names import safe_stem
from sheetwatch.service.clock import local_day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from sheetwatch.domain import Settings
    from sheetwatch.ledger import Form, Ledger
    from sheetwatch.service.clock import Clock

PROGRAM = f"sheetwatch {__version__}"
LEDGER_NAME = "sheetwatch.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One installation."""

    settings: Settings
    ledger: Ledger
    clock: Clock
    log: FilteringBoundLogger

    @property
    def work(self) -> Path:
        """The folder of the scans in work."""
        return self.settings.state / "work"

    def work_file(self, scan_id: str, suffix: str) -> Path:
        """Where a claimed scan lies."""
        return self.work / scan_id / f"scan{suffix}"


def review_stem(source_name: str, sheet_id: str) -> str:
    """The stem of a page's files in the review folder: speaking, and unique."""
    return f"{safe_stem(source_name)}-{sheet_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of a row about to be written, and how sure they are."""

    sheet_id: str
    source_name: str
    page_index: int
    by_field: Mapping[str, str]
    confidence: float
    corrected: bool


def new_row(form: Form, values: Values, at: datetime) -> NewRow:
    """The line that a page adds to the CSV of its template and day."""
    row = SheetRow(
        sheet_id=values.sheet_id,
        read_at=at,
        source=values.source_name,
        page=values.page_index,
        status="corrected" if values.corrected else "auto",
        values=tuple(values.by_field[field.name] for field in form.fields),
        confidence=values.confidence,
    )
    return NewRow(
        template=form.name,
        day=local_day(at),
        header=header_line(form.fields),
        line=row_line(row),
        key_value=(values.by_field.get(form.key) or None) if form.key else None,
    )
