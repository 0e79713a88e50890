"""Results: the rows that were written, to browse, search and download."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, g, render_template, request

from sheetwatch.delivery.rows import AFTER_FIELDS, BEFORE_FIELDS
from sheetwatch.ledger import rows_by_file
from sheetwatch.ledger.browse import RowSearch, csv_file_lines, find_rows, row_detail
from sheetwatch.service.export import write_workbook
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.ledger.browse import FileLine

pages = Blueprint("results", __name__, url_prefix="/results")
_PER_PAGE = 50
_LONGEST_TEXT = 100
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pages.get("/")
def browse() -> str:
    """The newest rows of one form that fit the search."""
    with here().ledger() as ledger:
        files = csv_file_lines(ledger)
        search = _search(files)
        rows = find_rows(ledger, search, _PER_PAGE + 1)
    g.title = "Results"
    shown = rows[:_PER_PAGE]
    return render_template(
        "results.html",
        files=files,
        templates=sorted({file.template for file in files}),
        days=sorted({file.day for file in files if file.template == search.template}, reverse=True),
        search=search,
        rows=shown,
        columns=_in_order(shown[0].columns) if shown else [],
        older=shown[-1].number if len(rows) > _PER_PAGE else None,
    )


def _in_order(columns: Sequence[str]) -> list[str]:
    """The columns as people look for them: which sheet, its values, then where it came from."""
    about = [*BEFORE_FIELDS, *AFTER_FIELDS]
    values = [column for column in columns if column not in about]
    return ["sheet_id", "status", *values, "confidence", "source", "page", "read_at"]


def _search(files: list[FileLine]) -> RowSearch:
    """What the address asks for; what it asks for and is not there is left out."""
    known = [file.template for file in files]
    template, day, before = (request.args.get(name, "") for name in ("form", "day", "before"))
    text = request.args.get("q", "").strip()[:_LONGEST_TEXT]
    return RowSearch(
        template=template if template in known else (known[0] if known else None),
        day=day if _DAY.fullmatch(day) else None,
        text=text or None,
        corrected={"corrected": True, "auto": False}.get(request.args.get("status", "")),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
    )


@pages.get(f"/<{ID}>")
def show(number: int) -> str:
    """One row: what stands in it, what was read, who changed what."""
    with here().ledger() as ledger:
        detail = row_detail(ledger, number) or abort(404, "There is no such row.")
    g.title = f"Sheet {detail.line.sheet_id}"
    return render_template("result.html", detail=detail, changes={change.field: change for change in detail.changes})


@pages.get(f"/csv/<{ID}>")
def download_csv(number: int) -> Response:
    """A rolling CSV as the ledger has it."""
    with here().ledger() as ledger:
        name = next((file.name for file in csv_file_lines(ledger) if file.number == number), None)
        if name is None:
            abort(404, "There is no such CSV.")
        text = next("".join([file.header, *file.lines]) for file in rows_by_file(ledger) if file.name == name)
    return Response(text, mimetype="text/csv", headers=_as_file(name))


@pages.get("/xlsx")
def download_workbook() -> Response:
    """Every row of a form as a workbook."""
    template = request.args.get("form")
    with here().ledger() as ledger, tempfile.TemporaryDirectory(prefix="sheetwatch-web-") as folder:
        if template not in {file.template for file in csv_file_lines(ledger)}:
            abort(404, "There are no rows of this form.")
        path = Path(folder) / "rows.xlsx"
        write_workbook(rows_by_file(ledger, template), path, lambda _: None)
        data = path.read_bytes()
    return Response(data, mimetype=_XLSX, headers=_as_file(f"{template}.xlsx"))


def _as_file(name: str) -> dict[str, str]:
    """Names of CSVs and forms are plain: a-z, 0-9, hyphens and dots."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}
