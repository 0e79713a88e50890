"""Scans on their way from an inbox into work: look, wait until settled, open in a worker, claim."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sheetwatch.delivery.review_folder import stem_of_leftover
from sheetwatch.domain import ReasonCode, SheetwatchError
from sheetwatch.intake.folders import Root
from sheetwatch.intake.listing import LeftAlone, Seen, look
from sheetwatch.intake.tracker import Tracker
from sheetwatch.intake.writers import Writers
from sheetwatch.ledger import reviews
from sheetwatch.names import plain_text
from sheetwatch.service.claims import Claims, Taken, batches
from sheetwatch.worker import PageWorker, Probe, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from sheetwatch.service.hands import Hands
    from sheetwatch.service.site import Site

# A step of the loop stays short, however many files were given up at the same time.
_GIVEN_UP_AT_ONCE = 20
# When a file that the system refused is tried again: a share's bad moment is over by then.
_SOON_S = 10.0


class Arrivals:
    """The inboxes of a site."""

    def __init__(self, site: Site, worker: PageWorker, hands: Hands, entering: Callable[[Path], object]) -> None:
        self._site = site
        self._worker = worker
        self._hands = hands
        self._entering = entering
        watch = site.settings.watch
        self._roots = [Root.of("inbox", inbox) for inbox in site.settings.inbox]
        self._claims = Claims(site, self._roots)
        self._tracker = Tracker(settle_s=watch.settle_s, incomplete_after_s=watch.incomplete_after_s)
        self._writers = Writers(watch.incomplete_after_s)
        self._unfinished = Tracker(settle_s=watch.incomplete_after_s)
        self._told_unfinished: set[Seen] = set()
        self._queue: deque[Seen] = deque()
        self._given_up: deque[Seen] = deque()
        self._probes: dict[Seen, Future[Probe]] = {}
        self._whole: dict[Seen, Probe] = {}
        self._incomplete: dict[Seen, Probe] = {}
        self._failed_once: set[Seen] = set()
        self._left_alone: dict[Path, LeftAlone] = {}
        self._refused: set[Seen] = set()

    @property
    def probing(self) -> int:
        """How many scans are being opened."""
        return len(self._probes)

    @property
    def waiting(self) -> int:
        """How many files wait in the inboxes."""
        return self._tracker.waiting

    @property
    def ready(self) -> int:
        """How many files have settled and wait to be opened."""
        return len(self._queue)

    @property
    def giving_up(self) -> bool:
        """Whether an incomplete file has waited long enough: it is taken up at the next look."""
        return bool(self._given_up or self._tracker.given_up(now_s=self._site.clock.monotonic_s()))

    @property
    def settling(self) -> int:
        """How many of them are expected to be taken up soon."""
        return self._tracker.settling

    def next_due_s(self) -> float | None:
        """When a file that waits may be ready, if nothing changes: time for another look."""
        return self._tracker.next_due_s()

    def finish_claims(self) -> None:
        """Finish, or undo, the claims that a crash or a fault left open."""
        self._claims.finish_open()

    def look(self) -> None:
        """Find what lies in the inboxes. Raises EnvironmentFault when one is not there, after looking at the others."""
        now_s = self._site.clock.monotonic_s()
        files, unfinished, left_alone, fault = [], [], [], None
        for root in self._roots:
            try:
                root.check()
                listing = look(root.folder, self._is_ours, self._entering)
            except Exception as error:  # noqa: BLE001 - raised below
                fault = error
                continue
            files += listing.files
            unfinished += listing.unfinished
            left_alone += listing.left_alone
        self._tracker.observe(files, now_s=now_s)
        self._unfinished.observe(unfinished, now_s=now_s)
        self._note_unfinished(now_s)
        self._note_left_alone(left_alone)
        self._queue = deque(self._tracker.ready(now_s=now_s))
        self._given_up = deque(self._tracker.given_up(now_s=now_s))
        self._forget_gone()
        if fault:
            raise fault

    def _forget_gone(self) -> None:
        """What is known of files that have left the inboxes, or were written to since."""
        self._whole = {seen: probe for seen, probe in self._whole.items() if self._tracker.is_current(seen)}
        self._incomplete = {seen: probe for seen, probe in self._incomplete.items() if self._tracker.is_current(seen)}
        self._failed_once = {seen for seen in self._failed_once if self._tracker.is_current(seen)}
        self._writers.forget_gone(self._tracker.is_current)

    def _is_ours(self, name: str) -> bool:
        stem = stem_of_leftover(name)
        if stem is None:
            return False
        with self._site.ledger.reading() as tx:
            return reviews.stem_is_known(tx, plain_text(stem))

    def _note_left_alone(self, left_alone: list[LeftAlone]) -> None:
        """Say once, and again after a change, what is not taken up and why."""
        known, self._left_alone = self._left_alone, {item.path: item for item in left_alone}
        for item in left_alone:
            if known.get(item.path) != item:
                self._site.log.warning("left_alone", path=plain_text(str(item.path)), reason=item.why)

    def _note_unfinished(self, now_s: float) -> None:
        """Say once what lies there under a name of transfers, and is no longer written: perhaps a client died."""
        settled = self._unfinished.ready(now_s=now_s)
        for seen in (seen for seen in settled if seen not in self._told_unfinished):
            why = "its name says that it is not whole yet; rename it, or remove it"
            self._site.log.warning("left_alone", path=plain_text(str(seen.path)), reason=why)
        self._told_unfinished = set(settled)

    def open_next(self, slots: int) -> None:
        """Have settled files opened by the workers; one that failed there before only when nothing else is read."""
        while self._queue and self.probing < slots:
            seen = self._queue[0]
            if seen in self._failed_once and self.probing:
                return
            if self._tracker.is_current(seen) and not self._is_still_open(seen):
                future = self._worker.probe(seen.path)  # may fail: then the scan stays in the queue
                self._tracker.probing(seen)
                self._probes[seen] = future
                self._hands.give_scan(future)
            self._queue.popleft()

    def _is_still_open(self, seen: Seen) -> bool:
        """Whether somebody has the file open to write more; then it is looked at again soon."""
        now_s, is_new = self._site.clock.monotonic_s(), self._writers.is_new(seen)
        if not self._writers.hold(seen, now_s=now_s):
            return False
        self._tracker.held(seen, now_s=now_s)
        if is_new:
            self._site.log.info("scan_still_open", path=plain_text(str(seen.path)))
        return True

    def take_opened(self) -> bool:
        """Claim the scans that were opened and are whole, and those that never became whole.

        Returns False when there was none, though files wait.
        """
        opened = [seen for seen, future in self._probes.items() if future.done()]
        for seen in opened:
            if probe := self._judge(seen, self._probes.pop(seen)):
                self._whole[seen] = probe
        given_up = [self._given_up.popleft() for _ in range(min(len(self._given_up), _GIVEN_UP_AT_ONCE))]
        self._whole |= {seen: self._incomplete[seen] for seen in given_up if self._tracker.is_current(seen)}
        self._claim_whole()
        return bool(opened or given_up) or not self.waiting

    def _claim_whole(self) -> None:
        for batch in batches(self._whole.items()):
            for seen, _ in batch:
                del self._whole[seen]
            closed = [(seen, probe) for seen, probe in batch if not self._is_still_open(seen)]
            if closed:
                self._claim(closed)

    def _judge(self, seen: Seen, future: Future[Probe]) -> Probe | None:
        """What a scan is that can be claimed; None for one that waits."""
        try:
            return self._told_of(seen, future)
        except (SheetwatchError, OSError):
            self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            raise
        except Exception:  # one scan that we have a bug for must not end the daemon again and again
            self._site.log.exception("program_fault", path=plain_text(str(seen.path)))
            self._tracker.set_aside(seen, now_s=self._site.clock.monotonic_s())
            return None

    def _told_of(self, seen: Seen, future: Future[Probe]) -> Probe | None:
        try:
            probe = future.result()
        except FileNotFoundError:
            self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            return None
        except OSError as error:
            self._leave_alone(seen, error)
            return None
        except WorkerFailure as failure:
            if seen not in self._failed_once:
                self._try_once_more(seen, failure)
                return None
            probe = Probe(page_count=1, sha256=None, problem=failure.reason)
        if not self._tracker.is_current(seen):
            return None
        if probe.problem and probe.problem.code is ReasonCode.INCOMPLETE_FILE:
            self._wait_for_more(seen, probe, probe.problem.detail)
            return None
        return probe

    def _wait_for_more(self, seen: Seen, probe: Probe, why: str) -> None:
        self._incomplete[seen] = probe
        self._tracker.incomplete(seen)
        self._site.log.info("scan_incomplete", path=plain_text(str(seen.path)), reason=why)

    def _try_once_more(self, seen: Seen, failure: WorkerFailure) -> None:
        self._failed_once.add(seen)
        self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
        self._site.log.warning("worker_failed", path=plain_text(str(seen.path)), reason=failure.detail)

    def _claim(self, batch: list[tuple[Seen, Probe]]) -> None:
        """Claim scans together; each alone after a fault of the program, to find the one that it happens with."""
        try:
            results = self._claims.take(batch)
        except (SheetwatchError, OSError):
            for seen, _ in batch:
                self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            raise
        except Exception:  # as above
            if len(batch) > 1:
                self._claims.finish_open()
                for one in batch:
                    self._claim([one])
                return
            seen = batch[0][0]
            self._site.log.exception("program_fault", path=plain_text(str(seen.path)))
            self._tracker.set_aside(seen, now_s=self._site.clock.monotonic_s())
            return
        for (seen, _), result in zip(batch, results, strict=True):
            self._note(seen, result)

    def _note(self, seen: Seen, result: Taken | PermissionError) -> None:
        match result:
            case Taken.OURS:
                self._tracker.taken(seen)
                self._failed_once.discard(seen)
            case Taken.NOT_AS_SEEN:
                self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            case PermissionError():
                self._leave_alone(seen, result)

    def _leave_alone(self, seen: Seen, error: OSError) -> None:
        """One file that the system refuses keeps nobody waiting; an inbox that it refuses is a fault.

        It is tried once more soon, since the refusal may have been a share's bad moment, and then rarely.
        """
        for root in self._roots:
            root.check()
        first = seen not in self._refused
        self._refused = {one for one in self._refused if self._tracker.is_current(one)} | {seen}
        now_s = self._site.clock.monotonic_s()
        self._tracker.set_aside(seen, now_s=now_s, pause_s=_SOON_S if first else None)
        if first:
            self._site.log.warning("left_alone", path=plain_text(str(seen.path)), reason=error.strerror)
