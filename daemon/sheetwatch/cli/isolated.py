"""Read files in the daemon's worker processes: a file that crashes, hangs or fills one costs its own page only."""

from __future__ import annotations

import dataclasses
import shutil
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sheetwatch.cli.reports import PageReport
from sheetwatch.domain import PageReading, Reason, ReasonCode, Settings, Verdict
from sheetwatch.names import safe_stem
from sheetwatch.worker import PageOutcome, PageTask, WorkerFailure
from sheetwatch.worker.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType


class IsolatedReader:
    """Reads files one after the other; a context manager. `overlay`: the folder for pictures, if any are wanted."""

    def __init__(self, settings: Settings, overlay: Path | None) -> None:
        self._pool = WorkerPool(dataclasses.replace(settings, workers=1))
        self._overlay = overlay

    def read(self, files: Sequence[Path]) -> Iterator[PageReport]:
        """One report per page, in order; one for a whole file that cannot be read.

        Raises SheetwatchError when templates, model or the overlay folder are at fault.
        """
        self._pool.start()
        for file, stem in zip(files, _stems(files), strict=True):
            yield from self._read_file(file, stem)

    def _read_file(self, file: Path, stem: str) -> Iterator[PageReport]:
        began_s = time.perf_counter()
        problem = no_regular_file(file)
        page_count = 1
        if problem is None:
            try:
                probe = self._pool.probe(file.absolute()).result()
            except WorkerFailure as failure:
                problem = failure.reason
            except OSError as error:
                problem = unreadable(error)
            else:
                page_count, problem = probe.page_count, probe.problem
        if problem is not None:
            elapsed_ms = (time.perf_counter() - began_s) * 1000
            yield _failure(file, 0, page_count, problem, elapsed_ms=elapsed_ms)
            return
        for page in range(page_count):
            yield self._read_page(file, page, page_count, stem)

    def _read_page(self, file: Path, page: int, page_count: int, stem: str) -> PageReport:
        began_s = time.perf_counter()
        try:
            outcome = self._outcome(file.absolute(), page, page_count, stem)
        except WorkerFailure as failure:
            elapsed_ms = (time.perf_counter() - began_s) * 1000
            return _failure(file, page, page_count, failure.reason, elapsed_ms=elapsed_ms)
        return PageReport(
            source=str(file),
            page=page,
            page_count=page_count,
            reading=outcome.reading,
            elapsed_ms=outcome.elapsed_ms,
            was_read=not _DECODE_FAULTS & {reason.code for reason in outcome.reading.verdict.reasons},
        )

    def _outcome(self, file: Path, page: int, page_count: int, stem: str) -> PageOutcome:
        """Have one page read. The worker draws beside its scan, so it is given a link in a folder of its own."""
        if self._overlay is None:
            return self._pool.read(PageTask(scan_file=file, page=page, page_count=page_count, pictures=False)).result()
        with tempfile.TemporaryDirectory(prefix="sheetwatch-read-") as folder:
            link = Path(folder) / "scan"
            link.symlink_to(file)
            outcome = self._pool.read(PageTask(scan_file=link, page=page, page_count=page_count, draw=True)).result()
            if outcome.picture is not None:
                shutil.copyfile(Path(folder) / outcome.picture, self._overlay / f"{stem}-p{page + 1}.overlay.png")
        return outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.stop()


_DECODE_FAULTS = {
    ReasonCode.UNREADABLE_FILE,
    ReasonCode.INCOMPLETE_FILE,
    ReasonCode.TOO_LARGE,
    ReasonCode.ENCRYPTED,
}


def _stems(files: Sequence[Path]) -> Iterator[str]:
    """A name for each file's pictures; files of one stem do not overwrite each other's."""
    seen: dict[str, int] = {}
    for file in files:
        stem = safe_stem(file.name)
        seen[stem] = seen.get(stem, 0) + 1
        yield stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"


def no_regular_file(file: Path) -> Reason | None:
    """Why a path is nothing to read; opening a pipe would wait for ever."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        return unreadable(error)
    if stat.S_ISREG(mode):
        return None
    detail = "this is a folder; name the files in it" if stat.S_ISDIR(mode) else "this is no regular file"
    return Reason(code=ReasonCode.UNREADABLE_FILE, detail=detail)


def unreadable(error: OSError | ValueError) -> Reason:
    """What the system said against a file."""
    detail = f"the file cannot be opened: {getattr(error, 'strerror', None) or error}"
    return Reason(code=ReasonCode.UNREADABLE_FILE, detail=detail)


def _failure(file: Path, page: int, page_count: int, reason: Reason, *, elapsed_ms: float) -> PageReport:
    """The report on a page, or on a whole file, that could not be read at all."""
    return PageReport(
        source=str(file),
        page=page,
        page_count=page_count,
        reading=PageReading(verdict=Verdict(reasons=(reason,))),
        elapsed_ms=elapsed_ms,
        was_read=False,
    )
