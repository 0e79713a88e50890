"""One page of a scan as a picture for people, decoded in a process of its own, under a worker's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.alone import run_alone

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Limits

_HEIGHT_PX = 2000
_JPEG_QUALITY = 85
_MB = 1_000_000


def page_as_jpeg(file: Path, page: int, limits: Limits) -> bytes:
    """A page of a scan, at most 2000 px high, as JPEG. page: 0-based. Takes a second: it starts a process.

    Raises WorkerFailure for a scan that cannot be decoded, or ends the process; OSError when it cannot be read.
    """
    return run_alone(_decode, file, page, limits, limits=limits)


def _decode(file: Path, page: int, limits: Limits) -> bytes:
    """Runs in the process. Raises WorkerFailure."""
    import cv2  # noqa: PLC0415 - the pages must not load OpenCV

    from sheetwatch.domain import ScanError  # noqa: PLC0415
    from sheetwatch.vision.decode import open_scan  # noqa: PLC0415

    if file.stat().st_size > limits.file_mb * _MB:
        raise WorkerFailure(ReasonCode.TOO_LARGE, "the file is larger than limits.file_mb")
    try:
        with open_scan(file.read_bytes(), limits) as scan:
            grey = scan.page(page).grey
    except ScanError as error:
        raise WorkerFailure(error.code, error.detail) from error
    scale = min(1.0, _HEIGHT_PX / grey.shape[0])
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    written, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not written:
        raise WorkerFailure(ReasonCode.UNREADABLE_FILE, "the page could not be encoded")
    return bytes(data)
