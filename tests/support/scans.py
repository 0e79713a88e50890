"""Workers that open scans with the real decoder, and scans that grow page by page as scanners write them.

A scan is a text sheet of `support.office`, or a real file whose every page has one grey: its roll number.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from sheetwatch.domain import PageReading, Reason, ReasonCode, Settings, Verdict
from sheetwatch.vision.decode import open_scan
from sheetwatch.worker import PageOutcome, PageTask, Probe
from sheetwatch.worker.desk import Desk
from support.office import TextWorker, later, row, sheet
from support.scripted import ScriptedReader

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

_SIGN = b"SHEETS\n"


class ScanWorker(TextWorker):
    """Probes every scan as the real workers do, holes and missing ends included; reads text, and pages of one grey."""

    def __init__(self) -> None:
        super().__init__()
        self._desk = Desk(settings=Settings(), templates=(), reader=ScriptedReader([]))

    def probe(self, path: Path) -> Future[Probe]:
        return later(lambda: self._probe_file(path))

    def _probe_file(self, path: Path) -> Probe:
        probe = self._desk.probe(path)
        if probe.problem is None or probe.problem.code is not ReasonCode.UNREADABLE_FILE:
            return probe
        data = path.read_bytes()
        if len(data) < len(_SIGN) and _SIGN.startswith(data):
            cut = Reason(code=ReasonCode.INCOMPLETE_FILE, detail="no sheets yet")
            return Probe(page_count=1, sha256=None, problem=cut)
        return self._probe(data)

    def _read(self, task: PageTask) -> PageOutcome:
        data = task.scan_file.read_bytes()
        if data.startswith(_SIGN):
            return super()._read(task)
        with open_scan(data) as scan:
            grey = scan.page(task.page).grey
        if scan.page_count != task.page_count or grey.min() != grey.max():
            reading = PageReading(verdict=Verdict.review(ReasonCode.INCOMPLETE_FILE, "half a page"))
            return PageOutcome(reading=reading, drawn=True)
        values = dict(item.split("=") for item in row(int(grey[0, 0])).split()[1:])
        return PageOutcome(reading=self._reading("row", values), template=self.template)


@dataclass(frozen=True)
class Growing:
    """A scan in stages; each is a valid file with a page more than the one before."""

    stages: tuple[bytes, ...]
    rolls: tuple[int, ...]

    def patches(self, stage: int) -> list[tuple[int, bytes]]:
        """What a scanner writes to get from one stage to the next: (offset, bytes), the new page before its link."""
        new, old = self.stages[stage], self.stages[stage - 1] if stage else b""
        changed = [place for place, byte in enumerate(old) if byte != new[place]]
        link = [(changed[0], new[changed[0] : changed[-1] + 1])] if changed else []
        return [(len(old), new[len(old) :]), *link]


def growing_text(rolls: tuple[int, ...]) -> Growing:
    """A text sheet: the line END is overwritten by the next page and written again."""
    return Growing(tuple(sheet(*map(row, rolls[: count + 1])) for count in range(len(rolls))), rolls)


def growing_tiff(rolls: tuple[int, ...]) -> Growing:
    """A multi-page TIFF, uncompressed: each page is appended, then the page before is made to point to it."""
    pages = [Image.new("L", (240, 320), roll) for roll in rolls]
    return Growing(tuple(_tiff(pages[: count + 1]) for count in range(len(pages))), rolls)


def _tiff(pages: list[Image.Image]) -> bytes:
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()
