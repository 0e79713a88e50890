"""Looking through rows and hours, for the operator's pages: what was written, and what a person changed in it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import Field, Reading, SheetPicture
from sheetwatch.ledger.records import Accounting, Form

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from sheetwatch.ledger.store import Ledger, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSearch:
    """Which rows to show. `text`: anywhere in the row; `day`: of the CSV; `before`: only rows with smaller numbers."""

    template: str | None = None
    day: str | None = None
    text: str | None = None
    corrected: bool | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLine:
    """One row as it stands in its CSV. `number`: of the row, newest largest."""

    number: int
    sheet_id: str
    template: str
    csv_name: str
    columns: tuple[str, ...]
    cells: tuple[str, ...]
    delivered: bool

    @property
    def by_column(self) -> dict[str, str]:
        """The cells by the names of their columns."""
        return dict(zip(self.columns, self.cells, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A value that a person gave or confirmed."""

    field: str
    was: str
    became: str
    at: datetime
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFile:
    """Where a page's scan lies: `folder` and `suffix` lead to it in work, `archived_as` in the archive."""

    folder: str
    suffix: str
    archived_as: str | None
    read_page: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDetail:
    """Everything about one row. `text`: its line; `changes`: oldest first."""

    page: int
    text: str
    line: RowLine
    key: str | None
    template_revision: str
    fields: tuple[Field, ...]
    readings: Mapping[str, Reading]
    changes: tuple[Changed, ...]
    sheet: SheetPicture | None
    scan: ScanFile
    page_count: int
    model: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One rolling CSV for a listing."""

    number: int
    name: str
    template: str
    day: str
    row_count: int


_ROWS = (
    "SELECT rows.id AS number, rows.line, rows.delivered, csv_files.header, csv_files.name AS csv_name,"
    " csv_files.template AS csv_template, pages.sheet_id FROM rows JOIN csv_files ON csv_files.id = rows.csv_file"
    " JOIN pages ON pages.id = rows.page"
)


_FOUND = (
    f"{_ROWS} WHERE (:template IS NULL OR csv_files.template = :template)"  # noqa: S608 - constants
    " AND (:day IS NULL OR csv_files.day = :day) AND (:text IS NULL OR rows.line LIKE :text ESCAPE '!')"
    " AND (:corrected IS NULL OR :corrected = (EXISTS (SELECT 1 FROM reviews WHERE reviews.page = rows.page"
    " AND resolution = 'corrected') OR EXISTS (SELECT 1 FROM corrections WHERE corrections.page = rows.page)))"
    " AND (:before IS NULL OR rows.id < :before)"
    " ORDER BY rows.id DESC LIMIT :limit"
)


def find_rows(ledger: Ledger, search: RowSearch, limit: int) -> list[RowLine]:
    """The newest rows that fit."""
    asked = {
        "template": search.template,
        "day": search.day,
        "text": None if search.text is None else f"%{_escaped(search.text)}%",
        "corrected": search.corrected,
        "before": search.before,
        "limit": limit,
    }
    with ledger.reading() as tx:
        return [_row_line(row) for row in tx.execute(_FOUND, asked)]


def _escaped(text: str) -> str:
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return text


def row_detail(ledger: Ledger, number: int) -> RowDetail | None:
    """One row with what was read and what was changed."""
    with ledger.reading() as tx:
        return row_detail_in(tx, number)


def row_detail_in(tx: Transaction, number: int) -> RowDetail | None:
    """As `row_detail`, within a transaction."""
    row = tx.execute(
        _ROWS.replace(
            "pages.sheet_id",
            "pages.*, files.scan_id AS folder, files.suffix, files.archived_as, files.page_count, forms.form",
        )
        + " JOIN scans AS files ON files.id = pages.read_from LEFT JOIN forms ON forms.template = pages.template"
        " AND forms.revision = pages.template_revision WHERE rows.id = ?",
        (number,),
    ).fetchone()
    if row is None:
        return None
    changes = tuple(
        _changed(one) for one in tx.execute("SELECT * FROM corrections WHERE page = ? ORDER BY id", (row["id"],))
    )
    form = msgspec.json.decode(row["form"], type=Form) if row["form"] else None
    return RowDetail(
        page=row["id"],
        text=row["line"],
        line=_row_line(row),
        key=form.key if form else None,
        template_revision=row["template_revision"] or "",
        fields=form.fields if form else (),
        readings=msgspec.json.decode(row["readings"], type=dict[str, Reading]),
        changes=changes,
        sheet=None if row["sheet"] is None else msgspec.json.decode(row["sheet"], type=SheetPicture),
        scan=_scan_file(row),
        page_count=row["page_count"],
        model=row["model"] or "",
        program=row["program"] or "",
    )


def scan_files(ledger: Ledger, last: int) -> dict[int, ScanFile]:
    """The scans of the pages decided last, by the pages' numbers."""
    with ledger.reading() as tx:
        rows = tx.execute(
            "SELECT pages.id, files.scan_id AS folder, files.suffix, files.archived_as, pages.read_page FROM pages"
            " JOIN scans AS files ON files.id = pages.read_from WHERE pages.decided_at IS NOT NULL"
            " ORDER BY pages.decided_at DESC, pages.id DESC LIMIT ?",
            (last,),
        ).fetchall()
    return {row["id"]: _scan_file(row) for row in rows}


