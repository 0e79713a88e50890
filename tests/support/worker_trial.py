"""What becomes of files in real worker processes, told as the daemon would take it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode
from sheetwatch.worker import PageTask, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sheetwatch.domain import Reading
    from sheetwatch.worker import Probe
    from sheetwatch.worker.pool import WorkerPool

_MOST_PAGES = 3
_REAL_CRASH = "the worker process ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a page, or a file that could not be opened, ended: `codes` is empty for a page that was accepted.

    `fault`: what is no reason of the file's own but an error of ours.
    """

    codes: tuple[ReasonCode, ...]
    detail: str = ""
    fault: str = ""
    seconds: float = 0.0
    values: tuple[tuple[str, str], ...] = ()


def try_file(pool: WorkerPool, path: Path) -> list[End]:
    """Open a file and read its first pages, one after the other, each once."""
    began_s = time.monotonic()
    try:
        probe = pool.probe(path).result()
    except Exception as error:  # noqa: BLE001 - whatever a file does to its worker is told
        return [_end_of(error, began_s)]
    if probe.problem is not None:
        return [_end((probe.problem.code,), probe.problem.detail, began_s)]
    return [_try_page(pool, path, probe, page) for page in range(min(probe.page_count, _MOST_PAGES))]


def _try_page(pool: WorkerPool, path: Path, probe: Probe, page: int) -> End:
    began_s = time.monotonic()
    task = PageTask(scan_file=path, page=page, page_count=probe.page_count, draw=True)
    try:
        reading = pool.read(task).result().reading
    except Exception as error:  # noqa: BLE001 - as above
        return _end_of(error, began_s)
    reasons = reading.verdict.reasons
    detail = "; ".join(reason.detail for reason in reasons)
    return _end(tuple(reason.code for reason in reasons), detail, began_s, reading.fields)


def _end(
    codes: tuple[ReasonCode, ...], detail: str, began_s: float, fields: Mapping[str, Reading] | None = None
) -> End:
    values = tuple((name, reading.value) for name, reading in (fields or {}).items())
    return End(codes=codes, detail=detail, seconds=time.monotonic() - began_s, values=values)


def _end_of(error: Exception, began_s: float) -> End:
    seconds = time.monotonic() - began_s
    if not isinstance(error, WorkerFailure):  # the daemon would take it for a fault of the environment, and pause
        return End(codes=(), detail=str(error), fault=repr(error), seconds=seconds)
    raised = error.code is ReasonCode.WORKER_CRASHED and not error.detail.startswith(_REAL_CRASH)
    return End(codes=(error.code,), detail=error.detail, fault=error.detail if raised else "", seconds=seconds)
