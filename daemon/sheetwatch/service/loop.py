"""The daemon's loop. `Service.step` is the whole of it, in order."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Self

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake.folders import Root
from sheetwatch.intake.hints import Hints
from sheetwatch.ledger import accounting, owed, pages
from sheetwatch.service.answers import Answers
from sheetwatch.service.arrivals import Arrivals
from sheetwatch.service.clock import local_day
from sheetwatch.service.deliveries import Deliveries
from sheetwatch.service.health import Faults, Health, HealthFile
from sheetwatch.service.notify import Notifier
from sheetwatch.service.reading import Reading
from sheetwatch.service.recovery import clean_up
from sheetwatch.service.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sheetwatch.service.site import Site
    from sheetwatch.worker import PageWorker

# Decisions of the terminal are seen within this time; it is one read of shared memory.
_LEDGER_POLL_S = 1.0
_LEAST_BETWEEN_LOOKS_S = 0.25
_STOP_WITHIN_S = 20.0
_NOTICES = 5
_STATUS_EVERY_S = 1.0


class Service:
    """One daemon at work. `wake` and `stop` may be called from any thread or signal handler."""

    def __init__(self, site: Site, worker: PageWorker, notifier: Notifier | None = None) -> None:
        self._site = site
        self._worker = worker
        self._notifier = notifier or Notifier()
        self._wake = Wake()
        self._stopping = False
        self._hinted = True
        self._notices: list[str] = []
        self._status_s = float("-inf")
        self._started_at = site.clock.now()
        self._health_file = HealthFile(site.settings.state)
        self.faults = Faults(site.clock, site.log)
        self._state = Root.of("state", site.settings.state)
        self.arrivals = Arrivals(site, worker, self._wake.set)
        self.reading = Reading(site, worker, self._wake.set)
        self.deliveries = Deliveries(site, self._notice)
        self.answers = Answers(site)
        watched = [*site.settings.inbox, site.settings.review]
        self._hints = Hints(watched, self._hint, site.settings.watch.mode)
        self._hints_alive: bool | None = None
        self._forgot_on: date | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._hints.stop()
        self._worker.stop()
        self._wake.close()

    def stop(self) -> None:
        """Finish what is being read, and end."""
        self._stopping = True
        self._wake.set()

    def run(self, *, once: bool = False) -> None:
        """Work until stopped; with `once`, until nothing is left that can be read now.

        Raises EnvironmentFault with `once` when a folder fails, DurabilityError when an fsync did, LedgerError.
        """
        clean_up(self._site)
        self._site.log.info("started", workers=self._worker.count, polls=self._hints.polls, once=once)
        with self._signals():
            self._notifier.ready()
            while not self._stopping and not (once and self._is_done()):
                self.step()
                if once and self.faults.current:
                    raise EnvironmentFault("; ".join(fault.message for fault in self.faults.current))
                self._sleep()
            self._finish()
        self._site.log.info("stopped")

    def step(self) -> None:
        """Do once, in order, everything that is owed or due."""
        attempt = self.faults.attempt
        attempt("state", self._finish_claims)
        self._worker.expire(now_s=self._site.clock.monotonic_s())
        attempt("reading", self.reading.collect)
        attempt("results", self.deliveries.deliver_rows)
        attempt("review", self.deliveries.deliver_reviews)
        attempt("archive", self.deliveries.archive_scans)
        if self._look_is_due():
            self._look()
        if not self.faults.is_pausing(but="inbox"):
            attempt("claim", self.arrivals.take_opened)
            attempt("reading", self._hand_out)
        self._tell()

    def _finish_claims(self) -> None:
        self._state.check()
        self._site.ledger.check_in_place()
        self.arrivals.finish_claims()

    def _look_is_due(self) -> bool:
        """After a hint, when a file may have settled or a fault be over, and every `rescan_s` whatever happens."""
        now_s, last_s = self._site.clock.monotonic_s(), self.arrivals.looked_s
        if last_s is None:
            return True
        due_s = self._next_look_s(last_s)
        return now_s >= max(due_s, last_s + _LEAST_BETWEEN_LOOKS_S)

    def _next_look_s(self, last_s: float) -> float:
        settled = [due_s for due_s in (self.arrivals.next_due_s(), self.answers.next_due_s()) if due_s is not None]
        after_last = [due_s for due_s in settled if due_s > last_s]
        again_s = self.faults.next_due_s()
        again = [again_s] if again_s is not None else []
        return last_s if self._hinted else min([last_s + self._rescan_s, *after_last, *again])

    @property
    def _rescan_s(self) -> float:
        watch = self._site.settings.watch
        return min(watch.rescan_s, max(1.0, watch.settle_s)) if self._hints.polls else watch.rescan_s

    def _look(self) -> None:
        """The review folder first: a page on its way to the inbox is then seen in the inbox, not as missing."""
        self._hinted = False
        self.faults.attempt("results", self.deliveries.check_results)
        self.faults.attempt("archive", self.deliveries.check_archive)
        self.faults.attempt("review", self._look_into_review)
        self.faults.attempt("inbox", self.arrivals.look)
        if not self.faults.current and not self.arrivals.waiting:
            self.faults.attempt("review", self.answers.put_back_missing)
        self._watch()
        self._forget_daily()

    def _forget_daily(self) -> None:
        """Once a day, and at the start."""
        today = local_day(self._site.clock.now())
        if today != self._forgot_on and not self.faults.is_failing():
            self._forgot_on = today
            self.faults.attempt("retention", self.deliveries.forget_old)

    def _look_into_review(self) -> None:
        self.deliveries.check_review()
        self.answers.take()

    def _watch(self) -> None:
        """See that somebody listens; looking every `rescan_s` goes on without."""
        alive = self._hints.alive
        if self._hints_alive and not alive:
            self._site.log.warning("observer_rebuilt")
        self._hints_alive = self._hints.ensure()

    def _hand_out(self) -> bool:
        """Keep the workers busy, and little more than that: what waits is safest in the inbox."""
        most = self._worker.count + 1
        slots = self.reading.submit(most - self.reading.in_flight - self.arrivals.probing)
        with self._site.ledger.reading() as tx:
            in_work = pages.work_count(tx)
        intake_is_open = not self.faults.is_failing(but="inbox") or not in_work
        if slots > 0 and in_work < 2 * most and intake_is_open:
            self.arrivals.open_next(self.arrivals.probing + slots)
        return False

    def _sleep(self) -> None:
        now_s = self._site.clock.monotonic_s()
        due = [now_s + _LEDGER_POLL_S, self._next_look_at(now_s)]
        if self._notifier.watchdog_s:
            due.append(now_s + self._notifier.watchdog_s / 2)
        self._wake.wait(min(due) - now_s)

    def _next_look_at(self, now_s: float) -> float:
        last_s = self.arrivals.looked_s
        return now_s if last_s is None else max(self._next_look_s(last_s), last_s + _LEAST_BETWEEN_LOOKS_S)

    def _is_done(self) -> bool:
        """Whether nothing is left that could be read or delivered now; incomplete files are left where they are."""
        if self.arrivals.looked_s is None or self.reading.busy or self.arrivals.probing:
            return False
        if self.arrivals.settling or self.answers.settling:
            return False
        return not accounting(self._site.ledger).in_work and owed(self._site.ledger).nothing

    def _finish(self) -> None:
        """Let the pages being read end, within bounds, and deliver them; the others stay in work."""
        self._notifier.stopping()
        deadline_s = self._site.clock.monotonic_s() + _STOP_WITHIN_S
        while self.reading.in_flight and self._site.clock.monotonic_s() < deadline_s:
            self._wake.wait(deadline_s - self._site.clock.monotonic_s())
            self.faults.attempt("reading", self.reading.collect)
        for stage, action in (
            ("results", self.deliveries.deliver_rows),
            ("review", self.deliveries.deliver_reviews),
            ("archive", self.deliveries.archive_scans),
        ):
            self.faults.attempt(stage, action)
        self._write_health("stopped")

    def _hint(self) -> None:
        self._hinted = True
        self._wake.set()

    def _notice(self, text: str) -> None:
        self._notices = [*self._notices, f"{self._site.clock.now().astimezone():%Y-%m-%d %H:%M} {text}"][-_NOTICES:]

    def _tell(self) -> None:
        """Say how it goes, to systemd and in the health file; nothing is written while nothing changes."""
        self._notifier.alive()
        self._write_health("paused" if self.faults.current else "running")
        now_s = self._site.clock.monotonic_s()
        if now_s - self._status_s >= _STATUS_EVERY_S:
            self._status_s = now_s
            with contextlib.suppress(EnvironmentFault):
                self._notifier.status(self._status_line())

    def _status_line(self) -> str:
        if self.faults.current:
            return "paused: " + "; ".join(fault.message for fault in self.faults.current)
        counts = accounting(self._site.ledger)
        return (
            f"rows {counts.rows}, review {counts.review}, dropped {counts.dropped}, in work {counts.in_work}, "
            f"waiting {self.arrivals.waiting}"
        )

    def _write_health(self, state: str) -> None:
        faults = tuple(
            f"{fault.stage}: {fault.message} (since {fault.since.astimezone():%Y-%m-%d %H:%M:%S})"
            for fault in self.faults.current
        )
        self._health_file.write(
            Health(
                pid=os.getpid(),
                state=state,
                since=self._started_at.astimezone().isoformat(timespec="seconds"),
                faults=faults,
                notices=tuple(self._notices),
            )
        )

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the loop, not the process."""
        kinds = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(kind, lambda *_: self.stop()) for kind in kinds]
        try:
            yield
        finally:
            for kind, handler in zip(kinds, before, strict=True):
                signal.signal(kind, handler)
