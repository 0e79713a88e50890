"""The daemon's line to a Dask scheduler: a thread that keeps it, comes back when it breaks, and has pages read.

    file -> order -> a worker -> outcome and pictures -> written beside the scan

A page belongs to the daemon all the while. Whatever is lost on the way (a worker, the scheduler, the line) is asked for
again, and what comes back for something that was asked again is never looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import Client

from sheetwatch.domain import EnvironmentFault, PageReading, ScanError, Verdict
from sheetwatch.files import file_sha256
from sheetwatch.worker import News, PageOutcome, PageTask, WorkerFailure, crew
from sheetwatch.worker.orders import Answer, PageOrder, sealed
from sheetwatch.worker.session import MovedError, Session
from sheetwatch.worker.whole import bytes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Future

    from sheetwatch.worker.examined import Examined
    from sheetwatch.worker.kit import Badge, Kit

_CONNECT_WITHIN_S = 10.0
_CLOSE_WITHIN_S = 5.0
_STOP_WITHIN_S = 15.0
_PAUSES_S = (0.5, 1.0, 2.0, 5.0)
_MOST_TRIES = 6
# A worker's own processes give up a page after three times its time-out and two minutes; this is for what they miss.
_LATENESS, _START_S = 4, 180.0
# Of scans on their way, in this process and in the scheduler's; one larger scan goes alone.
_MOST_BYTES_AWAY = 256_000_000


class Line:
    """A thread with an event loop. `badge`: what a worker must show."""

    def __init__(self, scheduler: str, badge: Badge) -> None:
        self.badge = badge
        self._scheduler = scheduler
        self._news: deque[News] = deque(maxlen=100)
        self._named: set[tuple[str, str]] = set()
        self._trouble = "it was not asked yet"
        self._session: Session | None = None
        self._loop = asyncio.new_event_loop()
        self._keeping: asyncio.Task[None] | None = None
        self._room = _Room(_MOST_BYTES_AWAY)
        self._tries = 0
        self._has_workers = threading.Event()
        self._thread = threading.Thread(target=self._live, name="sheetwatch-cluster", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many pages to give away: as many as are read at once, and one for each worker, so that none waits."""
        crews = self._crews()
        return sum(crews.values()) + len(crews)

    def wait_for_workers(self, timeout_s: float) -> None:
        """Wait until there were any, but no longer than that."""
        self._has_workers.wait(timeout_s)

    def check(self) -> None:
        """Raise EnvironmentFault while nobody can read."""
        session = self._session
        if session is None:
            mend = "start it (dask scheduler), or correct `workers`"
            raise EnvironmentFault(f"the Dask scheduler {self._scheduler} cannot be reached: {self._trouble}; {mend}")
        if session.crews:
            return
        refused = [f"worker {name} {why}; {mend}" for name, (why, mend) in list(session.refused.items())[:3]]
        mend = ". ".join(refused) or f"start one: sheetwatch worker {self._scheduler}"
        which = "no worker that may read" if refused else "no worker"
        raise EnvironmentFault(f"the Dask scheduler {self._scheduler} has {which}; {mend}")

    def news(self) -> list[News]:
        """What happened since it was last asked."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def read(self, task: PageTask, kit: Kit) -> Future[PageOutcome]:
        """Have a page read. The future raises as PageWorker says."""
        return asyncio.run_coroutine_threadsafe(self._read(task, kit), self._loop)

    def stop(self) -> None:
        """Let go of everything, and end."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # it ended at this moment
            self._loop.call_soon_threadsafe(self._end)
        self._thread.join(_STOP_WITHIN_S)

    def _crews(self) -> dict[str, int]:
        session = self._session
        return dict(session.crews) if session else {}

    def _end(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()

    def _live(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, contextlib.suppress(asyncio.CancelledError):
            runner.run(self._keep())

    async def _keep(self) -> None:
        """Be connected, again and again."""
        self._keeping = asyncio.current_task()
        while True:
            try:
                await self._stay_connected()
            except Exception as error:  # noqa: BLE001 - of whatever kind: it is tried again
                self._trouble = "it does not answer" if isinstance(error, TimeoutError) else str(error)
            await asyncio.sleep(_PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)])
            self._tries += 1

    async def _stay_connected(self) -> None:
        """One connection, from its beginning to its end. Raises whatever ended it."""
        client = Client(
            self._scheduler, asynchronous=True, set_as_default=False, direct_to_workers=False, name="sheetwatch",
            timeout=_CONNECT_WITHIN_S,
        )  # fmt: skip
        session = Session(client=client, badge=self.badge, tell=self._tell, named=self._named)
        try:
            await asyncio.wait_for(_opened(client), _CONNECT_WITHIN_S)
            self._session, self._tries = session, 0
            await session.follow()
        finally:
            if self._session is not None:
                self._session = None
                self._tell(News(text=f"the line to the Dask scheduler {self._scheduler} ended"))
            session.end()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.close(), _CLOSE_WITHIN_S)

    def _tell(self, news: News) -> None:
        self._news.append(news)
        if self._crews():
            self._has_workers.set()

    def _connected(self) -> Session:
        """The connection. Raises EnvironmentFault where there is none, or nobody at its end."""
        self.check()
        session = self._session
        if session is None:
            raise EnvironmentFault(f"the line to the Dask scheduler {self._scheduler} was lost")
        return session

    async def _read(self, task: PageTask, kit: Kit) -> PageOutcome:
        try:
            examined = await self._examined(task, kit)
        except ScanError as error:
            reading = PageReading(verdict=Verdict.review(error.code, error.detail))
            return PageOutcome(reading=reading, drawn=task.pictures)
        if not examined.files:
            return examined.outcome
        return await asyncio.to_thread(examined.put_beside, task.scan_file)

    async def _examined(self, task: PageTask, kit: Kit) -> Examined:
        """Ask one worker after the other, until one reads the page. Raises EnvironmentFault, WorkerFailure, OSError."""
        faulty: dict[str, str] = {}
        for _ in range(_MOST_TRIES):
            session = self._connected()
            try:
                answer = await _Page(session, self._room, task, kit).answer(but=faulty)
            except MovedError:
                continue
            if answer.reason is not None:
                raise WorkerFailure(answer.reason.code, answer.reason.detail)
            if answer.examined is not None:
                return answer.examined
            fault = faulty[answer.worker] = answer.fault or f"worker {answer.worker} asks for the same again and again"
            session.name(answer.worker, fault, "see to it, or stop it; others read its pages meanwhile")
        raise EnvironmentFault(
            "; ".join(faulty.values()) or "the workers of the cluster went away, one after the other"
        )


