"""What a page costs beyond its reading, at home and on a cluster: CPU time of each process that has to do with it.

    python tests/bench/cluster.py [--pages N] [--kilobytes N]

Has one blank page (a TIFF as large as a 300-dpi A4 JPEG, which is looked at in a few milliseconds) read again and again
by a local worker process, and then by one worker of a Dask cluster on this machine. What scheduler and worker take of a
core while nothing happens is measured before, printed apart and subtracted.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from PIL import Image

from sheetwatch.domain import Settings
from sheetwatch.shipped import shipped_folder
from sheetwatch.worker import PageTask
from sheetwatch.worker.choice import workers_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sheetwatch.worker import PageOutcome, PageWorker

_WATCHED_S = 10.0
_WARM_PAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A process, and the share of a core that it takes while nothing happens."""

    name: str
    process: psutil.Process
    idle_share: float = 0.0


def watched_idle(processes: dict[str, psutil.Process]) -> list[Watched]:
    """The processes, watched for a while."""
    before, start_s = {name: _cpu_s(process) for name, process in processes.items()}, time.monotonic()
    threading.Event().wait(_WATCHED_S)
    took_s = time.monotonic() - start_s
    return [
        Watched(name=name, process=process, idle_share=(_cpu_s(process) - before[name]) / took_s)
        for name, process in processes.items()
    ]


def per_page_ms(worker: PageWorker, task: PageTask, pages: int, processes: list[Watched]) -> dict[str, float]:
    """CPU time in milliseconds of each process for each page."""
    _read(worker, task, _WARM_PAGES)
    before, began_s = [_cpu_s(one.process) for one in processes], time.monotonic()
    _read(worker, task, pages)
    took_s = time.monotonic() - began_s
    spent_s = (_cpu_s(one.process) - cpu_s for one, cpu_s in zip(processes, before, strict=True))
    return {
        one.name: 1000 * (cpu_s - took_s * one.idle_share) / pages
        for one, cpu_s in zip(processes, spent_s, strict=True)
    }


def _read(worker: PageWorker, task: PageTask, pages: int) -> None:
    """Read a page so many times, with as many on their way as the daemon would have."""
    away: deque[Future[PageOutcome]] = deque()
    for _ in range(pages):
        if len(away) > worker.count:
            away.popleft().result(600)
        away.append(worker.read(task))
    while away:
        away.popleft().result(600)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def blank(size_bytes: int) -> bytes:
    """A blank page as TIFF, not compressed."""
    data = io.BytesIO()
    Image.new("L", (1000, size_bytes // 1000), 255).save(data, format="TIFF")
    return data.getvalue()


def main(arguments: list[str] | None = None) -> dict[str, dict[str, float]]:
    """Print and return milliseconds per page."""
    from support.cluster import cluster  # noqa: PLC0415 - tests/ is on the path only now

    parser = argparse.ArgumentParser(description="CPU time per page beyond its reading, at home and on a cluster.")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--kilobytes", type=int, default=1200)
    options = parser.parse_args(arguments)
    plain = Settings(workers=1, templates=(shipped_folder("config") / "templates",))
    here = psutil.Process()
    figures = {}
    with tempfile.TemporaryDirectory() as name, cluster(Path(name) / "cluster", workers=1) as (made, (reader,)):
        scan = Path(name) / "blank.tif"
        scan.write_bytes(blank(1000 * options.kilobytes))
        task = PageTask(scan_file=scan, page=0, page_count=1)
        away = watched_idle({"scheduler": psutil.Process(made.scheduler.pid), "worker": psutil.Process(reader.pid)})
        shares = ", ".join(f"{one.name} {100 * one.idle_share:.1f} %" for one in away)
        print(f"waiting: {shares} of a core")
        ways = [("local", plain, []), ("cluster", replace(plain, workers=made.workers_setting), away)]
        for what, settings, processes in ways:
            worker = workers_of(settings)
            try:
                worker.start()
                daemon = Watched(name="daemon", process=here)
                figures[what] = per_page_ms(worker, task, options.pages, [daemon, *processes])
            finally:
                worker.stop()
            parts = ", ".join(f"{part} {value:.1f}" for part, value in figures[what].items())
            print(f"{what:<8} {parts} ms of CPU time for a page of {options.kilobytes} kB")
    return figures


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
