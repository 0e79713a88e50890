"""The real daemon as a process of its own, from its start to its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLAS_THREADS = "OPENBLAS_NUM_THREADS"
MIB = 1024 * 1024
_READY_WITHIN_S = 180.0


@contextmanager
def daemon(config: Path) -> Iterator[tuple[psutil.Process, float]]:
    """The daemon at work, and how long it took until it said that it is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(config.parent / "notify"))
        systemd.settimeout(_READY_WITHIN_S)
        began_s = time.monotonic()
        command = [sys.executable, "-m", "sheetwatch", "run", "--config", str(config)]
        environment = os.environ | {"NOTIFY_SOCKET": str(config.parent / "notify")}
        environment.pop(BLAS_THREADS, None)  # set for the pages timed here; a real daemon starts without it
        with subprocess.Popen(command, env=environment) as process:
            try:
                while systemd.recv(4096) != b"READY=1":
                    pass
                systemd.close()  # what nobody reads would fill it up
                yield psutil.Process(process.pid), time.monotonic() - began_s
            finally:
                process.send_signal(signal.SIGTERM)


def tree_mib(root: psutil.Process) -> float:
    """Memory of a process and its children: what is each one's own (USS), and what they share counted once."""
    unique, shared = 0, 0
    for process in [root, *root.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue
        unique += memory.uss
        shared = max(shared, memory.rss - memory.uss)
    return (unique + shared) / MIB
