"""Results: the rows that were written, to browse, search, correct and download."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for

from sheetwatch.delivery.rows import AFTER_FIELDS, BEFORE_FIELDS, csv_line
from sheetwatch.domain import UsageError
from sheetwatch.files import sha256_of
from sheetwatch.ledger import rows_by_file
from sheetwatch.ledger.browse import RowSearch, csv_file_lines, find_rows, row_detail
from sheetwatch.ledger.corrections import every_correction
from sheetwatch.service import corrections
from sheetwatch.service.export import write_workbook
from sheetwatch.web.answer import PREFIX, Posted, mark_of, objections_to
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID
from sheetwatch.web.session import operator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from werkzeug.wrappers import Response as AnyResponse

    from sheetwatch.ledger import Ledger
    from sheetwatch.ledger.browse import Changed, FileLine, RowDetail
    from sheetwatch.ledger.corrections import CorrectionLine

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
    return _page(detail, Posted.of(request.args))


def _page(detail: RowDetail, typed: Posted | None = None, said: Said | None = None) -> str:
    g.title = f"Sheet {detail.line.sheet_id}"
    by_field: dict[str, list[Changed]] = {}
    for change in detail.changes:
        by_field.setdefault(change.field, []).append(change)
    return render_template(
        "result.html",
        detail=detail,
        changes=by_field,
        seen=sha256_of(detail.text.encode()),
        typed=typed.values if typed else {},
        said=said,
        prefix=PREFIX,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What speaks against a correction: by field, or to be overruled."""

    problems: Mapping[str, str]
    objections: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """Of the objections that are shown."""
        return mark_of(self.objections)


@pages.post(f"/<{ID}>/correct")
def correct(number: int) -> str | tuple[str, int] | AnyResponse:
    """Give a row other values, unless something speaks against it that the operator has not seen."""
    posted = Posted.of(request.form)
    with here().desk() as desk:
        detail = row_detail(desk.site.ledger, number) or abort(404, "There is no such row.")
        if request.form.get("seen") != sha256_of(detail.text.encode()):
            return _told(detail, f"this row was changed meanwhile: {_last(detail)}")
        values, problems = corrections.values_of(detail, posted.values)
        objections = () if problems else _against(desk.site.ledger, detail, values)
        said = Said(problems=problems, objections=objections)
        if problems or said.mark not in {"", posted.confirmed}:
            return _page(detail, posted, said), 422
        try:
            changed = desk.correct_row(detail, values, operator())
        except UsageError as error:
            return _told(detail, str(error))
    words = ", ".join(f"{one.field} {one.was or 'nothing'} to {one.became or 'nothing'}" for one in changed)
    flash(f"Saved: {words}. The CSV follows within seconds.", "saved")
    return redirect(url_for("results.show", number=number), 303)


def _against(ledger: Ledger, detail: RowDetail, values: Mapping[str, str]) -> tuple[str, ...]:
    outline = here().outlines.named(detail.line.template)
    if outline is not None and outline.revision != detail.template_revision:
        outline = None
    with ledger.reading() as tx:
        holder = corrections.key_holder(tx, detail, values)
    taken = (f"{detail.key}: sheet {holder} has {values[detail.key]} already.",) if holder and detail.key else ()
    return (*objections_to(outline, values), *taken)


def _last(detail: RowDetail) -> str:
    change = detail.changes[-1] if detail.changes else None
    return f"{change.field} to {change.became or 'nothing'} by {change.by}" if change else "look again"


def _told(detail: RowDetail, why: str) -> AnyResponse:
    """Somebody was quicker, or there was nothing to do."""
    flash(f"{why[:1].upper()}{why[1:]}. Nothing was changed by you.", "told")
    return redirect(url_for("results.show", number=detail.line.number), 303)


@pages.get("/corrections.csv")
def download_corrections() -> Response:
    """Everything that people changed or confirmed."""
    with here().ledger() as ledger:
        text = "".join(_correction_lines(every_correction(ledger)))
    return Response(text, mimetype="text/csv", headers=_as_file("corrections.csv"))


def _correction_lines(changes: Iterable[CorrectionLine]) -> Iterator[str]:
    yield csv_line(["corrected_at", "by", "via", "sheet_id", "source", "page", "csv", "field", "was", "became"])
    for one in changes:
        at = one.at.astimezone().isoformat(timespec="seconds")
        place = (one.sheet_id, one.source, str(one.page), one.csv_name)
        yield csv_line([at, one.by, one.via, *place, one.field, one.was, one.became])


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
