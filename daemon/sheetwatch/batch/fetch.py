"""A scan as a file that a worker can open: where it lies, or fetched from where it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.batch.buckets import fetch
from sheetwatch.batch.folders import OF_THE_FILE, found_at
from sheetwatch.batch.sources import check_reach, is_address
from sheetwatch.domain import ReasonCode, ScanError
from sheetwatch.files import make_folder, remove_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.batch import Found, Waiting
    from sheetwatch.batch.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A file to be opened. `is_ours`: it is a copy, to be removed after use. `found`: as it was when it was fetched."""

    path: Path
    is_ours: bool
    found: Found

    @property
    def is_unchanged(self) -> bool:
        """Whether nobody wrote into it meanwhile."""
        return self.is_ours or found_at(str(self.path)).mark == self.found.mark

    def drop(self) -> None:
        """Remove the copy."""
        if self.is_ours:
            self.path.unlink(missing_ok=True)


class Fetcher:
    """Fetches scans; by several threads at once. `folder`: for the copies, emptied at the start."""

    def __init__(self, sources: Sequence[Source], folder: Path, limit_mb: float) -> None:
        self._sources = sources
        self._folder = folder
        self._limit_mb = limit_mb
        remove_folder(folder)
        make_folder(folder)

    def fetch(self, scan: Waiting) -> Fetched:
        """The scan as a file. Raises ScanError for what is the scan's own fault, OSError and EnvironmentFault."""
        if not is_address(scan.found.address):
            return self._local(scan.found)
        if scan.found.problem:
            raise ScanError(ReasonCode.UNREADABLE_FILE, scan.found.problem)
        place = self._folder / str(scan.number)
        try:
            fetch(scan.found, place, self._limit_mb)
        except BaseException as error:
            place.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self.whose(error, scan.found.address) from error
            raise
        return Fetched(path=place, is_ours=True, found=scan.found)

    def whose(self, error: OSError, address: str) -> Exception:
        """The error to raise: ScanError where the scan alone is at fault, else the error, or what keeps us from it."""
        is_gone = isinstance(error, FileNotFoundError | PermissionError)
        if not is_gone and error.errno not in OF_THE_FILE:
            return error
        try:
            check_reach(address, self._sources)
        except Exception as fault:  # noqa: BLE001 - told by who asked
            return fault
        return ScanError(ReasonCode.UNREADABLE_FILE, f"the file cannot be opened: {error.strerror or error}")

    def _local(self, listed: Found) -> Fetched:
        """Looked at once more: it may have been written since it was listed."""
        found = found_at(listed.address)
        if found.problem:
            check_reach(listed.address, self._sources)
            raise ScanError(ReasonCode.UNREADABLE_FILE, listed.problem or found.problem)
        return Fetched(path=Path(listed.address), is_ours=False, found=found)
