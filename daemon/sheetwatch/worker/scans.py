"""A scan's bytes, read whole and within the limits; and what it is."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from sheetwatch.domain import Limits, Reason, ReasonCode, ScanError
from sheetwatch.vision.decode import open_scan
from sheetwatch.worker import Probe

if TYPE_CHECKING:
    from pathlib import Path

_MB = 1_000_000


def probe_scan(path: Path, limits: Limits) -> Probe:
    """Open a scan and look at its structure. Raises OSError when the file itself cannot be read."""
    sha256 = None
    try:
        data = bytes_of(path, limits)
        sha256 = hashlib.sha256(data).hexdigest()
        with open_scan(data, limits) as scan:
            return Probe(page_count=scan.page_count, sha256=sha256)
    except ScanError as error:
        return Probe(page_count=1, sha256=sha256, problem=Reason(code=error.code, detail=error.detail))


def bytes_of(path: Path, limits: Limits) -> bytes:
    """The whole file. Raises ScanError when it is larger than allowed, OSError when the disk or share fails."""
    size_bytes = path.stat().st_size
    if size_bytes > limits.file_mb * _MB:
        raise ScanError(
            ReasonCode.TOO_LARGE, f"{size_bytes / _MB:.1f} MB, allowed are {limits.file_mb:g} (limits.file_mb)"
        )
    with path.open("rb") as file:
        if size_bytes and os.lseek(file.fileno(), 0, os.SEEK_HOLE) < size_bytes:
            raise ScanError(ReasonCode.INCOMPLETE_FILE, "parts of the file were never written")
        file.seek(0)
        return file.read()
