"""Small pictures of the last sheets, as they came from the scanner."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from sheetwatch.ledger.browse import scan_files
from sheetwatch.web.pictures import file_of
from sheetwatch.web.place import here
from sheetwatch.web.queue import ID
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.showing import small_pictures

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Limits

pages = Blueprint("thumbnails", __name__)
LAST = 12
_KEPT = 100
_NONE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 30 42"><path d="M1 1h28v40H1z M8 16l14 12 M22 16L8 28"'
    b' fill="none" stroke="#8a8f98"/></svg>'
)


@pages.get(f"/sheets/<{ID}>/small.jpg")
def show(number: int) -> Response:
    """One of the last sheets; a crossed-out sheet for one that cannot be shown."""
    jpeg = _small.of(number)
    return Response(jpeg, mimetype="image/jpeg") if jpeg else Response(_NONE, mimetype="image/svg+xml")


@dataclass(slots=True)
class _Small:
    """All of the last sheets are decoded by one process, and each once: starting one takes longer than a sheet."""

    _known: OrderedDict[tuple[Path, int], bytes | None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, number: int) -> bytes | None:
        """The picture of a page; None for one that is not among the last, or cannot be shown."""
        ledger_path, limits = here().ledger_path, here().settings.limits
        with self._lock:
            if (ledger_path, number) not in self._known:
                with here().ledger() as ledger:
                    files = {page: (file_of(scan), scan.read_page) for page, scan in scan_files(ledger, LAST).items()}
                missing = {page: file for page, file in files.items() if (ledger_path, page) not in self._known}
                for page, jpeg in zip(missing, _decoded(list(missing.values()), limits), strict=True):
                    self._known[ledger_path, page] = jpeg
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return self._known.get((ledger_path, number))


def _decoded(files: list[tuple[Path, int]], limits: Limits) -> list[bytes | None]:
    """One that ends the process spoils no other."""
    try:
        return small_pictures(files, limits) if files else []
    except WorkerFailure:
        return [None] if len(files) == 1 else [jpeg for file in files for jpeg in _decoded([file], limits)]


_small = _Small()
