"""A scan's bytes, read whole and within the limits. Loads no decoder: the daemon reads them, too, to send them away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sheetwatch.domain import Limits, ReasonCode, ScanError

if TYPE_CHECKING:
    from pathlib import Path

_MB = 1_000_000


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
