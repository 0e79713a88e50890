"""What the daemon says of itself: to systemd, and in the health file for `sheetwatch status`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.ledger import accounting
from sheetwatch.service.attention import Attention, stamped
from sheetwatch.service.health import Faults, HealthFile, health_of, read_health

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.service.lookout import Lookout
    from sheetwatch.service.notify import Notifier
    from sheetwatch.service.site import Site

_NOTICES = 5
_STATUS_EVERY_S = 1.0
# Counting everything takes longer the more there is: it may cost one part in so many of the time.
_COUNTING_PAUSE = 50


class Voice:
    """Speaks when something has changed, and otherwise only to systemd's watchdog."""

    def __init__(
        self,
        site: Site,
        faults: Faults,
        notifier: Notifier,
        lookout: Lookout,
        database: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`database`: why rows do not reach the shared database, which pauses nothing."""
        self._site = site
        self._database = database
        self._lookout = lookout
        self._faults = faults
        self._notifier = notifier
        self._health_file = HealthFile(site.settings.state)
        self._attention = Attention(site)
        self._started_at = site.clock.now()
        self._notices: tuple[str, ...] = ()
        self._status_s = float("-inf")
        self._counted_at: tuple[int, int] | None = None
        self._counted = ""
        self._count_again_s = float("-inf")

    @property
    def speaks_every_s(self) -> float:
        """How often the watchdog must hear of us; infinity without one."""
        return self._notifier.alive_every_s

    def starting(self) -> None:
        """We hold the lock: how an earlier daemon did holds no more; what it noticed does."""
        before = read_health(self._site.settings.state)
        self._notices = before.notices if before else ()
        self._write_health("starting")

    def ready(self) -> None:
        """The loop begins."""
        self._notifier.ready()

    def stopping(self) -> None:
        """The loop ends; what was begun is finished."""
        self._notifier.stopping()

    def stopped(self) -> None:
        """Nothing is being done any more."""
        self._write_health("stopped")

    def notice(self, text: str) -> None:
        """Something that an administrator will want to know."""
        self._notices = (*self._notices, stamped(text, self._site.clock.now()))[-_NOTICES:]

    def problem(self, text: str) -> None:
        """Something that stays wrong until a person has seen to it."""
        self._attention.add(text)

    def tell(self, waiting: int) -> None:
        """How it goes after one step of the loop."""
        self._notifier.alive()
        self._attention.write()
        self._write_health("paused" if self._faults.current else "running")
        now_s = self._site.clock.monotonic_s()
        if self._notifier.is_heard and now_s - self._status_s >= _STATUS_EVERY_S:
            self._status_s = now_s
            with contextlib.suppress(EnvironmentFault):
                self._notifier.status(self._status_line(waiting))

    def _status_line(self, waiting: int) -> str:
        if self._faults.current:
            return "paused: " + "; ".join(fault.message for fault in self._faults.current)
        mark = self._site.ledger.change_mark()
        if mark != self._counted_at and self._site.clock.monotonic_s() >= self._count_again_s:
            self._counted_at, self._counted = mark, self._count()
        trouble = self._database()
        return f"{self._counted}, waiting {waiting}" + (f"; {trouble}" if trouble else "")

    def _count(self) -> str:
        began_s = self._site.clock.monotonic_s()
        counts = accounting(self._site.ledger)
        ended_s = self._site.clock.monotonic_s()
        self._count_again_s = ended_s + _COUNTING_PAUSE * (ended_s - began_s)
        return f"rows {counts.rows}, review {counts.review}, dropped {counts.dropped}, in work {counts.in_work}"

    def _write_health(self, state: str) -> None:
        polls, database = self._lookout.polls, self._database()
        self._health_file.write(
            health_of(state, self._started_at, self._faults.current, self._notices, polls=polls, database=database)
        )
