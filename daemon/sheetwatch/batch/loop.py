"""The loop of a batch: what was found is journalled, what was journalled is read, what was read becomes a table."""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.batch.lister import Listed, ListingEnded
from sheetwatch.batch.reading import TaskDone
from sheetwatch.domain import SheetwatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.batch import Standing, Waiting
    from sheetwatch.batch.journal import Journal
    from sheetwatch.batch.lister import Lister
    from sheetwatch.batch.parts import Parts
    from sheetwatch.batch.patience import Patience
    from sheetwatch.batch.reading import Reading
    from sheetwatch.worker import PageWorker

_LOOK_AHEAD = 256
_SAVE_EVERY_S = 1.0
_SAVE_ROWS = 500
_TICK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody wants the batch to stop. `signal`: its number."""

    signal: int


Event = TaskDone | Listed | ListingEnded | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a batch ended. `stopped_by`: the signal that asked it to; None when everything is read."""

    standing: Standing
    pages_of_run: int
    stopped_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who does the work of a batch."""

    journal: Journal
    parts: Parts
    reading: Reading
    lister: Lister
    patience: Patience
    worker: PageWorker


class Loop:
    """Waits for what happens, and has the crew act on it.

    `part_rows`: so many rows wait at most for their Parquet files. `tell`: called every second with how far it is.
    """

    def __init__(
        self, crew: Crew, events: queue.SimpleQueue[Event], part_rows: int, tell: Callable[[Standing], None]
    ) -> None:
        self._crew = crew
        self._events = events
        self._part_rows = part_rows
        self._tell = tell
        self._waiting: deque[Waiting] = deque()
        self._last_taken = 0
        self._may_wait = True
        self._listing: ListingEnded | None = None
        self._stopped_by: int | None = None
        self._saved_s = time.monotonic()

    def run(self) -> Ended:
        """Until all is read, or somebody wants it to stop. Raises SheetwatchError, OSError; what was read is kept."""
        pages_before = self._crew.journal.standing().pages_read
        try:
            while self._stopped_by is None and not self._is_done():
                self._wait_and_act()
                self._hand_over()
                self._save_when_due()
        except (SheetwatchError, OSError):
            with contextlib.suppress(SheetwatchError, OSError):  # the first one is told
                self._save()
            raise
        self._save()
        self._write_parts(until=0)
        standing = replace(self._standing(), changed=self._crew.journal.changed())
        pages = standing.pages_read - pages_before
        return Ended(standing=standing, pages_of_run=pages, stopped_by=self._stopped_by)

    def _is_done(self) -> bool:
        return self._listing is not None and not (self._may_wait or self._waiting) and self._crew.reading.is_idle

    def _wait_and_act(self) -> None:
        """What happens next, and all that has happened besides."""
        with contextlib.suppress(queue.Empty):
            self._act(self._events.get(timeout=_TICK_S))
            for _ in range(_LOOK_AHEAD):
                self._act(self._events.get_nowait())

    def _act(self, event: Event) -> None:
        match event:
            case TaskDone():
                self._crew.reading.came_back(event)
            case Listed():
                self._crew.journal.add(event.scans)
                self._crew.lister.taken()
                self._may_wait = True
            case ListingEnded():
                self._listing = event
                if event.error is not None:
                    raise event.error
            case Stop():
                self._stopped_by = event.signal

    def _hand_over(self) -> None:
        """Scans to be read, in the order of the journal, and their pages."""
        while self._crew.reading.wants_more and self._look_ahead():
            self._crew.reading.take(self._waiting.popleft())
        self._crew.reading.submit()

    def _look_ahead(self) -> bool:
        """Whether a scan waits."""
        if not self._waiting and self._may_wait:
            self._waiting.extend(self._crew.journal.waiting(self._last_taken, _LOOK_AHEAD))
            self._may_wait = bool(self._waiting)
            self._last_taken = self._waiting[-1].number if self._waiting else self._last_taken
        return bool(self._waiting)

    def _save_when_due(self) -> None:
        """Often enough that a kill costs a second's work, seldom enough that the disk is not what is waited for."""
        if time.monotonic() - self._saved_s >= _SAVE_EVERY_S or self._crew.reading.rows_finished >= _SAVE_ROWS:
            self._save()
            if self._crew.journal.rows_waiting >= self._part_rows:
                self._write_parts(until=self._part_rows // 2)
            self._crew.worker.expire(now_s=self._saved_s)
            self._tell(self._standing())

    def _save(self) -> None:
        self._saved_s = time.monotonic()
        if finished := self._crew.reading.finished():
            self._crew.journal.record(finished)

    def _write_parts(self, *, until: int) -> None:
        """The largest first, so that many days at once do not make many small files."""
        while self._crew.journal.rows_waiting > until:
            self._crew.parts.write_largest()

    def _standing(self) -> Standing:
        return replace(
            self._crew.journal.standing(),
            listed_all=self._listing is not None,
            left_alone=self._listing.left_alone if self._listing else 0,
            fault=self._crew.patience.fault,
        )
