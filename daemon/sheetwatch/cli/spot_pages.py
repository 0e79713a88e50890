"""Spot numbers in a worker process, page by page, and say what was found as JSON."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sheetwatch.cli.isolated import no_regular_file, unreadable
from sheetwatch.worker import SpotOutcome, SpotTask, WorkerFailure, tasks
from sheetwatch.worker.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sheetwatch.domain import Box, Line, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReport:
    """One page of a file, or the whole of it where it cannot be opened. `page`: from 0."""

    source: Path
    page: int
    page_count: int
    outcome: SpotOutcome


def spot_pages(file: Path, settings: Settings, *, draw: bool) -> Iterator[SpotReport]:
    """One report per page, in order; one for a whole file that cannot be read.

    Raises SheetwatchError when the model or the configuration is at fault.
    """
    problem = no_regular_file(file)
    if problem is not None:
        yield SpotReport(source=file, page=0, page_count=1, outcome=SpotOutcome(problem=problem))
        return
    pool = WorkerPool(dataclasses.replace(settings, workers=1), tasks.initialise_spotting)
    with contextlib.ExitStack() as stack:
        stack.callback(pool.stop)
        pool.start()
        page_count, broken = _probed(pool, file)
        if broken is not None:
            yield SpotReport(source=file, page=0, page_count=page_count, outcome=broken)
            return
        for page in range(page_count):
            outcome = _spotted(pool, SpotTask(scan_file=file.absolute(), page=page, draw=draw))
            yield SpotReport(source=file, page=page, page_count=page_count, outcome=outcome)


def json_line(report: SpotReport) -> str:
    """The page as one JSON object on one line, in ASCII; boxes are left, top, width, height in pixels."""
    outcome = report.outcome
    problem = outcome.problem
    return json.dumps(
        {
            "source": os.fsencode(report.source).decode(errors="backslashreplace"),
            "page": report.page,
            "problem": None if problem is None else {"code": str(problem.code), "detail": problem.detail},
            "lines": [_line(line) for line in outcome.spotted.lines] if outcome.spotted else [],
            "model": outcome.spotted.model if outcome.spotted else None,
            "elapsed_ms": round(outcome.elapsed_ms, 1),
        },
        allow_nan=False,
    )


def _probed(pool: WorkerPool, file: Path) -> tuple[int, SpotOutcome | None]:
    """How many pages there are, or why that cannot be told."""
    try:
        probe = pool.probe(file.absolute()).result()
    except WorkerFailure as failure:
        return 1, SpotOutcome(problem=failure.reason)
    except OSError as error:
        return 1, SpotOutcome(problem=unreadable(error))
    return probe.page_count, SpotOutcome(problem=probe.problem) if probe.problem else None


def _spotted(pool: WorkerPool, task: SpotTask) -> SpotOutcome:
    try:
        return pool.spot(task).result()
    except WorkerFailure as failure:
        return SpotOutcome(problem=failure.reason)
    except OSError as error:
        return SpotOutcome(problem=unreadable(error))


def _line(line: Line) -> dict[str, Any]:
    return {
        "text": line.text,
        "numbers": [
            {
                "text": number.text,
                "probability": round(number.probability, 4),
                "box": _edges(number.box),
                "digits": [
                    {"symbol": digit.symbol, "probability": round(digit.probability, 4), "box": _edges(digit.box)}
                    for digit in number.digits
                ],
            }
            for number in line.numbers
        ],
    }


def _edges(box: Box) -> list[int]:
    return [box.left, box.top, box.width, box.height]
