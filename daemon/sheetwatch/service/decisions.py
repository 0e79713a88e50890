"""An operator's decision on a page in review, wherever it was made: one transaction; the first one wins.

One that is held, as those of the operator's pages are for a while, is carried out later, and may be undone until then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import OK, Answer, AnswerError
from sheetwatch.domain import LedgerError, ReasonCode, UsageError
from sheetwatch.ledger import Correction, DropCause, OpenReview, held, pages, reviews
from sheetwatch.ledger.held import DropAnswer, Held, RowAnswer
from sheetwatch.service.site import Site, Values, new_row

if TYPE_CHECKING:
    from sheetwatch.ledger import Form, Transaction
    from sheetwatch.ledger.records import Decider, NewRow


def accept(site: Site, review: OpenReview, form: Form, answer: Answer, who: Decider, *, hold_s: float = 0.0) -> str:
    """The page becomes a row with the operator's values. Returns the name of the CSV, nothing where it is held.

    Raises UsageError when somebody decided already, AnswerError when another sheet has the key and nobody confirmed
    that with `ok VALUE`, or with `ok` beside a review that said so.
    """
    row = new_row(form, _values(review, answer), who.at)
    decided = RowAnswer(form=form, row=row, corrections=tuple(_corrections(review, answer)))
    with site.ledger.transaction() as tx:
        # First of all: a page decided already has the key itself.
        _claim(tx, review, decided, who, hold_s)
        _check_key(tx, review, form, row, answer)
        name = "" if hold_s else _carry_out(tx, site, review.page, decided, who)
    _tell(site, review.sheet_id, decided, who, name, hold_s=hold_s)
    return name


def discard(
    site: Site, review: OpenReview, who: Decider, cause: DropCause = DropCause.DISCARDED, *, hold_s: float = 0.0
) -> None:
    """The page makes no row. Raises UsageError when somebody decided already."""
    decided = DropAnswer(cause=cause)
    with site.ledger.transaction() as tx:
        _claim(tx, review, decided, who, hold_s)
        if not hold_s:
            _carry_out(tx, site, review.page, decided, who)
    _tell(site, review.sheet_id, decided, who, hold_s=hold_s)


def undo(site: Site, decision: int, by: str) -> int:
    """Take back a decision of one's own that is held. Returns the stay in review that waits again.

    Raises UsageError when it was carried out, or taken back, a moment ago.
    """
    with site.ledger.transaction() as tx:
        review = held.review_of(tx, decision)
        if review is None or not held.take_back(tx, decision, by, site.clock.now()):
            what = "there is no such decision" if review is None else reviews.numbered_in_words(tx, review)
            raise UsageError(f"This cannot be undone any more: {what}")
    site.log.info("decision_undone", decision=decision, by=by)
    return review


def carry_out_due(site: Site) -> bool:
    """Carry out the held decisions whose time has come, each in a transaction. False when there is none."""
    with site.ledger.reading() as tx:
        due = held.due(tx, site.clock.now())
    for one in due:
        _carry_out_held(site, one)
    return bool(due)


def _carry_out_held(site: Site, one: Held) -> None:
    with site.ledger.transaction() as tx:
        if not held.begin(tx, one.decision, site.clock.now()):
            return  # it was undone this moment
        review = reviews.find_review(tx, one.stem)
        if review is None:
            raise LedgerError(f"{one.stem}: a decision is held for a page that is not in review; please report it")
        reviews.claim_decision(tx, review, held.resolution_of(one.answer), one.who)
        name = _carry_out(tx, site, review.page, one.answer, one.who)
    _tell(site, one.sheet_id, one.answer, one.who, name)


def _claim(tx: Transaction, review: OpenReview, decided: RowAnswer | DropAnswer, who: Decider, hold_s: float) -> None:
    if not hold_s:
        reviews.claim_decision(tx, review, held.resolution_of(decided), who)
    elif not held.hold(tx, review.review, decided, who, who.at + timedelta(seconds=hold_s)):
        raise UsageError(f"{review.stem}: {reviews.decided_already(tx, review.stem)}")


def _carry_out(tx: Transaction, site: Site, page: int, decided: RowAnswer | DropAnswer, who: Decider) -> str:
    if isinstance(decided, DropAnswer):
        pages.discard(tx, page, decided.cause, who.at)
        return ""
    max_rows = site.settings.rolling.max_rows
    return pages.correct(tx, page, decided.form, decided.corrections, row=decided.row, max_rows=max_rows, who=who)


def _tell(
    site: Site,
    sheet_id: str,
    decided: RowAnswer | DropAnswer,
    who: Decider,
    csv: str = "",
    *,
    hold_s: float = 0.0,
) -> None:
    about = {"sheet_id": sheet_id, "by": who.by, "via": who.via}
    if hold_s:
        site.log.info("review_held", resolution=held.resolution_of(decided).value, hold_s=hold_s, **about)
    elif isinstance(decided, DropAnswer):
        site.log.info("review_discarded", cause=decided.cause.value, **about)
    else:
        site.log.info("review_corrected", csv=csv, **about)


def _check_key(tx: Transaction, review: OpenReview, form: Form, row: NewRow, answer: Answer) -> None:
    if form.key is None or row.key_value is None or form.key in answer.confirmed:
        return
    if form.key in answer.as_read and any(reason.code is ReasonCode.DUPLICATE_KEY for reason in review.reasons):
        return
    holder = pages.key_holder(tx, form.name, row.key_value)
    if holder and holder != review.sheet_id:
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
