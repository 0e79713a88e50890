"""What an operator decides in a terminal: written into the ledger beside a running daemon, delivered by whoever may."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sheetwatch.delivery.answers import doubtful_fields, interpret
from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.ledger import Form, Ledger, OpenReview, open_reviews, require, reviews
from sheetwatch.ledger.records import Decider
from sheetwatch.names import plain_text
from sheetwatch.service import decisions, lock
from sheetwatch.service.attention import Attention
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.deliveries import Deliveries
from sheetwatch.service.logs import configure
from sheetwatch.service.site import LEDGER_NAME, Site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import Settings, Template

VIA = "terminal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The review desk of a terminal."""

    site: Site

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the ledger. Raises LedgerError when there is none yet."""
        path = settings.state / LEDGER_NAME
        require(path)
        site = Site(settings=settings, ledger=Ledger.open(path), clock=SystemClock(), log=configure(settings.log))
        return cls(site=site)

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

    def accept(self, stem: str, values: Mapping[str, str], by: str, template: Template | None = None) -> str:
        """Make the page a row. Returns the name of its CSV. Raises UsageError, AnswerError."""
        review = self.find(stem)
        form = _form(review, template)
        if unknown := set(values) - {field.name for field in form.fields}:
            raise UsageError(f"{stem}: template {form.name} has no field {', '.join(sorted(unknown))}")
        doubtful = doubtful_fields(form.fields, review.readings, review.reasons)
        answer = interpret(values, form.fields, review.readings, doubtful)
        name = decisions.accept(self.site, review, form, answer, self._decider(by))
        self._deliver()
        return name

    def discard(self, stem: str, by: str) -> None:
        """Make no row of the page. Raises UsageError when somebody decided already."""
        decisions.discard(self.site, self.find(stem), self._decider(by))
        self._deliver()

    def _decider(self, by: str) -> Decider:
        return Decider(at=self.site.clock.now(), by=by, via=VIA)

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
