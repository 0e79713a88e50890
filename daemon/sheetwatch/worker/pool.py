"""The worker processes, over Pebble."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from concurrent.futures import CancelledError, Future, InvalidStateError
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from sheetwatch.domain import EnvironmentFault, ReasonCode, SheetwatchError
from sheetwatch.worker import News, PageOutcome, PageTask, Probe, SpotOutcome, SpotTask, WorkerFailure, tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sheetwatch.domain import Settings
    from sheetwatch.worker.examined import Examined
    from sheetwatch.worker.kit import Badge, Kit

T = TypeVar("T")

# Decoders leak a little; a fresh process now and then keeps that from adding up.
_TASKS_PER_WORKER = 500
_START_TIMEOUT_S = 120.0
# A task may wait for others, and each of those for its own time-out.
_LATENESS = 3


class WorkerPool:
    """Keeps the worker processes running. The processes are spawned, so that none inherits the daemon's state.

    `initialise` makes a process ready: `tasks.initialise` to read forms, `tasks.initialise_spotting` to spot numbers.
    """

    def __init__(self, settings: Settings, initialise: Callable[[Settings, int], None] = tasks.initialise) -> None:
        self._settings = settings
        self._initialise = initialise
        self._pool: ProcessPool | None = None
        self._open: dict[Future[Any], float] = {}
        self._loading: Future[tuple[str, ...]] | None = None
        self._loaded: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many pages are read at the same time."""
        workers = self._settings.workers
        return workers if isinstance(workers, int) else max(1, len(os.sched_getaffinity(0)) - 1)

    def begin(self) -> None:
        """Let the first worker load model and templates, and wait for nothing; `start` does."""
        self._loading = self._schedule(tasks.ready, timeout_s=_START_TIMEOUT_S)

    def start(self) -> None:
        """Have model and templates loaded by the first worker; later ones must find the same.

        Raises ConfigError, EnvironmentFault.
        """
        loading = self._loading or self._schedule(tasks.ready, timeout_s=_START_TIMEOUT_S)
        self._loading = None
        try:
            self._loaded = loading.result()
        except WorkerFailure as failure:
            raise EnvironmentFault(
                f"the worker process cannot start: {failure.detail}; raise limits.worker_memory_mb"
            ) from failure

    def reload(self) -> None:
        """Load model and templates anew, while nothing is being read. For a moment there is a worker more.

        Raises ConfigError, EnvironmentFault; all is then as it was.
        """
        fresh = WorkerPool(self._settings, self._initialise)
        try:
            fresh.start()
        except BaseException:
            fresh.stop()
            raise
        self.stop()
        self._pool, self._open, self._loaded = fresh._pool, fresh._open, fresh._loaded

    def probe(self, path: Path) -> Future[Probe]:
        """Open a scan and look at its structure."""
        return self._schedule(tasks.probe, path, self._loaded, timeout_s=self._settings.limits.page_timeout_s)

    def read(self, task: PageTask) -> Future[PageOutcome]:
        """Read one page."""
        return self._schedule(tasks.read, task, self._loaded, timeout_s=self._settings.limits.page_timeout_s)

    def examine(self, task: PageTask) -> Future[Examined]:
        """Read one page; nothing is written."""
        return self._schedule(tasks.examine, task, self._loaded, timeout_s=self._settings.limits.page_timeout_s)

    def pack(self) -> Future[tuple[Badge, Kit]]:
        """What pages are read with, for other machines."""
        return self._schedule(tasks.pack, self._loaded, timeout_s=_START_TIMEOUT_S)

    def spot(self, task: SpotTask) -> Future[SpotOutcome]:
        """Spot the numbers of one page."""
        return self._schedule(tasks.spot, task, self._loaded, timeout_s=self._settings.limits.page_timeout_s)

    def check(self) -> None:
        """A process that is not there is started."""

    def news(self) -> list[News]:
        """What happens to a process, the task that it had tells."""
        return []

    def expire(self, *, now_s: float) -> None:
        """Give up tasks without an end. Pebble counts by the wall clock, which may be set back by hours.

        now_s: time.monotonic().
        """
        self._open = {future: end_s for future, end_s in self._open.items() if not future.done()}
        if not any(now_s > end_s for end_s in self._open.values()):
            return
        stuck, self._open = self._open, {}
        self.stop()
        for future, end_s in stuck.items():
            late = WorkerFailure(ReasonCode.TIMED_OUT, "it never ended")
            lost = EnvironmentFault("the worker processes were started again")
            with contextlib.suppress(InvalidStateError):
                future.set_exception(late if now_s > end_s else lost)

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call] # Pebble has no annotation there
            pool.join()

    def _schedule(self, function: Callable[..., T], *args: Any, timeout_s: float) -> Future[T]:
        ours: Future[T] = Future()
        ahead = sum(not future.done() for future in self._open) // self.count
        self._open[ours] = time.monotonic() + (_LATENESS + ahead) * timeout_s + _START_TIMEOUT_S
        theirs = self._running().schedule(function, args=args, timeout=timeout_s)
        theirs.add_done_callback(lambda done: _hand_over(done, ours, timeout_s))
        return ours

    def _running(self) -> ProcessPool:
        """The pool; a new one where the last one broke, as Pebble's does when an idle worker is killed."""
        if self._pool is not None and not self._pool.active:
            self.stop()
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.count,
                max_tasks=_TASKS_PER_WORKER,
                initializer=self._initialise,
                initargs=(self._settings, os.getpid()),
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool


def _hand_over(theirs: Future[T], ours: Future[T], timeout_s: float) -> None:
    """Pass on a result; say in our own words what became of a task without one."""
    with contextlib.suppress(InvalidStateError):  # given up meanwhile
        try:
            result = theirs.result()
        except (Exception, CancelledError) as error:  # noqa: BLE001 - every end of a task is somebody's to handle
            ours.set_exception(in_our_words(error, timeout_s))
        else:
            ours.set_result(result)


def in_our_words(error: BaseException, timeout_s: float) -> BaseException:
    """What ended a task: an error of ours or of the system as it is, else what the scan did to its process."""
    if isinstance(error, SheetwatchError | WorkerFailure) or _has_system_code(error):
        return error
    if isinstance(error, BrokenProcessPool | CancelledError):
        return EnvironmentFault("the worker processes were stopped from outside; they are started again")
    return WorkerFailure(*_what_the_scan_did(error, timeout_s))


def _has_system_code(error: BaseException) -> bool:
    """Whether the system refused something; Pebble's and the decoders' own OSErrors carry no such number."""
    return isinstance(error, OSError) and isinstance(error.errno, int)


def _what_the_scan_did(error: BaseException, timeout_s: float) -> tuple[ReasonCode, str]:
    match error:
        case TimeoutError():
            return ReasonCode.TIMED_OUT, f"longer than {timeout_s:g} s (limits.page_timeout_s)"
        case MemoryError():
            return ReasonCode.TOO_LARGE, "reading it needs more than limits.worker_memory_mb"
        case ProcessExpired():
            return ReasonCode.WORKER_CRASHED, f"the worker process ended with code {error.exitcode}"
    return ReasonCode.WORKER_CRASHED, f"{type(error).__name__}: {error}"
