"""What the daemon costs while nothing happens: CPU, memory, writes to disk. Figures to keep come from a quiet machine.

Half scans that never become whole are looked at again and again: the hard case. CPU is that of all its processes.
"""

from __future__ import annotations

import io
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from PIL import Image

from bench.clock import Spread
from bench.running import MIB, daemon
from bench.table import Line, Table
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from bench.conditions import Bench

_HALF_SCANS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What an idle stretch cost. `core_share`: of one core."""

    ready_s: float
    core_share: float
    daemon_mib: float
    worker_mib: float
    written_bytes: int
    inbox_files: int


def fill_inbox(folder: Path, files: int) -> None:
    """Pictures that end too early."""
    out = io.BytesIO()
    Image.effect_noise((200, 200), 60).save(out, "JPEG")
    folder.mkdir()
    for number in range(files):
        (folder / f"half-{number:05}.jpg").write_bytes(out.getvalue()[: 3000 + number])


def configured(folder: Path, mode: str) -> Path:
    """The configuration of a daemon that has one worker and says little."""
    config = folder / "sheetwatch.yaml"
    templates = shipped_folder("config") / "templates"
    config.write_text(
        f"version: 1\ntemplates: ['{templates}']\nworkers: 1\nlog: {{level: error}}\n"
        f"watch: {{mode: {mode}, settle_s: 5, incomplete_after_s: 604800}}\n"
    )
    return config


def at_rest(root: psutil.Process, looks: int = 3) -> list[psutil.Process]:
    """Its processes, once it has done what was to be done at the start: hardly any work for several looks in a row."""
    quiet, before_s, before = 0, 0.0, list[psutil.Process]()
    while quiet < looks:
        threading.Event().wait(2)
        processes = [root, *root.children(recursive=True)]  # workers are replaced now and then
        now_s = cpu_s(processes)
        quiet = quiet + 1 if processes == before and now_s - before_s < 0.2 else 0
        before_s, before = now_s, processes
    return before


def cpu_s(processes: list[psutil.Process]) -> float:
    return sum(it.cpu_times().user + it.cpu_times().system for it in processes)


def written(processes: list[psutil.Process]) -> int:
    return sum(it.io_counters().write_bytes for it in processes)


def measure(folder: Path, *, seconds: float, mode: str, files: int) -> Idle:
    """Start it, let it come to rest, and look at it for a while."""
    fill_inbox(folder / "inbox", files)
    with daemon(configured(folder, mode)) as (root, ready_s):
        processes = at_rest(root)
        before_s, before_bytes, began_s = cpu_s(processes), written(processes), time.monotonic()
        threading.Event().wait(seconds)
        took_s = time.monotonic() - began_s
        return Idle(
            ready_s=ready_s,
            core_share=(cpu_s(processes) - before_s) / took_s,
            daemon_mib=root.memory_info().rss / MIB,
            worker_mib=max(it.memory_info().rss for it in processes[1:]) / MIB,
            written_bytes=written(processes) - before_bytes,
            inbox_files=len(list((folder / "inbox").iterdir())),
        )


def idle_tables(bench: Bench) -> list[Table]:
    """Listening with an empty inbox, and looking with half scans in it."""
    return [_table(bench, mode="events", files=0), _table(bench, mode="poll", files=_HALF_SCANS)]


def _table(bench: Bench, *, mode: str, files: int) -> Table:
    with tempfile.TemporaryDirectory() as name:
        idle = measure(Path(name), seconds=bench.idle_s, mode=mode, files=files)
    figures = {
        "CPU, % of one core": 100 * idle.core_share,
        "daemon, MiB": idle.daemon_mib,
        "worker, MiB": idle.worker_mib,
        "written to disk, bytes": float(idle.written_bytes),
    }
    return Table(
        title=f"The idle daemon for {bench.idle_s:.0f} s: mode {mode}, {idle.inbox_files} half scans in the inbox",
        unit="",
        beside="",
        lines=tuple(Line(name=name, spread=Spread.of([figure])) for name, figure in figures.items()),
    )
