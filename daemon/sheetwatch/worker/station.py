"""A worker of a Dask cluster that reads pages: keeps its place there until it is told to stop.

Dask's workers end when their scheduler goes; this one comes back when the scheduler does.
"""

from __future__ import annotations

import asyncio
import errno
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distributed import Worker

from sheetwatch.domain import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from structlog.typing import FilteringBoundLogger

    from sheetwatch.worker.crew import Crew

_PATIENCE_S = 5.0
_PAUSES_S = (1.0, 2.0, 5.0)
_CLOSE_WITHIN_S = 10.0
_OUR_ADDRESS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a worker finds its scheduler, and where it listens for it; None: Dask chooses."""

    scheduler: str
    host: str | None = None
    port: int | None = None
    name: str | None = None


class _PageReader(Worker):  # type: ignore[misc] # Dask's classes are hardly typed
    """A worker of Dask's without its web server."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Serve nothing."""


def serve(place: Place, crew: Crew, log: FilteringBoundLogger) -> None:
    """Read pages until SIGTERM or SIGINT. Raises EnvironmentFault when the address cannot be listened on."""
    asyncio.run(_Station(place, crew, log).serve())


class _Station:
    """A place in a cluster, taken again and again."""

    def __init__(self, place: Place, crew: Crew, log: FilteringBoundLogger) -> None:
        self._place = place
        self._crew = crew
        self._log = log
        self._stopped = asyncio.Event()
        self._tries = 0

    async def serve(self) -> None:
        """Join, and join again, until a signal comes."""
        for kind in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(kind, self._stopped.set)
        while not self._stopped.is_set():
            await self._stay()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)])
            self._tries += 1
        self._log.info("stopped")

    async def _stay(self) -> None:
        """Join the cluster, and stay as long as its scheduler does. Raises EnvironmentFault as `serve` does."""
        worker = self._worker()
        try:
            if await self._until_stopped(_start(worker), self._does_not_answer):
                self._joined(worker)
                if await self._until_stopped(worker.finished()):
                    self._log.warning("scheduler_lost", scheduler=self._place.scheduler)
        except Exception as error:  # noqa: BLE001 - of whatever kind: it is tried again
            self._refused(error.__cause__ or error)
        finally:
            with suppress(Exception):
                await asyncio.wait_for(worker.close(timeout=_CLOSE_WITHIN_S, executor_wait=False), _CLOSE_WITHIN_S)

    def _worker(self) -> _PageReader:
        place, crew = self._place, self._crew
        return _PageReader(
            place.scheduler,
            nthreads=crew.pages,
            resources={str(crew.badge): crew.pages},
            name=place.name,
            host=place.host,
            port=place.port,
            memory_limit=0,
            dashboard=False,
        )

    async def _until_stopped(
        self, what: Coroutine[Any, Any, Any], be_impatient: Callable[[], None] | None = None
    ) -> bool:
        """Wait for something. Returns False when a signal came first. Raises what it raises."""
        awaited, stopping = asyncio.ensure_future(what), asyncio.ensure_future(self._stopped.wait())
        try:
            if be_impatient and not (await _first(awaited, stopping, timeout_s=_PATIENCE_S)):
                be_impatient()
            await _first(awaited, stopping)
            if awaited.done():
                awaited.result()
            return awaited.done()
        finally:
            awaited.cancel()
            stopping.cancel()

    def _does_not_answer(self) -> None:
        mend = "start it there (dask scheduler), or correct the address"
        self._log.warning("scheduler_does_not_answer", scheduler=self._place.scheduler, mend=mend)

    def _joined(self, worker: _PageReader) -> None:
        self._tries = 0
        crew, scheduler = self._crew, self._place.scheduler
        self._log.info("joined", scheduler=scheduler, worker=worker.address, pages=crew.pages, badge=str(crew.badge))

    def _refused(self, error: BaseException) -> None:
        """Say why we could not join. Raises EnvironmentFault where it is our own address, and we have just begun."""
        if isinstance(error, OSError) and error.errno in _OUR_ADDRESS and not self._tries:
            raise EnvironmentFault(f"--listen: {error.strerror}; choose an address of this machine, and a free port")
        mend = "if another worker has this name, choose another one"
        self._log.warning("cannot_join", scheduler=self._place.scheduler, reason=str(error), mend=mend)


async def _first(*tasks: asyncio.Future[Any], timeout_s: float | None = None) -> bool:
    """Wait until one of them is done. Returns whether one is."""
    done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


async def _start(worker: _PageReader) -> None:
    await worker
