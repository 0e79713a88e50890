"""The pictures of sheets: files that a worker wrote, found by number in the ledger, never by a name in a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, send_file

from sheetwatch.ledger import reviews
from sheetwatch.ledger.browse import row_detail
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response

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
    """The sheet of a row, as long as it lies in work."""
    with here().ledger() as ledger:
        detail = row_detail(ledger, number)
    if detail is None or detail.sheet is None:
        abort(404, "There is no picture of this sheet.")
    return _sent(_work_folder(detail.folder) / detail.sheet.name, "image/jpeg")


def _work_folder(folder: str) -> Path:
    return here().settings.state / "work" / folder


def _sent(path: Path, kind: str) -> Response:
    try:
        return send_file(path, mimetype=kind, conditional=False, etag=False)
    except OSError:
        abort(404, "There is no picture of this page any more.")
