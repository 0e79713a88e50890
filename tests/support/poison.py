"""What a scan can do to a worker process; run there by the tests of the pool."""

from __future__ import annotations

import os
import resource
import signal
import threading
from pathlib import Path

import numpy as np


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    threading.Event().wait()


def eat(megabytes: int) -> int:
    return int(np.ones(megabytes << 17).nbytes)


def fill_disk() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"x")


def limits() -> tuple[int, int, str]:
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return os.getpid(), soft, Path("/proc/self/oom_score_adj").read_text().strip()


def fail() -> None:
    raise ValueError("a fault of the program")
