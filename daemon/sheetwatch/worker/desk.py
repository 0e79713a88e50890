"""The desk of a worker: templates, model, and the reading of one page after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from sheetwatch.domain import PageReading, ReasonCode, ScanError, Settings, SheetPicture, Template, Verdict
from sheetwatch.overlay import bare_sheet, draw_overlay
from sheetwatch.pipeline import CellReader, read_scan_page
from sheetwatch.reader import load_reader
from sheetwatch.templates import load_templates
from sheetwatch.vision.decode import Scan, open_scan
from sheetwatch.worker import PageOutcome, PageTask, Probe, is_dropped
from sheetwatch.worker.badge import badge_of
from sheetwatch.worker.examined import Examined
from sheetwatch.worker.kit import Badge, Kit, Packed
from sheetwatch.worker.scans import probe_scan
from sheetwatch.worker.whole import bytes_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Desk:
    """Everything that reading a page needs, loaded once."""

    settings: Settings
    templates: tuple[Template, ...]
    reader: CellReader

    @classmethod
    def set_up(cls, settings: Settings) -> Self:
        """Load it. Raises ConfigError."""
        cv2.setNumThreads(1)
        return cls(settings=settings, templates=load_templates(settings.templates), reader=load_reader(settings.model))

    @classmethod
    def unpack(cls, packed: Packed, settings: Settings) -> Self:
        """Load it with the templates of another machine. Raises ConfigError."""
        cv2.setNumThreads(1)
        return cls(settings=settings, templates=packed.templates(), reader=load_reader(settings.model))

    @property
    def loaded(self) -> tuple[str, ...]:
        """What was loaded, down to its revision: every page of one daemon is read with the same."""
        templates = (f"template {template.name} {template.revision}" for template in self.templates)
        return (*sorted(templates), f"model {self.reader.model_id}")

    def pack(self) -> tuple[Badge, Kit]:
        """Who may read these pages elsewhere, and with what."""
        return badge_of(self.settings.model), Kit.of(self.settings, self.templates)

    def probe(self, path: Path) -> Probe:
        """Open a scan. Raises OSError when the file itself cannot be read."""
        return probe_scan(path, self.settings.limits)

    def read(self, task: PageTask) -> PageOutcome:
        """Read one page. Raises OSError when the scan cannot be read or a picture not be written."""
        return self.examine(task).put_beside(task.scan_file)

    def examine(self, task: PageTask) -> Examined:
        """As `read`, but nothing is written. Raises OSError when the scan cannot be read."""
        started_s = time.perf_counter()
        grey, reading = self._look(task)
        elapsed_ms = (time.perf_counter() - started_s) * 1000
        drawn = self._wants_pictures(task, reading)
        outcome = PageOutcome(reading=reading, template=self._form(reading), drawn=drawn, elapsed_ms=elapsed_ms)
        return self._with_pictures(outcome, task, grey) if drawn and grey is not None else Examined(outcome=outcome)

    def _wants_pictures(self, task: PageTask, reading: PageReading) -> bool:
        asks = task.draw or not (reading.verdict.accepted or is_dropped(reading.verdict, self.settings.pages))
        return asks and task.pictures

    def _look(self, task: PageTask) -> tuple[Picture | None, PageReading]:
        """What a page says, and the page where pictures of it are wanted: every pixel of it, unlike for the reading."""
        data = bytes_of(task.scan_file, self.settings.limits)
        try:
            with open_scan(data, self.settings.limits) as scan:
                _check_count(scan, task)
                reading = read_scan_page(scan, task.page, self.templates, self.reader, self.settings.accept)
                return (_whole(scan, task.page) if self._wants_pictures(task, reading) else None), reading
        except ScanError as error:
            return None, PageReading(verdict=Verdict.review(error.code, error.detail))

    def _form(self, reading: PageReading) -> Template | None:
        """The template of a reading, light enough for the pipe."""
        for template in self.templates:
            if template.name == reading.template:
                fields = tuple(replace(field, roster=None) for field in template.fields)
                return replace(template, reference=np.zeros((0, 0), np.uint8), fields=fields)
        return None

    def _with_pictures(self, outcome: PageOutcome, task: PageTask, grey: Picture) -> Examined:
        """Draw the pictures, and add the page alone when its scan has others."""
        reading = outcome.reading
        template = next((one for one in self.templates if one.name == reading.template), None)
        stem = f"page-{task.page:04d}"
        picture, image, sheet = f"{stem}.review.png", f"{stem}.png", f"{stem}.sheet.jpg"
        bare = bare_sheet(grey, template, reading)
        files = {picture: _png(draw_overlay(grey, template, reading)), sheet: _jpeg(bare.picture)}
        height_px, width_px = bare.picture.shape
        outcome = replace(
            outcome,
            picture=picture,
            sheet=SheetPicture(name=sheet, width_px=width_px, height_px=height_px, boxes=bare.boxes),
        )
        if task.page_count == 1:
            return Examined(outcome=outcome, files=files)
        return Examined(outcome=replace(outcome, image=image), files={**files, image: _png(grey)})


def _whole(scan: Scan, index: int) -> Picture | None:
    """A page; None when it cannot be decoded."""
    try:
        return scan.page(index).grey
    except ScanError:
        return None


def _check_count(scan: Scan, task: PageTask) -> None:
    """Raise ScanError for a scan that somebody went on writing after its pages were counted."""
    if scan.page_count != task.page_count:
        raise ScanError(
            ReasonCode.INCOMPLETE_FILE,
            f"its pages were counted as {task.page_count}, and are {scan.page_count} now; put the whole scan into the "
            "inbox again",
        )


def _png(picture: Picture) -> bytes:
    return _bytes(*cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3]))


def _jpeg(picture: Picture) -> bytes:
    return _bytes(*cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]))


def _bytes(written: bool, data: Picture) -> bytes:  # noqa: FBT001 - as OpenCV's encoder returns them
    if not written:
        raise MemoryError("a picture could not be encoded")
    return data.tobytes()
