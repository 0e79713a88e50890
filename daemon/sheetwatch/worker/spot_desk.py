"""The desk of a worker that spots numbers on pages of no form: the model, and one page after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import cv2

from sheetwatch.domain import Limits, Reason, ScanError, Settings
from sheetwatch.overlay import as_png
from sheetwatch.reader import load_reader
from sheetwatch.spot_picture import draw_spotted
from sheetwatch.spotting import StringReader, spot
from sheetwatch.vision.decode import open_scan
from sheetwatch.worker import Probe, SpotOutcome, SpotTask
from sheetwatch.worker.scans import probe_scan
from sheetwatch.worker.whole import bytes_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpotDesk:
    """Everything that spotting needs, loaded once."""

    limits: Limits
    reader: StringReader

    @classmethod
    def set_up(cls, settings: Settings) -> Self:
        """Load it. Raises ConfigError."""
        cv2.setNumThreads(1)
        return cls(limits=settings.limits, reader=load_reader(settings.model))

    @property
    def loaded(self) -> tuple[str, ...]:
        """What was loaded."""
        return (f"model {self.reader.model_id}",)

    def probe(self, path: Path) -> Probe:
        """Open a scan. Raises OSError when the file itself cannot be read."""
        return probe_scan(path, self.limits)

    def spot(self, task: SpotTask) -> SpotOutcome:
        """Spot the numbers of one page. Raises OSError when the file cannot be read."""
        try:
            data = bytes_of(task.scan_file, self.limits)
        except ScanError as error:
            return _not_read(error)
        return self.spot_bytes(data, task.page, draw=task.draw)

    def spot_bytes(self, data: bytes, page: int = 0, *, draw: bool = True) -> SpotOutcome:
        """Spot the numbers of one page of a file's bytes."""
        started_s = time.perf_counter()
        try:
            with open_scan(data, self.limits) as scan:
                grey = scan.page(page).grey
        except ScanError as error:
            return _not_read(error)
        spotted = spot(grey, self.reader)
        elapsed_ms = (time.perf_counter() - started_s) * 1000
        picture = as_png(draw_spotted(grey, spotted)) if draw else None
        return SpotOutcome(spotted=spotted, picture=picture, elapsed_ms=elapsed_ms)


def _not_read(error: ScanError) -> SpotOutcome:
    return SpotOutcome(problem=Reason(code=error.code, detail=error.detail))
