"""One page of a scan as a picture for people, decoded in a process of its own, under a worker's limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.alone import run_alone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Limits

    Grey = npt.NDArray[np.uint8]

_HEIGHT_PX = 2000
_SMALL_HEIGHT_PX = 168
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


def small_pictures(files: Sequence[tuple[Path, int]], limits: Limits) -> list[bytes | None]:
    """Pages of scans, by file and page (0-based), as small JPEGs; None for one that cannot be read or decoded.

    One process for all of them. Raises WorkerFailure where a page ends it.
    """
    return run_alone(_show_small, files, limits, limits=limits, files=len(files))


def _show_small(files: Sequence[tuple[Path, int]], limits: Limits) -> list[bytes | None]:
    """Runs in the process."""
    pictures: list[bytes | None] = []
    for file, page in files:
        try:
            grey = _decode(file, page, limits)
        except (OSError, WorkerFailure):
            pictures.append(None)
        else:
            pictures.append(_jpeg(_shrunk(grey, _SMALL_HEIGHT_PX)))
    return pictures


def _show(file: Path, page: int, template: Path | None, limits: Limits) -> ShownSheet:
    """Runs in the process. Raises WorkerFailure."""
    grey = _decode(file, page, limits)
    picture, boxes = _on_form(grey, template) if template else (grey, ())
    if not boxes:
        picture = _shrunk(picture, _HEIGHT_PX)
    height_px, width_px = picture.shape
    return ShownSheet(jpeg=_jpeg(picture), width_px=width_px, height_px=height_px, boxes=boxes)


def _shrunk(grey: Grey, height_px: int) -> Grey:
    """No higher than this."""
    import cv2  # noqa: PLC0415 - the pages must not load OpenCV

    scale = height_px / grey.shape[0]
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey


def _jpeg(grey: Grey) -> bytes:
    """Raises WorkerFailure."""
    import cv2  # noqa: PLC0415

    written, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not written:
        raise WorkerFailure(ReasonCode.UNREADABLE_FILE, "the page could not be encoded")
    return bytes(data)


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
