"""What a test may not leave behind: threads, child processes, open files."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections import Counter
from dataclasses import dataclass

import psutil

# Opened once per process by libraries and kept on purpose.
_KEPT = ("/dev/null", "/dev/urandom", "/dev/random", "/proc/")
_FONTS = "/mpl-data/fonts/"  # Matplotlib keeps those open that it has drawn with
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Possessions:
    """Threads, children and open files of this process, by name."""

    threads: Counter[str]
    children: Counter[str]
    files: Counter[str]

    @classmethod
    def now(cls) -> Possessions:
        return cls(
            threads=Counter(_kind(thread.name) for thread in threading.enumerate()),
            children=Counter(name for name in map(_command, psutil.Process().children()) if name),
            files=Counter(name for name in map(_target, os.listdir("/proc/self/fd")) if name),  # noqa: PTH208
        )

    def beyond(self, before: Possessions) -> list[str]:
        """What is there now and was not before."""
        more = (self.threads - before.threads, self.children - before.children, self.files - before.files)
        return [
            f"{kind}: {name}" for kind, new in zip(("thread", "process", "file"), more, strict=True) for name in new
        ]


def leaked_since(before: Possessions) -> list[str]:
    """What a test left behind, after giving it a moment to end."""
    pause, waited_s = threading.Event(), 0.0
    leaked = Possessions.now().beyond(before)
    while leaked and waited_s < _PATIENCE_S:
        gc.collect()
        pause.wait(0.1)
        waited_s += 0.1
        leaked = Possessions.now().beyond(before)
    return leaked


def _kind(thread_name: str) -> str:
    """A thread's name without its number."""
    return re.sub(r"-\d+", "", thread_name)


def _command(child: psutil.Process) -> str | None:
    """A child's command; None for one that has just ended and for multiprocessing's own tracker."""
    try:
        line = " ".join(child.cmdline())
        ended = child.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return None if ended or "resource_tracker" in line else line.partition("(")[0]


def _target(descriptor: str) -> str | None:
    """What a descriptor leads to; pipes and sockets without their numbers."""
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return None
    if target.startswith(_KEPT) or target.startswith("pipe:") or _FONTS in target:
        return None  # multiprocessing's tracker keeps a pipe; a leaked worker shows as a process
    return target.partition(":[")[0]
