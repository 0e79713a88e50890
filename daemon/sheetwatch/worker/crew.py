"""The worker's side of a cluster: pages that arrive as bytes, read in child processes under the daemon's limits.

Dask calls `read`, `hold_scan` and `hold_kit` in its threads, as many at once as the crew has pages.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

from distributed import get_worker

from sheetwatch.domain import EnvironmentFault, SheetwatchError
from sheetwatch.worker import PageTask, WorkerFailure, tasks
from sheetwatch.worker.orders import Answer, PageOrder
from sheetwatch.worker.pool import WorkerPool
from sheetwatch.worker.shelf import NotHeldError, Shelf, passing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sheetwatch.worker.examined import Examined
    from sheetwatch.worker.kit import Badge, Kit

_SHELF_BYTES = 256_000_000
# Child processes for this many kits are kept; a kit in use more stays besides.
_MOST_KITS = 2
_LOOK_EVERY_S = 5.0

_on_duty: list[Crew] = []


def read(order: PageOrder) -> Answer:
    """Read a page. Raises nothing but what is a fault of the program."""
    return _on_duty[0].read(order, get_worker().address)


def hold_scan(badge: str, name: str, data: bytes) -> str | None:
    """Keep a scan for the pages that follow. Returns why not, if so."""
    return _in_words(get_worker().address, partial(_on_duty[0].hold_scan, badge, name, data))


def hold_kit(badge: str, kit: Kit) -> str | None:
    """Keep a kit for the pages that follow. Returns why not, if so."""
    return _in_words(get_worker().address, partial(_on_duty[0].hold_kit, badge, kit))


def _in_words(address: str, action: Callable[[], None]) -> str | None:
    try:
        action()
    except (SheetwatchError, OSError) as error:
        return f"worker {address}: {error}"
    return None


class Crew:
    """The child processes of one worker, a pool of them for each kit. Any thread may use it.

    `pages`: how many are read at once.
    """

    def __init__(self, badge: Badge, *, pages: int, model: Path | None) -> None:
        self.badge = badge
        self.pages = pages
        self._model = model
        self._lock = threading.Lock()
        self._pools: dict[str, _Pool] = {}
        self._shelf = Shelf(_SHELF_BYTES)

    def __enter__(self) -> Self:
        _on_duty[:] = [self]
        return self

    def __exit__(self, *_: object) -> None:
        _on_duty.clear()
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.stop()
        self._shelf.close()

    def read(self, order: PageOrder, address: str) -> Answer:
        """Read a page; ask for what is missing. address: ours, as Dask writes it."""
        try:
            self._check(order.badge)
            return self._read(order, address)
        except WorkerFailure as failure:
            return Answer(worker=address, reason=failure.reason)
        except (SheetwatchError, OSError) as error:
            return Answer(worker=address, fault=f"worker {address}: {error}")

    def hold_scan(self, badge: str, name: str, data: bytes) -> None:
        """Keep a scan. Raises EnvironmentFault, OSError."""
        self._check(badge)
        self._shelf.put(name, data)

    def hold_kit(self, badge: str, kit: Kit) -> None:
        """Keep a kit; the processes are started by the first page. Raises EnvironmentFault."""
        self._check(badge)
        with self._lock:
            if kit.key not in self._pools:
                self._pools[kit.key] = _Pool(kit, pages=self.pages, model=self._model)
        self._dismiss(but=kit.key)

    def _check(self, badge: str) -> None:
        """Dask gives us only what asks for our badge; yet addresses are used again."""
        if badge != str(self.badge):
            raise EnvironmentFault(f"it has the badge {self.badge}, and was asked as {badge}")

    def _read(self, order: PageOrder, address: str) -> Answer:
        with self._using(order.kit) as pool:
            if pool is None:
                return Answer(worker=address, wants=order.kit)
            try:
                with self._scan(order) as file:
                    return Answer(worker=address, examined=pool.examine(_task(order, file)))
            except NotHeldError:
                return Answer(worker=address, wants=order.scan)

    def _scan(self, order: PageOrder) -> AbstractContextManager[Path]:
        return self._shelf.opened(order.scan) if order.data is None else passing(order.data)

    @contextmanager
    def _using(self, key: str) -> Iterator[_Pool | None]:
        """The processes for a kit, kept for so long; None where there are none."""
        with self._lock:
            pool = self._pools.pop(key, None)
            if pool is not None:
                self._pools[key] = pool  # the last in order is the one asked for last
                pool.users += 1
        try:
            yield pool
        finally:
            with self._lock:
                if pool is not None:
                    pool.users -= 1

    def _dismiss(self, but: str) -> None:
        """End the processes of the kits that were not asked for longest, if nothing is being read with them."""
        with self._lock:
            spare = [key for key, pool in self._pools.items() if key != but and not pool.users]
            gone = [self._pools.pop(key) for key in spare[: max(0, len(self._pools) - _MOST_KITS)]]
        for pool in gone:
            pool.stop()


class _Pool:
    """A WorkerPool that several threads may use. `users`: how many do, counted by the crew."""

    def __init__(self, kit: Kit, *, pages: int, model: Path | None) -> None:
        initialise = partial(tasks.initialise_packed, kit.packed)
        self._pool = WorkerPool(kit.settings(workers=pages, model=model), initialise)
        self._lock = threading.Lock()
        self._started = False
        self.users = 0

    def examine(self, task: PageTask) -> Examined:
        """Read a page in a child process, however long that takes within the limits.

        Raises WorkerFailure, EnvironmentFault, OSError.
        """
        with self._lock:
            if not self._started:
                self._pool.start()
                self._started = True
            reading = self._pool.examine(task)
        while not wait([reading], timeout=_LOOK_EVERY_S).done:
            with self._lock:
                self._pool.expire(now_s=time.monotonic())
        return reading.result()

    def stop(self) -> None:
        """End the processes."""
        with self._lock:
            self._pool.stop()


def _task(order: PageOrder, file: Path) -> PageTask:
    return PageTask(
        scan_file=file, page=order.page, page_count=order.page_count, draw=order.draw, pictures=order.pictures
    )