class _Page:
    """A page, and the session in which it is read."""

    def __init__(self, session: Session, room: _Room, task: PageTask, kit: Kit) -> None:
        self._session = session
        self._room = room
        self._task = task
        self._kit = kit
        self._badge = str(session.badge)
        self._within_s = _LATENESS * kit.limits.page_timeout_s + _START_S

    async def answer(self, but: dict[str, str]) -> Answer:
        """Of the worker that read the page, or failed to. Raises MovedError, ScanError, OSError and as `ask` does.

        The only page of a scan takes the scan along; the pages of others find it where one of them was before.
        """
        if self._task.page_count > 1:
            return await self._given_what_it_wants(await self._order(), but)
        size_bytes = (await asyncio.to_thread(self._task.scan_file.stat)).st_size
        async with self._room.taken(size_bytes):
            return await self._given_what_it_wants(await self._order(await self._data()), but)

    async def _given_what_it_wants(self, order: bytes, but: dict[str, str]) -> Answer:
        at = None
        for _ in range(_MOST_TRIES):
            answer: Answer = await self._session.ask(order, at=at, but=but, within_s=self._within_s)
            if answer.wants is None:
                return answer
            at = answer.worker
            giving = self._give_kit if answer.wants == self._kit.key else self._give_scan
            await self._session.give(at, answer.wants, partial(giving, at, answer.wants))
        return answer

    async def _give_kit(self, at: str, _: str) -> str | None:
        return await self._hold(at, sealed(crew.hold_kit, self._badge, self._kit))

    async def _give_scan(self, at: str, name: str) -> str | None:
        size_bytes = (await asyncio.to_thread(self._task.scan_file.stat)).st_size
        async with self._room.taken(size_bytes):
            return await self._hold(at, sealed(crew.hold_scan, self._badge, name, await self._data()))

    async def _hold(self, at: str, order: bytes) -> str | None:
        fault: str | None = await self._session.ask(order, at=at, within_s=self._within_s)
        return fault

    async def _order(self, data: bytes | None = None) -> bytes:
        task = self._task
        scan = "" if data is not None else await asyncio.to_thread(_name_of, task.scan_file)
        return sealed(
            crew.read,
            PageOrder(
                badge=self._badge,
                kit=self._kit.key,
                scan=scan,
                page=task.page,
                page_count=task.page_count,
                draw=task.draw,
                pictures=task.pictures,
                data=data,
            ),
        )

    async def _data(self) -> bytes:
        return await asyncio.to_thread(bytes_of, self._task.scan_file, self._kit.limits)


class _Room:
    """Bounds the bytes that are on their way."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = self._free_bytes = most_bytes
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def taken(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for room, and take it for a while."""
        taken = min(size_bytes, self._most_bytes)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free_bytes >= taken)
            self._free_bytes -= taken
        try:
            yield
        finally:
            self._free_bytes += taken
            async with self._changed:
                self._changed.notify_all()


_naming = threading.Lock()


def _name_of(scan_file: Path) -> str:
    """The name of a scan with several pages among those that workers hold: its SHA-256, found out once."""
    status = os.stat(scan_file)  # noqa: PTH116 - one system call
    with _naming:
        return _sha256(str(scan_file), status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _sha256(scan_file: str, *_: int) -> str:
    return file_sha256(Path(scan_file))


async def _opened(client: Client) -> None:
    await client
