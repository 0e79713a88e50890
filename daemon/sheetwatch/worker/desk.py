"""The desk of a worker: templates, model, and the reading of one page after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from sheetwatch.domain import PageReading, ReasonCode, ScanError, Settings, Template, Verdict
from sheetwatch.files import write_atomically
from sheetwatch.overlay import draw_overlay
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
        picture, image = self._write_pictures(task, grey, reading) if drawn and grey is not None else (None, None)
        return PageOutcome(
            reading=reading,
            template=self._form(reading),
            picture=picture,
            image=image,
            drawn=drawn,
            elapsed_ms=elapsed_ms,
        )

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

    def _write_pictures(self, task: PageTask, grey: Picture, reading: PageReading) -> tuple[str, str | None]:
        """The picture, and the page alone when its scan has others; durable, because the ledger will name them."""
        template = next((one for one in self.templates if one.name == reading.template), None)
        picture = f"page-{task.page:04d}.review.png"
        _write_png(task.scan_file.with_name(picture), draw_overlay(grey, template, reading))
        if task.page_count == 1:
            return picture, None
        image = f"page-{task.page:04d}.png"
        _write_png(task.scan_file.with_name(image), grey)
        return picture, image


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
    written, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not written:
        raise MemoryError(f"{path.name} could not be encoded")
    write_atomically(path, data.tobytes())
