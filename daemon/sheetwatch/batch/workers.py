"""Who reads the pages of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError
from sheetwatch.settings import scheduler_address
from sheetwatch.worker.choice import workers_of

if TYPE_CHECKING:
    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageWorker

_MOST = 256


def page_worker(settings: Settings) -> PageWorker:
    """The workers that these settings ask for, here or in a cluster; not started yet. Raises ConfigError."""
    return workers_of(settings)


def wanted_workers(text: str) -> str | int:
    """What `--workers` says, as `workers` of the configuration has it. Raises UsageError."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST:
        return int(text)
    try:
        scheduler_address(text)
    except ValueError as error:
        raise UsageError(
            f"--workers {text}: write a number from 1 to {_MOST}, auto, or dask://HOST:PORT for a cluster"
        ) from error
    return text
