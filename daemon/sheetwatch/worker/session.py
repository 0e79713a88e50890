"""One connection to a Dask scheduler: who may read there, and what was given to them. Runs in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distributed import Client, KilledWorker
from distributed.client import ClosedClientError

from sheetwatch.domain import EnvironmentFault, ReasonCode
from sheetwatch.worker import News, WorkerFailure
from sheetwatch.worker.kit import Badge
from sheetwatch.worker.orders import carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

_LOOK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 10.0
# Workers report to the scheduler every half second, hundreds of them every few seconds. The scheduler itself gives up
# one that hangs after five minutes (distributed.scheduler.worker-ttl), and its pages would wait for so long.
_SILENT_AFTER_S = 15.0


class MovedError(Exception):
    """What was asked of a worker must be asked of another one: it went away, or fell silent."""


@dataclass(slots=True)
class _Order:
    workers: frozenset[str]
    running: asyncio.Task[Any]


@dataclass(slots=True)
class _Pulse:
    """When a worker last reported, by the scheduler's clock, and when we first saw that, by ours."""

    reported: float
    seen_s: float


@dataclass(slots=True)
class Session:
    """`crews`: pages at once by the address of each worker that can read for us; `refused`: why the others cannot.

    `named`: who was named before with something to mend, in this session or an earlier one, so that it is told once.
    """

    client: Client
    badge: Badge
    tell: Callable[[News], None]
    named: set[tuple[str, str]]
    crews: dict[str, int] = field(default_factory=dict)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    _scheduler_id: str | None = None
    _pulses: dict[str, _Pulse] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)
    _orders: dict[str, _Order] = field(default_factory=dict)
    _giving: dict[tuple[str, str], asyncio.Task[str | None]] = field(default_factory=dict)

    async def follow(self) -> None:
        """Keep an eye on the workers. Raises OSError, TimeoutError when the scheduler is gone; never returns."""
        while True:
            told = await asyncio.wait_for(self.client.scheduler.identity(), _ANSWER_WITHIN_S)
            self._scheduler_id = self._scheduler_id or told["id"]
            if self.client.status != "running" or told["id"] != self._scheduler_id:
                raise ConnectionError("it was started again")
            self._look_at(told["workers"])
            await self._move_orders()
            await asyncio.sleep(_LOOK_EVERY_S)

    def end(self) -> None:
        """Nothing that was given away comes back any more."""
        for order in self._orders.values():
            order.running.cancel()

    async def ask(self, sealed: bytes, *, within_s: float, at: str | None = None, but: Collection[str] = ()) -> Any:
        """Have an order carried out by any worker that can read for us, or by the one `at` an address.

        but: workers that are asked only if there is no other. Raises MovedError; WorkerFailure when it ended its
        workers, or did not end within that time; EnvironmentFault.
        """
        workers = frozenset({at} if at else self.crews.keys() - but or self.crews.keys())
        if not workers or not workers <= self.crews.keys():
            raise MovedError
        key = f"sheetwatch-{uuid.uuid4().hex}"
        running = asyncio.create_task(self._run(key, sealed, workers))
        running.add_done_callback(_look_away)
        self._orders[key] = _Order(workers, running)
        try:
            done, _ = await asyncio.wait({running}, timeout=within_s)
        finally:
            del self._orders[key]
            running.cancel()
        if not done:
            raise WorkerFailure(ReasonCode.TIMED_OUT, "it never ended")
        if running.cancelled():
            raise MovedError
        return running.result()

    async def give(self, at: str, name: str, giving: Callable[[], Coroutine[Any, Any, str | None]]) -> None:
        """Have a worker hold something; who wants to give the same meanwhile waits for this.

        giving: does it, and returns why it could not be done, if so. Raises EnvironmentFault, and what that raises.
        """
        given = self._giving.get((at, name))
        if given is None:
            given = self._giving[at, name] = asyncio.create_task(giving())
            given.add_done_callback(lambda _: self._giving.pop((at, name)))
            given.add_done_callback(_look_away)
        await asyncio.wait({given})
        if given.cancelled():
            raise MovedError
        if fault := given.result():
            raise EnvironmentFault(fault)

    async def _run(self, key: str, sealed: bytes, workers: frozenset[str]) -> Any:
        """One task of Dask's, which gives it to one of these, and to another one when that goes away."""
        try:
            future = self.client.submit(
                carry_out, sealed, key=key, workers=sorted(workers), resources={str(self.badge): 1}, pure=False
            )
        except ClosedClientError as error:  # the scheduler went away a moment ago
            raise EnvironmentFault(f"the line to the Dask scheduler was lost: {error}") from error
        try:
            return await future
        except CancelledError as error:  # Dask's, of a future that was lost
            raise MovedError from error
        except KilledWorker as error:
            detail = "the workers of the cluster that read it went away, one after the other"
            raise WorkerFailure(ReasonCode.WORKER_CRASHED, detail) from error
        except Exception as error:
            raise EnvironmentFault(f"the Dask cluster cannot read: {type(error).__name__}: {error}") from error
        finally:
            future.release()

    def _look_at(self, workers: Mapping[str, Mapping[str, Any]]) -> None:
        """Tell who can read for us from who cannot."""
        crews: dict[str, int] = {}
        refused: dict[str, tuple[str, str]] = {}
        self._pulses = {address: pulse for address, pulse in self._pulses.items() if address in workers}
        for address, told in workers.items():
            lacks = self.badge.lacks(Badge.among(told["resources"]))
            if lacks is not None:
                refused[str(told["name"])] = lacks
                self.name(str(told["host"]), f"worker {told['name']} gets no pages: it {lacks[0]}", lacks[1])
            elif told["status"] == "running" and not self._is_silent(address, told["last_seen"]):
                crews[address] = int(told["resources"][str(self.badge)])
        changed, self.crews, self.refused = crews != self.crews, crews, refused  # another thread looks at them
        if changed:
            text = f"{len(crews)} workers of the cluster read, {sum(crews.values())} pages at once"
            self.tell(News(text=text))

    def name(self, who: str, text: str, mend: str) -> None:
        """Tell once what is wrong with somebody."""
        if (who, mend) not in self.named:
            self.named.add((who, mend))
            self.tell(News(text=text, mend=mend))

    def _is_silent(self, address: str, reported: float) -> bool:
        """Whether a worker has reported nothing for long, though its connection stands: a stopped or stuck process."""
        now_s = time.monotonic()
        pulse = self._pulses.get(address)
        if pulse is None or pulse.reported != reported:
            self._pulses[address] = _Pulse(reported, now_s)
            self._silent.discard(address)
            return False
        is_silent = now_s - pulse.seen_s > _SILENT_AFTER_S
        if is_silent and address not in self._silent:
            self._silent.add(address)
            self.tell(News(text=f"worker {address} is silent; its pages are read by others"))
        return is_silent

    async def _move_orders(self) -> None:
        """Take back what nobody will carry out."""
        for order in self._orders.values():
            if not order.workers & self.crews.keys():
                order.running.cancel()
        if not self._silent:
            return
        with contextlib.suppress(KeyError):  # one of them left at this moment
            held = await asyncio.wait_for(self.client.scheduler.processing(workers=None), _ANSWER_WITHIN_S)
            for key in (key for address in self._silent for key in held.get(address, ())):
                if key in self._orders:
                    self._orders[key].running.cancel()


def _look_away(task: asyncio.Task[Any]) -> None:
    """Let an error be nobody's, where whoever waited for it is gone."""
    if not task.cancelled():
        task.exception()
