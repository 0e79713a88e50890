"""What a scan is: how many pages, which content."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sheetwatch.domain import Limits, Reason, ScanError
from sheetwatch.vision.decode import open_scan
from sheetwatch.worker import Probe
from sheetwatch.worker.whole import bytes_of

if TYPE_CHECKING:
    from pathlib import Path


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
