"""The pictures of sheets: files that a worker wrote, found by number in the ledger, never by a name in a request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, jsonify, send_file

from sheetwatch.ledger import reviews
from sheetwatch.ledger.browse import row_detail
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.showing import show_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Limits
    from sheetwatch.ledger.browse import RowDetail, ScanFile
    from sheetwatch.worker.showing import ShownSheet

pages = Blueprint("pictures", __name__)


@pages.get(f"/review/<{ID}>/sheet.jpg")
def review_sheet(number: int) -> Response:
    """The sheet of a page in review, without anything drawn on it."""
    with here().ledger() as ledger, ledger.reading() as tx:
        review = reviews.find_numbered(tx, number)
    if review is None or review.sheet is None:
        abort(404, "There is no picture of this page.")
    return _sent(_work_folder(review.folder) / review.sheet.name, "image/jpeg")


@pages.get(f"/review/<{ID}>/read.png")
def review_picture(number: int) -> Response:
    """The sheet with all that was read, as it lies in the review folder."""
    with here().ledger() as ledger, ledger.reading() as tx:
        review = reviews.find_numbered(tx, number)
    if review is None or review.picture is None:
        abort(404, "There is no picture of this page.")
    return _sent(_work_folder(review.folder) / review.picture, "image/png")


@pages.get(f"/results/<{ID}>/sheet.jpg")
def row_sheet(number: int) -> Response:
    """The sheet of a row, from its scan in the archive or in work, laid onto its form."""
    return Response(_row_sheet(number)[1].jpeg, mimetype="image/jpeg")


@pages.get(f"/results/<{ID}>/boxes")
def row_boxes(number: int) -> Response:
    """Where the fields lie on that picture."""
    detail, shown = _row_sheet(number)
    names = [field.name for field in detail.fields]
    boxes = dict(zip(names, shown.boxes, strict=True)) if len(shown.boxes) == len(names) else {}
    return jsonify(width=shown.width_px, height=shown.height_px, boxes=boxes)


def _row_sheet(number: int) -> tuple[RowDetail, ShownSheet]:
    with here().ledger() as ledger:
        detail = row_detail(ledger, number) or abort(404, "There is no such row.")
    form = here().outlines.file_of(detail.line.template, detail.template_revision)
    try:
        return detail, _shown.sheet(file_of(detail.scan), detail.scan.read_page, form, here().settings.limits)
    except (OSError, WorkerFailure):
        abort(404, "The scan of this sheet is not in the archive any more.")


def file_of(scan: ScanFile) -> Path:
    """Where a scan lies now."""
    archived = here().settings.archive / scan.archived_as if scan.archived_as else None
    return archived or _work_folder(scan.folder) / f"scan{scan.suffix}"


@dataclass(slots=True)
class _Shown:
    """The sheets that were decoded last. One process at a time: a small machine has work to do."""

    _known: OrderedDict[tuple[Path, int, Path | None], ShownSheet] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sheet(self, scan: Path, page: int, form: Path | None, limits: Limits) -> ShownSheet:
        """A page. Raises OSError, WorkerFailure."""
        with self._lock:
            sheet = self._known.pop((scan, page, form), None) or show_sheet(scan, page, form, limits)
            self._known[scan, page, form] = sheet
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return sheet


_KEPT = 8
_shown = _Shown()


def _work_folder(folder: str) -> Path:
    return here().settings.state / "work" / folder


def _sent(path: Path, kind: str) -> Response:
    try:
        return send_file(path, mimetype=kind, conditional=False, etag=False)
    except OSError:
        abort(404, "There is no picture of this page any more.")
