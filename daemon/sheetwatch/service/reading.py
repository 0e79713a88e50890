"""Pages in work: handed to the workers, and decided when they come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import answer_sheet
from sheetwatch.domain import PageReading, ReasonCode, SheetwatchError, Verdict
from sheetwatch.files import DurabilityError, sha256_of
from sheetwatch.ledger import Form, pages
from sheetwatch.ledger.records import AlignmentSummary, PageFacts, WorkPage
from sheetwatch.service.decide import AsRow, Before, Dropped, ForReview, decide
from sheetwatch.service.site import PROGRAM, Site, Values, new_row, review_stem
from sheetwatch.worker import PageOutcome, PageTask, PageWorker, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sheetwatch.domain import Alignment, Template
    from sheetwatch.ledger import Transaction
    from sheetwatch.service.hands import Hands


@dataclass(frozen=True, slots=True)
class _InFlight:
    page: WorkPage
    future: Future[PageOutcome]


class Reading:
    """The pages being read. A page in flight leaves no trace in the ledger: after a crash it is read again."""

    def __init__(self, site: Site, worker: PageWorker, hands: Hands) -> None:
        self._site = site
        self._worker = worker
        self._hands = hands
        self._in_flight: dict[int, _InFlight] = {}
        self._undecided: dict[int, tuple[WorkPage, PageOutcome]] = {}
        self._to_draw: set[int] = set()
        self._is_careful = False

    @property
    def in_flight(self) -> int:
        """How many pages are being read."""
        return len(self._in_flight)

    @property
    def busy(self) -> bool:
        """Whether a page is being read, or was read and is not decided."""
        return bool(self._in_flight or self._undecided)

    @property
    def is_careful(self) -> bool:
        """Whether a page whose reading ended a worker is being read, or is next: nothing else is begun meanwhile."""
        return self._is_careful or any(flight.page.attempts for flight in self._in_flight.values())

    def next_pages(self, most: int) -> list[WorkPage]:
        """The pages to hand over now, oldest first, so that at most so many are being read."""
        self._is_careful = False
        held = [*self._in_flight, *self._undecided]
        with self._site.ledger.reading() as tx:
            waiting = pages.work_pages(tx, max(most - len(self._in_flight), 1), but=held)
        chosen: list[WorkPage] = []
        for page in waiting[: max(0, most - len(self._in_flight))]:
            if self.is_careful or (page.attempts and (self._in_flight or chosen)):
                self._is_careful = True  # it is read alone: it must not take another one with it
                break
            self._is_careful = page.attempts > 0
            chosen.append(page)
        return chosen

    def hand_over(self, chosen: Sequence[WorkPage]) -> None:
        """Hand pages to the workers."""
        for page in chosen:
            self._hand_over(page)

    def _hand_over(self, page: WorkPage) -> None:
        if page.problem is not None:
            reading = PageReading(verdict=Verdict(reasons=(page.problem,)))
            self._undecided[page.page] = (page, PageOutcome(reading=reading, drawn=True))
            self._hands.done()
            return
        task = PageTask(
            scan_file=self._site.work_file(page.folder, page.suffix),
            page=page.read_page,
            page_count=page.page_count,
            draw=page.duplicate_of is not None or page.page in self._to_draw,
        )
        future = self._worker.read(task)
        self._in_flight[page.page] = _InFlight(page, future)
        self._hands.give_page(future)

    def collect(self) -> bool:
        """Decide the pages that were read. Raises OSError, EnvironmentFault: those pages stay in work.

        DurabilityError at once: pictures that were fsynced after it may be lost as well. Returns False when there was
        nothing to decide, though pages wait.
        """
        faults: list[Exception] = []
        done = [flight for flight in self._in_flight.values() if flight.future.done()]
        decided = len(done) + len(self._undecided)
        for flight in done:
            del self._in_flight[flight.page.page]
            try:
                self._undecided[flight.page.page] = (flight.page, self._outcome(flight))
            except WorkerFailure as failure:
                self._try_once_more(flight.page, failure)
            except DurabilityError:
                raise
            except Exception as error:  # noqa: BLE001 - raised below, after the others
                faults.append(error)
        self._decide_read(list(self._undecided.values()))
        if faults:
            raise faults[0]
        return decided > 0 or not self._pages_wait()

    def _decide_read(self, waiting: Sequence[tuple[WorkPage, PageOutcome]]) -> None:
        """Decide pages together; each alone after a fault of the program, to find the one that it happens with."""
        try:
            self._decide(waiting)
        except (SheetwatchError, OSError):
            raise
        except Exception as error:  # one page that we have a bug for must not end the daemon again and again
            if len(waiting) > 1:
                for one in [one for one in waiting if one[0].page in self._undecided]:
                    self._decide_read([one])
                return
            page = waiting[0][0]
            self._site.log.exception("program_fault", sheet_id=page.sheet_id)
            if page.page in self._undecided:
                self._decide([(page, _failed(ReasonCode.WORKER_CRASHED, f"fault of the program: {error!r}"))])

    def _pages_wait(self) -> bool:
        with self._site.ledger.reading() as tx:
            return pages.work_count(tx) > 0

    def _outcome(self, flight: _InFlight) -> PageOutcome:
        page = flight.page
        try:
            return flight.future.result()
        except FileNotFoundError:
            if self._site.work_file(page.folder, page.suffix).exists() or not self._site.settings.state.is_dir():
                raise
            return _failed(ReasonCode.UNREADABLE_FILE, "somebody removed the scan from the state folder")
        except WorkerFailure as failure:
            if not page.attempts:
                raise
            return _failed(failure.code, failure.detail)

    def _try_once_more(self, page: WorkPage, failure: WorkerFailure) -> None:
        with self._site.ledger.transaction() as tx:
            pages.count_attempt(tx, page.page)
        self._site.log.warning("worker_failed", sheet_id=page.sheet_id, code=failure.code.value, reason=failure.detail)

    def _decide(self, read: Sequence[tuple[WorkPage, PageOutcome]]) -> None:
        """One transaction: what was read, and what becomes of it."""
        if not read:
            return
        with self._site.ledger.transaction() as tx:
            decided = [self._judge(tx, page, outcome) for page, outcome in read]
        for page, _ in read:
            del self._undecided[page.page]  # at once: it stands, and must not be decided again
        for (page, outcome), (decision, csv_name) in zip(read, decided, strict=True):
            if _lacks_picture(decision, outcome):
                self._to_draw.add(page.page)  # stays in work: read again, this time with a picture
            else:
                self._to_draw.discard(page.page)
                self._tell(page, outcome, decision, csv_name)

    def _judge(
        self, tx: Transaction, page: WorkPage, outcome: PageOutcome
    ) -> tuple[AsRow | ForReview | Dropped, str | None]:
        """What becomes of a page, and the CSV that its row goes to; written down unless it lacks its picture."""
        before = Before(same_scan=page.duplicate_of, same_key=_same_key(tx, outcome))
        key = outcome.template.key if outcome.template else None
        decision = decide(outcome.reading, before, self._site.settings.pages, key)
        if _lacks_picture(decision, outcome):
            return decision, None
        return decision, self._record(tx, page, outcome, decision)

    def _tell(
        self, page: WorkPage, outcome: PageOutcome, decision: AsRow | ForReview | Dropped, csv_name: str | None
    ) -> None:
        reasons = decision.reasons if isinstance(decision, ForReview) else outcome.reading.verdict.reasons
        self._site.log.info(
            "page_read",
            sheet_id=page.sheet_id,
            source=page.source_name,
            verdict={AsRow: "accepted", ForReview: "review", Dropped: "dropped"}[type(decision)],
            reasons=sorted({reason.code.value for reason in reasons}),
            csv=csv_name,
            elapsed_ms=round(outcome.elapsed_ms),
        )

    def _record(
        self, tx: Transaction, page: WorkPage, outcome: PageOutcome, decision: AsRow | ForReview | Dropped
    ) -> str | None:
        at = self._site.clock.now()
        facts = _facts(outcome, decision)
        if isinstance(decision, Dropped):
            pages.record_drop(tx, page.page, facts, decision.cause, at=at)
        elif isinstance(decision, ForReview):
            stem, sheet_sha256 = review_stem(page.source_name, page.sheet_id), _sheet_sha256(facts)
            pages.record_review(tx, page.page, facts, stem, sheet_sha256=sheet_sha256, at=at)
        elif facts.form is not None:
            row = new_row(facts.form, _values(page, outcome.reading), at)
            return pages.record_row(tx, page.page, facts, row, max_rows=self._site.settings.rolling.max_rows, at=at)
        return None


def _lacks_picture(decision: AsRow | ForReview | Dropped, outcome: PageOutcome) -> bool:
    return isinstance(decision, ForReview) and not outcome.drawn


def _failed(code: ReasonCode, detail: str) -> PageOutcome:
    return PageOutcome(reading=PageReading(verdict=Verdict.review(code, detail)), drawn=True)


def _same_key(tx: Transaction, outcome: PageOutcome) -> str | None:
    """The sheet in a CSV that has the key of this one."""
    template = outcome.template
    if template is None or template.key is None:
        return None
    reading = outcome.reading.fields.get(template.key)
    return pages.key_holder(tx, template.name, reading.value) if reading and reading.value else None


def _values(page: WorkPage, reading: PageReading) -> Values:
    return Values(
        sheet_id=page.sheet_id,
        source_name=page.source_name,
        page_index=page.page_index,
        by_field={name: field.value for name, field in reading.fields.items()},
        confidence=reading.confidence,
        corrected=False,
    )


def _facts(outcome: PageOutcome, decision: AsRow | ForReview | Dropped) -> PageFacts:
    return PageFacts(
        form=_form(outcome.template) if outcome.template else None,
        reasons=decision.reasons if isinstance(decision, ForReview) else outcome.reading.verdict.reasons,
        readings=outcome.reading.fields,
        model=outcome.reading.model,
        program=PROGRAM,
        alignment=_summary(outcome.reading.alignment) if outcome.reading.alignment else None,
        picture=outcome.picture,
        image=outcome.image,
        sheet=outcome.sheet,
        elapsed_ms=outcome.elapsed_ms,
    )


def _sheet_sha256(facts: PageFacts) -> str:
    """Of the answer sheet that the review folder is owed: known from the first, so that no answer is taken for ours."""
    sheet = answer_sheet(facts.form.fields if facts.form else (), facts.readings, facts.reasons)
    return sha256_of(sheet.encode())


def _form(template: Template) -> Form:
    return Form(name=template.name, revision=template.revision, fields=template.fields, key=template.key)


def _summary(alignment: Alignment) -> AlignmentSummary:
    return AlignmentSummary(
        inliers=alignment.inliers,
        rms_error_px=float(alignment.rms_error_px),
        worst_field_px=float(alignment.worst_field_px),
    )
