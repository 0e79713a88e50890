"""An operator's decision on a page in review, wherever it was made: one transaction; the first one wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import OK, Answer, AnswerError
from sheetwatch.domain import ReasonCode
from sheetwatch.ledger import Correction, DropCause, OpenReview, Resolution, pages, reviews
from sheetwatch.service.site import Site, Values, new_row

if TYPE_CHECKING:
    from sheetwatch.ledger import Form, Transaction
    from sheetwatch.ledger.records import Decider, NewRow


def accept(site: Site, review: OpenReview, form: Form, answer: Answer, who: Decider) -> str:
    """The page becomes a row with the operator's values. Returns the name of the CSV.

    Raises UsageError when somebody decided already, AnswerError when another sheet has the key and nobody confirmed
    that with `ok VALUE`, or with `ok` beside a review that said so.
    """
    row = new_row(form, _values(review, answer), who.at)
    with site.ledger.transaction() as tx:
        # First of all: a page decided already has the key itself.
        reviews.claim_decision(tx, review, Resolution.CORRECTED, who)
        _check_key(tx, review, form, row, answer)
        max_rows = site.settings.rolling.max_rows
        name = pages.correct(tx, review.page, form, _corrections(review, answer), row=row, max_rows=max_rows, who=who)
    site.log.info("review_corrected", sheet_id=review.sheet_id, by=who.by, via=who.via, csv=name)
    return name


def discard(site: Site, review: OpenReview, who: Decider) -> None:
    """The page makes no row. Raises UsageError when somebody decided already."""
    with site.ledger.transaction() as tx:
        reviews.claim_decision(tx, review, Resolution.DISCARDED, who)
        pages.discard(tx, review.page, DropCause.DISCARDED, who.at)
    site.log.info("review_discarded", sheet_id=review.sheet_id, by=who.by, via=who.via)


def _check_key(tx: Transaction, review: OpenReview, form: Form, row: NewRow, answer: Answer) -> None:
    if form.key is None or row.key_value is None or form.key in answer.confirmed:
        return
    if form.key in answer.as_read and any(reason.code is ReasonCode.DUPLICATE_KEY for reason in review.reasons):
        return
    holder = pages.key_holder(tx, form.name, row.key_value)
    if holder:
        raise AnswerError(
            f"{form.key}: sheet {holder} has {row.key_value} already; if both are right, write: {OK} {row.key_value}"
        )


def _corrections(review: OpenReview, answer: Answer) -> list[Correction]:
    return [
        Correction(field=name, was=review.readings[name].value if name in review.readings else "", became=value)
        for name, value in answer.values.items()
        if name in answer.given
    ]


def _values(review: OpenReview, answer: Answer) -> Values:
    """The row's confidence is that of the values which nobody gave or confirmed; 1 when a person gave all."""
    unseen = [reading.probability for name, reading in review.readings.items() if name not in answer.given]
    return Values(
        sheet_id=review.sheet_id,
        source_name=review.source_name,
        page_index=review.page_index,
        by_field=answer.values,
        confidence=min(unseen, default=1.0),
        corrected=True,
    )
