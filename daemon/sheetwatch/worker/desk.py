"""The desk of a worker: templates, model, and the reading of one page after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from sheetwatch.domain import PageReading, ReasonCode, ScanError, Settings, SheetPicture, Template, Verdict
from sheetwatch.files import write_atomically
from sheetwatch.overlay import bare_sheet, draw_overlay
from sheetwatch.pipeline import CellReader, read_page
from sheetwatch.reader import load_reader
from sheetwatch.templates import load_templates
from sheetwatch.vision.decode import Scan, open_scan
from sheetwatch.worker import PageOutcome, PageTask, Probe, is_dropped
from sheetwatch.worker.scans import bytes_of, probe_scan

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

    @property
    def loaded(self) -> tuple[str, ...]:
        """What was loaded, down to its revision: every page of one daemon is read with the same."""
        templates = (f"template {template.name} {template.revision}" for template in self.templates)
        return (*sorted(templates), f"model {self.reader.model_id}")

    def probe(self, path: Path) -> Probe:
        """Open a scan. Raises OSError when the file itself cannot be read."""
        return probe_scan(path, self.settings.limits)

    def read(self, task: PageTask) -> PageOutcome:
        """Read one page. Raises OSError when the scan cannot be read or a picture not be written."""
        started_s = time.perf_counter()
        grey, reading = self._look(task)
        elapsed_ms = (time.perf_counter() - started_s) * 1000
        asks = task.draw or not (reading.verdict.accepted or is_dropped(reading.verdict, self.settings.pages))
        drawn = asks and task.pictures
        outcome = PageOutcome(reading=reading, template=self._form(reading), drawn=drawn, elapsed_ms=elapsed_ms)
        return self._with_pictures(outcome, task, grey) if drawn and grey is not None else outcome

    def _look(self, task: PageTask) -> tuple[Picture | None, PageReading]:
        """The page and what it says; without the page when it cannot be decoded."""
        data = bytes_of(task.scan_file, self.settings.limits)
        try:
            with open_scan(data, self.settings.limits) as scan:
                grey = _grey(scan, task)
            return grey, read_page(grey, self.templates, self.reader, self.settings.accept)
        except ScanError as error:
            return None, PageReading(verdict=Verdict.review(error.code, error.detail))

    def _form(self, reading: PageReading) -> Template | None:
        """The template of a reading, light enough for the pipe."""
        for template in self.templates:
            if template.name == reading.template:
                fields = tuple(replace(field, roster=None) for field in template.fields)
                return replace(template, reference=np.zeros((0, 0), np.uint8), fields=fields)
        return None

    def _with_pictures(self, outcome: PageOutcome, task: PageTask, grey: Picture) -> PageOutcome:
        """Write the pictures, and the page alone when its scan has others; durable: the ledger will name them."""
        reading = outcome.reading
        template = next((one for one in self.templates if one.name == reading.template), None)
        stem = f"page-{task.page:04d}"
        picture, image, sheet = f"{stem}.review.png", f"{stem}.png", f"{stem}.sheet.jpg"
        _write_png(task.scan_file.with_name(picture), draw_overlay(grey, template, reading))
        bare = bare_sheet(grey, template, reading)
        _write_jpeg(task.scan_file.with_name(sheet), bare.picture)
        height_px, width_px = bare.picture.shape
        outcome = replace(
            outcome,
            picture=picture,
            sheet=SheetPicture(name=sheet, width_px=width_px, height_px=height_px, boxes=bare.boxes),
        )
        if task.page_count == 1:
            return outcome
        _write_png(task.scan_file.with_name(image), grey)
        return replace(outcome, image=image)


def _grey(scan: Scan, task: PageTask) -> Picture:
    """The page. Raises ScanError for a scan that somebody went on writing after its pages were counted."""
    if scan.page_count != task.page_count:
        raise ScanError(
            ReasonCode.INCOMPLETE_FILE,
            f"its pages were counted as {task.page_count}, and are {scan.page_count} now; put the whole scan into the "
            "inbox again",
        )
    return scan.page(task.page).grey


def _write_png(path: Path, picture: Picture) -> None:
    _write(path, *cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3]))


def _write_jpeg(path: Path, picture: Picture) -> None:
    _write(path, *cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]))


def _write(path: Path, written: bool, data: Picture) -> None:  # noqa: FBT001 - as OpenCV's encoder returns them
    if not written:
        raise MemoryError(f"{path.name} could not be encoded")
    write_atomically(path, data.tobytes())
