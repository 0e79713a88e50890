"""The numbers on a picture that somebody tries, spotted in a process of its own, under a worker's limits."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING

from pebble import ProcessPool

from sheetwatch.domain import Reason, ReasonCode
from sheetwatch.worker import SpotOutcome, WorkerFailure, tasks
from sheetwatch.worker.pool import in_our_words

if TYPE_CHECKING:
    from sheetwatch.domain import Settings


def try_picture(data: bytes, settings: Settings) -> SpotOutcome:
    """Spot the numbers of a file's first page, and draw it. Takes seconds: it starts a process. Stores nothing.

    Raises SheetwatchError when the model or the system is at fault; what is wrong with the file is in the outcome.
    """
    context = multiprocessing.get_context("spawn")
    arguments = (settings, os.getpid())
    with ProcessPool(max_workers=1, initializer=tasks.initialise_spotting, initargs=arguments, context=context) as pool:
        future = pool.schedule(tasks.spot_bytes, args=(data,), timeout=settings.limits.page_timeout_s)
        try:
            outcome: SpotOutcome = future.result()
        except Exception as error:
            said = in_our_words(error, settings.limits.page_timeout_s)
            if isinstance(said, WorkerFailure):
                return SpotOutcome(problem=said.reason)
            if isinstance(said, OSError):
                return SpotOutcome(problem=Reason(code=ReasonCode.UNREADABLE_FILE, detail=str(said)))
            raise said from error
    return outcome
