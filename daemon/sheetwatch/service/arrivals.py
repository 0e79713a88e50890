"""Scans on their way from an inbox into work: look, wait until settled, open in a worker, claim."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.delivery.review_folder import stem_of_leftover
from sheetwatch.domain import EnvironmentFault, ReasonCode, SheetwatchError
from sheetwatch.files import written_ns
from sheetwatch.intake import claim as moves
from sheetwatch.intake.folders import Root
from sheetwatch.intake.listing import LeftAlone, Seen, look
from sheetwatch.intake.tracker import Tracker
from sheetwatch.ledger import OpenReview, reviews, scans
from sheetwatch.ledger.records import Claim, NewScan
from sheetwatch.names import plain_text, safe_suffix
from sheetwatch.service.site import PROGRAM, Site
from sheetwatch.worker import PageWorker, Probe, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from sheetwatch.ledger import Transaction

# A step of the loop stays short, however many files were given up at the same time.
_GIVEN_UP_AT_ONCE = 20
# When a file that the system refused is tried again: a share's bad moment is over by then.
_SOON_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Return:
    """What a scan means for a page in review, when it is one that an operator moved back."""

    returns_page: int | None = None
    replaces_page: int | None = None
    keep: bool = True


class Arrivals:
    """The inboxes of a site."""

    def __init__(
        self, site: Site, worker: PageWorker, wake: Callable[[], None], entering: Callable[[Path], object]
    ) -> None:
        self._site = site
        self._worker = worker
        self._wake = wake
        self._entering = entering
        watch = site.settings.watch
        self._roots = [Root.of("inbox", inbox) for inbox in site.settings.inbox]
        self._tracker = Tracker(settle_s=watch.settle_s, incomplete_after_s=watch.incomplete_after_s)
        self._unfinished = Tracker(settle_s=watch.incomplete_after_s)
        self._told_unfinished: set[Seen] = set()
        self._queue: deque[Seen] = deque()
        self._given_up: deque[Seen] = deque()
        self._probes: dict[Seen, Future[Probe]] = {}
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
        self._incomplete = {seen: probe for seen, probe in self._incomplete.items() if self._tracker.is_current(seen)}
        self._failed_once = {seen for seen in self._failed_once if self._tracker.is_current(seen)}

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
            if self._tracker.is_current(seen):
                future = self._worker.probe(seen.path)  # may fail: then the scan stays in the queue
                self._tracker.probing(seen)
                self._probes[seen] = future
                future.add_done_callback(lambda _: self._wake())
            self._queue.popleft()

    def take_opened(self) -> bool:
        """Claim the scans that were opened and are whole, and those that never became whole.

        Returns False when there was none, though files wait.
        """
        opened = [seen for seen, future in self._probes.items() if future.done()]
        for seen in opened:
            future = self._probes.pop(seen)
            try:
                self._judge(seen, future)
            except (SheetwatchError, OSError):
                self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
                raise
            except Exception:  # one scan that we have a bug for must not end the daemon again and again
                self._tracker.set_aside(seen, now_s=self._site.clock.monotonic_s())
                self._site.log.exception("program_fault", path=plain_text(str(seen.path)))
        given_up = [self._given_up.popleft() for _ in range(min(len(self._given_up), _GIVEN_UP_AT_ONCE))]
        for seen in given_up:
            if self._tracker.is_current(seen):
                self._claim(seen, self._incomplete[seen])
        return bool(opened or given_up) or not self.waiting

    def _judge(self, seen: Seen, future: Future[Probe]) -> None:
        try:
            probe = future.result()
        except FileNotFoundError:
            self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            return
        except OSError as error:
            self._leave_alone(seen, error)
            return
        except WorkerFailure as failure:
            if seen not in self._failed_once:
                self._try_once_more(seen, failure)
                return
            probe = Probe(page_count=1, sha256=None, problem=failure.reason)
        if not self._tracker.is_current(seen):
            return
        if probe.problem and probe.problem.code is ReasonCode.INCOMPLETE_FILE:
            self._wait_for_more(seen, probe, probe.problem.detail)
        else:
            self._claim(seen, probe)

    def _wait_for_more(self, seen: Seen, probe: Probe, why: str) -> None:
        self._incomplete[seen] = probe
        self._tracker.incomplete(seen)
        self._site.log.info("scan_incomplete", path=plain_text(str(seen.path)), reason=why)

    def _try_once_more(self, seen: Seen, failure: WorkerFailure) -> None:
        self._failed_once.add(seen)
        self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
        self._site.log.warning("worker_failed", path=plain_text(str(seen.path)), reason=failure.detail)

    def _claim(self, seen: Seen, probe: Probe) -> None:
        """Take a scan up: written down, moved, counted."""
        with self._site.ledger.transaction() as tx:
            claim = scans.begin_claim(tx, self._new_scan(tx, seen, probe))
        try:
            taken = moves.take(seen, self._site.work_file(claim.scan_id, claim.suffix))
        except PermissionError as error:
            if os.fspath(error.filename) != str(seen.path):  # it is the state folder that refuses
                raise
            self.finish_claims()
            self._leave_alone(seen, error)
            return
        except FileNotFoundError:
            taken = None
        if taken is None:
            self.finish_claims()  # finds it in the inbox, and cancels
            self._tracker.again(seen, now_s=self._site.clock.monotonic_s())
            return
        self._tracker.taken(seen)
        self._failed_once.discard(seen)
        self._finish(claim, taken)

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

    def _new_scan(self, tx: Transaction, seen: Seen, probe: Probe) -> NewScan:
        name = seen.path.name
        back = self._meaning_for_review(tx, name, probe)
        return NewScan(
            source=seen.path,
            name=plain_text(name),
            suffix=safe_suffix(name),
            size_bytes=seen.size_bytes,
            mtime_ns=seen.mtime_ns,
            sha256=probe.sha256,
            page_count=probe.page_count,
            claimed_at=self._site.clock.now(),
            program=PROGRAM,
            problem=probe.problem,
            returns_page=back.returns_page,
            replaces_page=back.replaces_page,
            keep=back.keep,
            stem=_stem(name),
        )

    def _meaning_for_review(self, tx: Transaction, name: str, probe: Probe) -> _Return:
        """A page in review comes back under its stem, or with its content while it is missing from the folder."""
        review = reviews.find_review(tx, _stem(name)) or self._missing_with_content(tx, probe.sha256)
        if review is None:
            return _Return()
        keep = probe.sha256 is None or probe.sha256 != review.page_sha256
        if probe.page_count in {1, review.page_count}:
            return _Return(returns_page=review.page, keep=keep)
        if reviews.could_not_be_opened(tx, review.page):
            return _Return(replaces_page=review.page)
        return _Return()

    def _missing_with_content(self, tx: Transaction, sha256: str | None) -> OpenReview | None:
        for review in reviews.find_by_content(tx, sha256):
            if review.page_name and not (self._site.settings.review / review.page_name).exists():
                return review
        return None

    def finish_claims(self) -> None:
        """Finish, or undo, the claims that a crash or a fault left open."""
        with self._site.ledger.reading() as tx:
            unfinished = scans.unfinished_claims(tx)
        for claim in unfinished:
            work_file = self._site.work_file(claim.scan_id, claim.suffix)
            if work_file.exists() and self._is_away(claim.source):
                continue  # nobody can know yet whether a copied scan lies there still, to come in a second time
            if found := moves.recover(_as_claimed(claim), work_file):
                self._finish(claim, found)
            else:
                with self._site.ledger.transaction() as tx:
                    scans.cancel_claim(tx, claim.scan)

    def _is_away(self, source: Path) -> bool:
        """Whether the inbox of a file cannot be used now."""
        try:
            for root in self._roots:
                if source.is_relative_to(root.folder):
                    root.check()
        except (EnvironmentFault, OSError):
            return True
        return False

    def _finish(self, claim: Claim, taken: os.stat_result) -> None:
        with self._site.ledger.transaction() as tx:
            drop_duplicates = self._site.settings.duplicates == "drop"
            at, mtime_ns = self._site.clock.now(), written_ns(taken)
            scans.finish_claim(tx, claim.scan, mtime_ns=mtime_ns, drop_duplicates=drop_duplicates, at=at)
        self._site.log.info("scan_claimed", scan_id=claim.scan_id, source=plain_text(str(claim.source)))


def _as_claimed(claim: Claim) -> moves.Claimed:
    return moves.Claimed(source=claim.source, size_bytes=claim.size_bytes, mtime_ns=claim.mtime_ns, sha256=claim.sha256)


def _stem(name: str) -> str:
    """The stem of a file name, as the ledger spells those of pages in review."""
    return plain_text(Path(name).stem)
