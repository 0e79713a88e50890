"""One page of a scan as a picture for people, decoded in a process of its own, under a worker's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.alone import run_alone

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Limits

    Grey = npt.NDArray[np.uint8]

_HEIGHT_PX = 2000
_JPEG_QUALITY = 85
_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSheet:
    """A sheet as JPEG. `boxes`: left, top, right and bottom of each field in its pixels; none where no form fits."""

    jpeg: bytes
    width_px: int
    height_px: int
    boxes: tuple[tuple[int, int, int, int], ...] = ()


def show_sheet(file: Path, page: int, template: Path | None, limits: Limits) -> ShownSheet:
    """A page of a scan, laid onto its form where that is known. page: 0-based. Takes seconds: it starts a process.

    Raises WorkerFailure for a scan that cannot be decoded, or ends the process; OSError when it cannot be read.
    """
    return run_alone(_show, file, page, template, limits, limits=limits)


def _show(file: Path, page: int, template: Path | None, limits: Limits) -> ShownSheet:
    """Runs in the process. Raises WorkerFailure."""
    import cv2  # noqa: PLC0415 - the pages must not load OpenCV

    grey = _decode(file, page, limits)
    picture, boxes = _on_form(grey, template) if template else (grey, ())
    scale = 1.0 if boxes else min(1.0, _HEIGHT_PX / picture.shape[0])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    written, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not written:
        raise WorkerFailure(ReasonCode.UNREADABLE_FILE, "the page could not be encoded")
    height_px, width_px = picture.shape
    return ShownSheet(jpeg=bytes(data), width_px=width_px, height_px=height_px, boxes=boxes)


def _on_form(grey: Grey, template: Path) -> tuple[Grey, tuple[tuple[int, int, int, int], ...]]:
    """The page warped onto the form, and where its fields lie; as it is where it does not fit any more."""
    from sheetwatch.domain import ConfigError, PageReading, Verdict  # noqa: PLC0415
    from sheetwatch.overlay import bare_sheet  # noqa: PLC0415
    from sheetwatch.templates import load_template  # noqa: PLC0415
    from sheetwatch.vision.align import Misfit, align  # noqa: PLC0415

    try:
        form, alignment = align(grey, [load_template(template)])
    except (Misfit, ConfigError):
        return grey, ()
    bare = bare_sheet(grey, form, PageReading(verdict=Verdict(), alignment=alignment))
    return bare.picture, bare.boxes


def _decode(file: Path, page: int, limits: Limits) -> Grey:
    from sheetwatch.domain import ScanError  # noqa: PLC0415
    from sheetwatch.vision.decode import open_scan  # noqa: PLC0415

    if file.stat().st_size > limits.file_mb * _MB:
        raise WorkerFailure(ReasonCode.TOO_LARGE, "the file is larger than limits.file_mb")
    try:
        with open_scan(file.read_bytes(), limits) as scan:
            return scan.page(page).grey
    except ScanError as error:
        raise WorkerFailure(error.code, error.detail) from error
