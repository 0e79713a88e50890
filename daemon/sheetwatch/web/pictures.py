"""The pictures of sheets: files that a worker wrote, found by number in the ledger, never by a name in a request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, send_file

from sheetwatch.ledger import reviews
from sheetwatch.ledger.browse import row_detail
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.showing import page_as_jpeg

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Limits

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
    """The sheet of a row: as a worker drew it while it lies in work, else the page of the scan in the archive."""
    with here().ledger() as ledger:
        detail = row_detail(ledger, number)
    if detail is None:
        abort(404, "There is no such row.")
    work = _work_folder(detail.folder)
    if detail.sheet is not None and (work / detail.sheet.name).is_file():
        return _sent(work / detail.sheet.name, "image/jpeg")
    archived = here().settings.archive / detail.archived_as if detail.archived_as else None
    scan = archived or work / f"scan{detail.suffix}"
    try:
        data = _shown.picture(scan, detail.read_page, here().settings.limits)
    except (OSError, WorkerFailure):
        abort(404, "The scan of this sheet is not in the archive any more.")
    return Response(data, mimetype="image/jpeg")


@dataclass(slots=True)
class _Shown:
    """The pictures that were decoded last. One process at a time: a small machine has work to do."""

    _known: OrderedDict[tuple[Path, int], bytes] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def picture(self, scan: Path, page: int, limits: Limits) -> bytes:
        """A page as JPEG. Raises OSError, WorkerFailure."""
        with self._lock:
            data = self._known.pop((scan, page), None)
            if data is None:
                data = page_as_jpeg(scan, page, limits)
            self._known[scan, page] = data
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
            return data


_KEPT = 8
_shown = _Shown()


def _work_folder(folder: str) -> Path:
    return here().settings.state / "work" / folder


def _sent(path: Path, kind: str) -> Response:
    try:
        return send_file(path, mimetype=kind, conditional=False, etag=False)
    except OSError:
        abort(404, "There is no picture of this page any more.")
