"""Workers on other machines: pages are read by a Dask cluster, and come home as values and pictures.

Scans are opened (`probe`) at home, in one child process: that looks at a file's structure and decodes no pixel, takes
milliseconds, and what is no whole scan never travels. The same process loads the daemon's templates and model, so that
their faults are told here, and packs them for the workers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.worker import News, PageOutcome, PageTask, Probe, WorkerFailure, dask_quiet
from sheetwatch.worker.pool import WorkerPool

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from sheetwatch.domain import Settings
    from sheetwatch.worker.kit import Kit
    from sheetwatch.worker.line import Line

_PATIENCE_S = 10.0


class ClusterWorkers:
    """The workers of a Dask cluster. `scheduler`: its address, as Dask writes it."""

    def __init__(self, settings: Settings, scheduler: str) -> None:
        self._scheduler = scheduler
        self._home = WorkerPool(replace(settings, workers=1))
        self._line: Line | None = None
        self._kit: Kit | None = None

    @property
    def count(self) -> int:
        """How many pages are given away at the same time; follows the workers that come and go."""
        return self._line.count if self._line else 0

    def begin(self) -> None:
        """Let model and templates be loaded, and wait for nothing; `start` does."""
        self._home.begin()

    def start(self) -> None:
        """Load model and templates, and join the cluster. A cluster that is away is no error: `check` tells.

        Raises ConfigError, also where the extra is not installed; EnvironmentFault.
        """
        dask_quiet.require()
        self._home.start()
        self._pack()

    def reload(self) -> None:
        """Load model and templates anew; workers get them with the next page.

        Raises ConfigError, EnvironmentFault; all is then as it was.
        """
        self._home.reload()
        self._pack()

    def probe(self, path: Path) -> Future[Probe]:
        """Open a scan and look at its structure."""
        return self._home.probe(path)

    def read(self, task: PageTask) -> Future[PageOutcome]:
        """Read one page. Raises EnvironmentFault while there is nobody to read it."""
        if self._line is None or self._kit is None:
            raise EnvironmentFault("the workers were not started")
        self._line.check()
        return self._line.read(task, self._kit)

    def check(self) -> None:
        """Raise EnvironmentFault while there is nobody who could read a page."""
        if self._line is not None:
            self._line.check()

    def news(self) -> list[News]:
        """What happened in the cluster since it was last asked."""
        return self._line.news() if self._line else []

    def expire(self, *, now_s: float) -> None:
        """Give up scans whose opening never ended; the line has an eye on the pages. now_s: time.monotonic()."""
        self._home.expire(now_s=now_s)

    def stop(self) -> None:
        """Leave the cluster, and end the process here."""
        self._leave()
        self._home.stop()

    def _pack(self) -> None:
        """Know what pages are read with from now on, and by whom: another model asks for other workers."""
        try:
            badge, self._kit = self._home.pack().result()
        except WorkerFailure as failure:
            mend = "raise limits.worker_memory_mb"
            raise EnvironmentFault(
                f"the templates cannot be packed for the cluster: {failure.detail}; {mend}"
            ) from failure
        if self._line is not None and self._line.badge == badge:
            return
        from sheetwatch.worker.line import Line  # noqa: PLC0415 - loads Dask

        self._leave()
        self._line = Line(self._scheduler, badge)
        self._line.wait_for_workers(_PATIENCE_S)

    def _leave(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.stop()
