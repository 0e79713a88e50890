"""The daemon's loop. `Service.step` is the whole of it, in order."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Self

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake.folders import Root
from sheetwatch.ledger import owed, pages
from sheetwatch.service.answers import Answers
from sheetwatch.service.arrivals import Arrivals
from sheetwatch.service.clock import local_day
from sheetwatch.service.deliveries import Deliveries
from sheetwatch.service.forms import Forms
from sheetwatch.service.hands import Hands
from sheetwatch.service.health import Faults
from sheetwatch.service.lookout import Lookout
from sheetwatch.service.mirror import Mirror, switch_off
from sheetwatch.service.notify import Notifier
from sheetwatch.service.reading import Reading
from sheetwatch.service.recovery import clean_up
from sheetwatch.service.voice import Voice
from sheetwatch.service.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from sheetwatch.service.site import Site
    from sheetwatch.worker import PageWorker

# Decisions of the terminal are seen within this time; an idle step reads a few pages of the ledger and writes nothing.
_LEDGER_POLL_S = 1.0
_STOP_WITHIN_S = 20.0
# Stages whose faults are told, but stop no scan: one inbox of several, the removal of what is old, the shared database.
_GATES_NOTHING = frozenset({"inbox", "retention", "database"})


class Service:
    """One daemon at work. `wake` and `stop` may be called from any thread or signal handler."""

    def __init__(self, site: Site, worker: PageWorker, notifier: Notifier | None = None) -> None:
        self._site = site
        self._worker = worker
        self._wake = Wake()
        self._stopping = False
        self._is_clean = False
        self._forgot_on: date | None = None
        self._state = Root.of("state", site.settings.state)
        self.faults = Faults(site.clock, site.log)
        self._lookout = Lookout(site)
        self._voice = Voice(site, self.faults, notifier or Notifier(), self._lookout, lambda: self.mirror_trouble)
        self.mirror = Mirror(site, self._wake.set, self._voice.problem) if site.settings.mirror.database else None
        self._hands = Hands(lambda: worker.count, self._wake.set)
        self.arrivals = Arrivals(site, worker, self._hands, self._lookout.watch)
        self.reading = Reading(site, worker, self._hands)
        self.deliveries = Deliveries(site, self._voice.notice, self._voice.problem)
        self.answers = Answers(site)
        self.forms = Forms(site, worker, self._voice.notice)

    def __enter__(self) -> Self:
        self._voice.starting()
        return self

    def __exit__(self, *_: object) -> None:
        self._lookout.stop()
        if self.mirror:
            self.mirror.stop()
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
        self._site.log.info("started", workers=self._worker.count, polls=self._lookout.polls, once=once)
        with self._signals():
            self._voice.ready()
            while not self._stopping and not (once and self._is_done()):
                self._turn()
                if once and self.faults.current:
                    raise EnvironmentFault("; ".join(fault.message for fault in self.faults.current))
                self._sleep()
            self._finish()
        self._site.log.info("stopped")
        if once and (trouble := self.mirror_trouble):
            raise EnvironmentFault(trouble)

    def _turn(self) -> None:
        """A step, once what a killed process left half done is mended."""
        if not self._is_clean:
            self.faults.begin_step()
            self.faults.attempt("start", self._clean_up)
            self._voice.tell(self.arrivals.waiting)
        if self._is_clean:
            self.step()

    def _clean_up(self) -> None:
        clean_up(self._site)
        if self.mirror is None:
            switch_off(self._site.ledger)
        self._is_clean = True

    def step(self) -> None:
        """Do once, in order, everything that is owed or due."""
        attempt = self.faults.attempt
        self.faults.begin_step()
        attempt("state", self._finish_claims)
        self._worker.expire(now_s=self._site.clock.monotonic_s())
        self._hands.collecting()
        attempt("workers", self._ask_workers)
        attempt("reading", self.reading.collect)
        self._deliver()
        if self.mirror:
            attempt("database", self.mirror.step)
        if self._site.clock.monotonic_s() >= self._next_look_s():
            self._look()
        if not self.faults.is_pausing(but=_GATES_NOTHING):
            attempt("claim", self.arrivals.take_opened)
            attempt("reading", self._hand_out)
        self._voice.tell(self.arrivals.waiting)

    def _finish_claims(self) -> None:
        self._state.check()
        self._site.ledger.check_in_place()
        self.arrivals.finish_claims()
        self._site.ledger.fold_when_due()

    def _ask_workers(self) -> None:
        for news in self._worker.news():
            if news.mend is None:
                self._site.log.info("workers", what=news.text)
            else:
                self._site.log.warning("workers", what=news.text, mend=news.mend)
                self._voice.notice(f"{news.text}; {news.mend}")
        self._worker.check()

    def _next_look_s(self) -> float:
        due = [self.arrivals.next_due_s(), self.answers.next_due_s(), self.faults.next_due_s()]
        return self._lookout.next_s(due)

    def _look(self) -> None:
        """The review folder first: a page on its way to the inbox is then seen in the inbox, not as missing."""
        self._lookout.begin_look()
        self.faults.attempt("results", self.deliveries.check_results)
        self.faults.attempt("archive", self.deliveries.check_archive)
        self.faults.attempt("review", self._look_into_review)
        self.faults.attempt("inbox", self.arrivals.look)
        if not self.faults.current and not self.arrivals.waiting:
            self.faults.attempt("review", self.answers.put_back_missing)
        self._lookout.end_look(files_wait=self.arrivals.ready > 0)
        if local_day(self._site.clock.now()) != self._forgot_on and not self.faults.is_failing(but={"retention"}):
            self.faults.attempt("retention", self._forget_old)

    def _forget_old(self) -> None:
        """Once a day, and at the start."""
        self.deliveries.forget_old()
        self._forgot_on = local_day(self._site.clock.now())

    def _look_into_review(self) -> None:
        self.deliveries.check_review()
        self._lookout.watch(self._site.settings.review)
        self.answers.take()

    def _hand_out(self) -> bool:
        """Keep the workers busy until the next step, and little more than that: what waits is safest in the inbox."""
        self.forms.look()
        if self.forms.changed:
            if self.reading.in_flight or self.arrivals.probing:
                return False  # what was begun ends with the forms that it was begun with
            self.forms.load()
        pages = self.reading.next_pages(self._hands.most_pages)
        if not self.reading.is_careful:
            self._open_scans()
        self.reading.hand_over(pages)
        return False

    def _open_scans(self) -> None:
        in_work, opening = self._in_work(), self.arrivals.probing
        if not in_work or not self.faults.is_failing(but=_GATES_NOTHING):
            self.arrivals.open_next(opening + self._hands.scans_to_open(in_work=in_work, opening=opening))

    def _sleep(self) -> None:
        now_s = self._site.clock.monotonic_s()
        due_s = self._next_look_s() if self._is_clean else self.faults.next_due_s() or now_s
        pause_s = min(_LEDGER_POLL_S, self._voice.speaks_every_s, due_s - now_s)
        self._wake.forget()
        if self._stopping or self._hands.should_be_filled():
            return
        if self._wake.wait(max(0.0, pause_s), self._lookout.listens_to):
            self._lookout.hint()

    def _is_done(self) -> bool:
        """Whether nothing is left that could be read or delivered now; files that may still grow stay."""
        if not self._lookout.has_looked or self.reading.busy or self.arrivals.probing:
            return False
        if self.arrivals.settling or self.arrivals.giving_up or self.answers.settling:
            return False
        if self._in_work() or not owed(self._site.ledger).nothing:
            return False
        return self.mirror is None or self.mirror.is_done()

    @property
    def mirror_trouble(self) -> str | None:
        """Why rows do not reach the shared database, in words; it stops nothing else."""
        return self.mirror.trouble if self.mirror else None

    def _in_work(self) -> int:
        with self._site.ledger.reading() as tx:
            return pages.work_count(tx)

    def _finish(self) -> None:
        """Let the pages being read end, within bounds, and deliver them; the others stay in work."""
        self._voice.stopping()
        deadline_s = self._site.clock.monotonic_s() + _STOP_WITHIN_S
        while self.reading.in_flight and self._site.clock.monotonic_s() < deadline_s:
            self._wake.wait(min(_LEDGER_POLL_S, deadline_s - self._site.clock.monotonic_s()))
            self.faults.begin_step()
            self.faults.attempt("reading", self.reading.collect)
        if self._is_clean:
            self.faults.begin_step()
            self._deliver()
            if self.mirror:
                self.mirror.stop()
                self.faults.attempt("database", self.mirror.step)
        self._voice.stopped()

    def _deliver(self) -> None:
        self.faults.attempt("decisions", self.deliveries.carry_out_decisions)
        self.faults.attempt("results", self.deliveries.deliver_rows)
        self.faults.attempt("results", self.deliveries.deliver_corrections)
        self.faults.attempt("review", self.deliveries.deliver_reviews)
        self.faults.attempt("archive", self.deliveries.archive_scans)

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
