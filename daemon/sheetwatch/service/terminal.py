"""What an operator decides in a terminal or on a page: in the ledger beside a daemon, delivered by whoever may."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sheetwatch.delivery.answers import doubtful_fields, interpret
from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.ledger import DropCause, Form, Ledger, OpenReview, held, open_reviews, pages, require, reviews
from sheetwatch.ledger.records import Decider
from sheetwatch.names import plain_text
from sheetwatch.service import corrections, decisions, lock
from sheetwatch.service.attention import Attention
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.deliveries import Deliveries
from sheetwatch.service.logs import configure
from sheetwatch.service.site import LEDGER_NAME, Site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import Settings, Template
    from sheetwatch.ledger import Correction
    from sheetwatch.ledger.browse import RowDetail
    from sheetwatch.ledger.held import Held
    from sheetwatch.service.clock import Clock

VIA = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A review desk. `via`: where it stands, kept with every decision; `hold_s`: how long one may be undone."""

    site: Site
    via: str = VIA
    hold_s: float = 0.0

    @classmethod
    def open(cls, settings: Settings, via: str = VIA, *, hold_s: float = 0.0, clock: Clock | None = None) -> Self:
        """Open the ledger. Raises LedgerError when there is none yet."""
        path = settings.state / LEDGER_NAME
        require(path)
        log = configure(settings.log)
        site = Site(settings=settings, ledger=Ledger.open(path), clock=clock or SystemClock(), log=log)
        return cls(site=site, via=via, hold_s=hold_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.site.ledger.close()

    def waiting(self) -> list[OpenReview]:
        """Every page in review."""
        return open_reviews(self.site.ledger)

    def find(self, stem: str) -> OpenReview:
        """A page in review. Raises UsageError, saying what became of it, when it is there no more."""
        with self.site.ledger.reading() as tx:
            review = reviews.find_review(tx, stem)
            if review is None:
                raise UsageError(f"{stem}: {reviews.decided_already(tx, stem)}")
        return review

    def find_numbered(self, number: int) -> OpenReview:
        """As `find`, by the number of its stay in review: one that came back to review meanwhile is another stay."""
        with self.site.ledger.reading() as tx:
            review = reviews.find_numbered(tx, number)
            if review is None:
                raise UsageError(reviews.numbered_in_words(tx, number))
        return review

    def key_holder(self, form: Form, values: Mapping[str, str], but: str = "") -> str | None:
        """The sheet, but for one, whose row has or will have the key that these canonical values name."""
        value = values.get(form.key or "")
        if not form.key or not value:
            return None
        with self.site.ledger.reading() as tx:
            holder = pages.key_holder(tx, form.name, value)
        return None if holder == but else holder

    def accept(self, stem: str, values: Mapping[str, str], by: str, template: Template | None = None) -> str:
        """Make the page a row. Returns the name of its CSV, "" where it is held. Raises UsageError, AnswerError."""
        return self.accept_page(self.find(stem), values, by, template)

    def accept_page(
        self, review: OpenReview, values: Mapping[str, str], by: str, template: Template | None = None
    ) -> str:
        """As `accept`, for a page that was found before."""
        form = _form(review, template)
        if unknown := set(values) - {field.name for field in form.fields}:
            raise UsageError(f"{review.stem}: template {form.name} has no field {', '.join(sorted(unknown))}")
        doubtful = doubtful_fields(form.fields, review.readings, review.reasons)
        answer = interpret(values, form.fields, review.readings, doubtful)
        name = decisions.accept(self.site, review, form, answer, self._decider(by), hold_s=self.hold_s)
        self._deliver()
        return name

    def discard(self, stem: str, by: str) -> None:
        """Make no row of the page. Raises UsageError when somebody decided already."""
        self.discard_page(self.find(stem), by, DropCause.DISCARDED)

    def discard_page(self, review: OpenReview, by: str, cause: DropCause) -> None:
        """As `discard`, for a page that was found before, and saying why."""
        decisions.discard(self.site, review, self._decider(by), cause, hold_s=self.hold_s)
        self._deliver()

    def correct_row(self, detail: RowDetail, values: Mapping[str, str], by: str) -> list[Correction]:
        """Change a row that was written; the daemon sees to its CSV. See `corrections.correct`. Raises UsageError."""
        return corrections.correct(self.site, detail, values, self._decider(by))

    def undo(self, decision: int, by: str) -> int:
        """Take back what this operator decided. Returns the stay in review. Raises UsageError when it is too late."""
        return decisions.undo(self.site, decision, by)

    def held(self, by: str) -> list[Held]:
        """What this operator may still undo, newest first."""
        with self.site.ledger.reading() as tx:
            return held.held_by(tx, by)

    def _decider(self, by: str) -> Decider:
        return Decider(at=self.site.clock.now(), by=by, via=self.via)

    def _deliver(self) -> None:
        """Only one process may write into the folders: a running daemon does within a second, else we do.

        Under another user than the daemon's, root for instance, we do not: it could not touch what we made.
        """
        try:
            self._deliver_unless_others_do()
        except (EnvironmentFault, OSError) as fault:  # the decision stands all the same
            self.site.log.warning("delivered_later", reason=plain_text(str(fault)))

    def _deliver_unless_others_do(self) -> None:
        state = self.site.settings.state
        if lock.is_held(state):
            return
        if os.geteuid() != state.stat().st_uid:
            self.site.log.warning("delivered_later", reason="decided under another user; the daemon does the rest")
            return
        with lock.held(state):
            Deliveries(self.site, problem=Attention(self.site).add).everything()


def _form(review: OpenReview, template: Template | None) -> Form:
    if template is not None and review.form is not None:
        raise UsageError(
            f"{review.stem}: this page was read as {review.form.name}; leave out --template, or discard it"
        )
    if template is not None:
        return Form(name=template.name, revision=template.revision, fields=template.fields, key=template.key)
    if review.form is None:
        raise UsageError(f"{review.stem}: no template fits this page; name one: --template NAME, and give its values")
    return review.form
