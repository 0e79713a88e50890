"""The real daemon process, which stops after some sheets and tells what they cost it: paced_daemon.py CONFIG SHEETS.

Its workers are processes of the real pool, and read as `support.paced_tasks` does; with --real they read scans. A first
tenth of the sheets is not counted: what is loaded once is loaded then. The last line on stdout is a `Cost` as JSON.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.service.daemon import run_daemon
from sheetwatch.settings import load_settings
from sheetwatch.worker import pool, tasks
from support import paced_tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageOutcome, PageTask

_BEGAN_S = time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one sheet, in milliseconds: the daemon process's own work, and the time that it took until the next one.

    `ready_s`: from the start of the program, imports left out, until everything is loaded. `rss_mib`: at the end.
    """

    sheets: int
    user_ms: float
    system_ms: float
    wall_ms: float
    ready_s: float
    rss_mib: float

    @property
    def cpu_ms(self) -> float:
        return self.user_ms + self.system_ms


class CountingPool(pool.WorkerPool):
    """Looks at the clocks as pages are handed over, and ends the daemon after so many."""

    def __init__(self, settings: Settings, sheets: int, initialise: Callable[[Settings, int], None]) -> None:
        super().__init__(settings, initialise)
        self._sheets = sheets
        self._given = 0
        self.ready_s = 0.0
        self.looks: list[tuple[int, float, float, float]] = []

    def start(self) -> None:
        super().start()
        self.ready_s = time.monotonic() - _BEGAN_S

    def read(self, task: PageTask) -> Future[PageOutcome]:
        self._given += 1
        if self._given in {self._sheets // 10 + 1, self._sheets}:
            used = resource.getrusage(resource.RUSAGE_SELF)
            self.looks.append((self._given, time.monotonic(), used.ru_utime, used.ru_stime))
        if self._given == self._sheets:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().read(task)

    def cost(self) -> Cost:
        (first, *began), (last, *ended) = self.looks
        wall_s, user_s, system_s = (after - before for before, after in zip(began, ended, strict=True))
        each = 1000 / (last - first)
        return Cost(
            sheets=last - first,
            user_ms=user_s * each,
            system_ms=system_s * each,
            wall_ms=wall_s * each,
            ready_s=self.ready_s,
            rss_mib=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20,
        )


def main() -> None:
    settings, sheets = load_settings(Path(sys.argv[1])), int(sys.argv[2])
    if "--real" in sys.argv:
        workers = CountingPool(settings, sheets, tasks.initialise)
    else:
        pool.__dict__["tasks"] = paced_tasks
        workers = CountingPool(settings, sheets, paced_tasks.initialise)
    run_daemon(settings, workers)
    print(msgspec.json.encode(workers.cost()).decode())


if __name__ == "__main__":
    main()
