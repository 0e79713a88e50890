"""What runs in the real pool's worker processes when they read text sheets; in place of `sheetwatch.worker.tasks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.worker import tasks
from support.office import TextWorker

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageOutcome, PageTask, Probe

_worker = TextWorker()


def initialise(settings: Settings, daemon_pid: int) -> None:
    """The real limits; nothing to load."""
    tasks._die_with(daemon_pid)
    tasks._limit(settings.limits.worker_memory_mb)


def ready() -> tuple[str, ...]:
    """Nothing was loaded."""
    return ()


def probe(path: Path, _: tuple[str, ...]) -> Probe:
    """Open a scan."""
    return _worker.probe(path).result()


def read(task: PageTask, _: tuple[str, ...]) -> PageOutcome:
    """Read one page, and write its pictures."""
    return _worker.read(task).result()
