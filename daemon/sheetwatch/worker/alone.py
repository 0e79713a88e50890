"""One task in a process of its own, under a worker's limits; for programs that seldom have one, such as the pages."""

from __future__ import annotations

import multiprocessing
import os
from typing import TYPE_CHECKING, Any, TypeVar

from pebble import ProcessPool

from sheetwatch.worker import tasks
from sheetwatch.worker.pool import in_our_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Limits

T = TypeVar("T")


def run_alone(function: Callable[..., T], *arguments: Any, limits: Limits, files: int = 1) -> T:
    """Run a function and end its process; takes a second at least. files: as many times it may take as long as a page.

    Raises what the function raises, WorkerFailure where it ended the process, took too long or too much memory.
    """
    context = multiprocessing.get_context("spawn")
    confinement = (limits.worker_memory_mb, os.getpid())
    timeout_s = limits.page_timeout_s * max(1, files)
    with ProcessPool(max_workers=1, initializer=tasks.confine, initargs=confinement, context=context) as pool:
        future = pool.schedule(function, args=arguments, timeout=timeout_s)
        try:
            result: T = future.result()
        except Exception as error:
            raise in_our_words(error, timeout_s) from error
    return result