def _scan_file(row: sqlite3.Row) -> ScanFile:
    return ScanFile(
        folder=row["folder"], suffix=row["suffix"], archived_as=row["archived_as"], read_page=row["read_page"]
    )


def _row_line(row: sqlite3.Row) -> RowLine:
    columns, cells = csv.reader([row["header"], row["line"]])
    return RowLine(
        number=row["number"],
        sheet_id=row["sheet_id"],
        template=row["csv_template"],
        csv_name=row["csv_name"],
        columns=tuple(columns),
        cells=tuple(cells),
        delivered=bool(row["delivered"]),
    )


def _changed(row: sqlite3.Row) -> Changed:
    return Changed(
        field=row["field"],
        was=row["was"],
        became=row["became"],
        at=datetime.fromisoformat(row["corrected_at"]),
        by=row["corrected_by"],
        via=row["via"],
    )


def csv_file_lines(ledger: Ledger) -> list[FileLine]:
    """Every CSV, newest first."""
    with ledger.reading() as tx:
        rows = tx.execute("SELECT * FROM csv_files ORDER BY day DESC, template, number DESC")
        return [
            FileLine(
                number=row["id"],
                name=row["name"],
                template=row["template"],
                day=row["day"],
                row_count=row["row_count"],
            )
            for row in rows
        ]


_TAKEN = "scans.claimed_at >= ? AND scans.state != 'claiming' AND scans.returns_page IS NULL"
_PAGES_TAKEN = f"SELECT coalesce(sum(page_count), 0) FROM scans WHERE {_TAKEN}"  # noqa: S608 - a constant
_STATES_TAKEN = (
    "SELECT pages.state, pages.drop_cause, count(*) AS pages FROM scans JOIN pages ON pages.scan = scans.id"  # noqa: S608
    f" WHERE {_TAKEN} GROUP BY pages.state, pages.drop_cause"
)


def accounting_since(ledger: Ledger, start: datetime) -> Accounting:
    """The accounting of the scans that were taken up since then. start: aware, in UTC as the ledger keeps it."""
    since = (start.isoformat(),)
    with ledger.reading() as tx:
        (pages_in,) = tx.execute(_PAGES_TAKEN, since).fetchone()
        counted = tx.execute(_STATES_TAKEN, since).fetchall()
    states: dict[str, int] = {}
    for row in counted:
        states[row["state"]] = states.get(row["state"], 0) + row["pages"]
    return Accounting(
        pages_in=pages_in,
        rows=states.get("row", 0),
        review=states.get("review", 0),
        dropped=states.get("dropped", 0),
        in_work=states.get("work", 0),
        dropped_by={row["drop_cause"]: row["pages"] for row in counted if row["drop_cause"]},
    )


def last_model(ledger: Ledger) -> str:
    """The model that read the last page; nothing where none did yet."""
    with ledger.reading() as tx:
        row = tx.execute(
            "SELECT model FROM pages WHERE decided_at IS NOT NULL AND model != '' ORDER BY decided_at DESC LIMIT 1"
        ).fetchone()
    return "" if row is None else str(row[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedPage:
    """When a page was last decided, and as what: row, review or dropped."""

    at: datetime
    state: str


def decided_since(ledger: Ledger, start: datetime) -> list[DecidedPage]:
    """The pages decided since then, oldest first. start: aware, in UTC as the ledger keeps it."""
    with ledger.reading() as tx:
        rows = tx.execute(
            "SELECT decided_at, state FROM pages WHERE decided_at >= ? ORDER BY decided_at", (start.isoformat(),)
        )
        return [DecidedPage(at=datetime.fromisoformat(row["decided_at"]), state=row["state"]) for row in rows]
