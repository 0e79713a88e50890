"""What the daemon costs while nothing happens: CPU, memory, writes to disk; and how soon it is ready.

    python tests/bench/idle.py [--seconds N] [--poll] [--files N]

`--files`: so many scans lie in the inbox that never become whole, and are looked at again and again. CPU is that of all
its processes, in percent of one core. Figures to keep come from a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from PIL import Image

from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
_READY_WITHIN_S = 180.0


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


@contextmanager
def daemon(folder: Path, mode: str) -> Iterator[tuple[psutil.Process, float]]:
    """The daemon at work, and how long it took until it said that it is ready."""
    config = folder / "sheetwatch.yaml"
    templates = shipped_folder("config") / "templates"
    config.write_text(
        f"version: 1\ntemplates: ['{templates}']\nworkers: 1\nlog: {{level: error}}\n"
        f"watch: {{mode: {mode}, settle_s: 5, incomplete_after_s: 604800}}\n"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(_READY_WITHIN_S)
        began_s = time.monotonic()
        command = [sys.executable, "-m", "sheetwatch", "run", "--config", str(config)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        with subprocess.Popen(command, env=environment) as process:
            try:
                while systemd.recv(4096) != b"READY=1":
                    pass
                yield psutil.Process(process.pid), time.monotonic() - began_s
            finally:
                process.send_signal(signal.SIGTERM)


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
    with daemon(folder, mode) as (root, ready_s):
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


def main(arguments: list[str] | None = None) -> Idle:
    """Print and return what idling costs."""
    parser = argparse.ArgumentParser(description="Watch the daemon while nothing happens.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--poll", action="store_true", help="look instead of listening")
    parser.add_argument("--files", type=int, default=0)
    options = parser.parse_args(arguments)
    mode = "poll" if options.poll else "events"
    with tempfile.TemporaryDirectory() as name:
        idle = measure(Path(name), seconds=options.seconds, mode=mode, files=options.files)
    print(
        json.dumps(
            {
                "mode": mode,
                "inbox_files": idle.inbox_files,
                "seconds": options.seconds,
                "ready_s": round(idle.ready_s, 2),
                "cpu_percent": round(100 * idle.core_share, 2),
                "daemon_mib": round(idle.daemon_mib),
                "worker_mib": round(idle.worker_mib),
                "written_bytes": idle.written_bytes,
            }
        )
    )
    return idle


if __name__ == "__main__":
    main()
