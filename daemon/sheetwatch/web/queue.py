"""Review: the pages that wait for a person, one after the other."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from flask import Blueprint, abort, flash, g, jsonify, redirect, render_template, request, url_for

from sheetwatch.delivery.answers import AnswerError
from sheetwatch.domain import ReasonCode, UsageError
from sheetwatch.ledger import DropCause, Form, reviews
from sheetwatch.web import undo
from sheetwatch.web.answer import PREFIX, Posted, Task, checked, confirming_key, with_holder
from sheetwatch.web.place import here
from sheetwatch.web.session import operator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from sheetwatch.domain import Template
    from sheetwatch.ledger import Ledger, OpenReview
    from sheetwatch.ledger.records import WaitingLine
    from sheetwatch.service.terminal import Desk
    from sheetwatch.web.answer import Checked
    from sheetwatch.web.undo import Undoable

pages = Blueprint("queue", __name__, url_prefix="/review")
ID = "int(max=9223372036854775807):number"
Order = Literal["oldest", "worst"]
_CAUSES = {"discarded": DropCause.DISCARDED, "blank": DropCause.BLANK, "no-template": DropCause.NO_TEMPLATE}
_CAUSE_WORDS = {
    DropCause.DISCARDED: "discarded",
    DropCause.BLANK: "dropped as blank",
    DropCause.NO_TEMPLATE: "dropped as no form of ours",
}
_GONE = "Nothing was changed by you. What you typed was not used."


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The pages that wait, in the order in which they are worked through."""

    waiting: Sequence[WaitingLine]
    order: Order

    @classmethod
    def of(cls, ledger: Ledger, order: Order) -> Queue:
        """As the ledger has it now."""
        with ledger.reading() as tx:
            waiting = reviews.waiting_lines(tx)
        if order == "worst":
            waiting.sort(key=lambda line: -len(line.reasons))
        return cls(waiting=waiting, order=order)

    def after(self, number: int) -> int | None:
        """The page after this one; from the last back to the first; None when no other one waits."""
        numbers = [line.review for line in self.waiting]
        at = numbers.index(number) + 1 if number in numbers else 0
        return next((one for one in (*numbers[at:], *numbers[:at]) if one != number), None)


def _order() -> Order:
    return "worst" if request.values.get("order") == "worst" else "oldest"


@pages.get("/")
def begin() -> str | AnyResponse:
    """The first page that waits; without one, that nobody is needed."""
    with here().ledger() as ledger:
        queue = Queue.of(ledger, _order())
        if queue.waiting:
            return redirect(_page_url(queue.waiting[0].review, queue.order), 303)
        undoable = undo.mine(ledger)
    g.title = "Review"
    return render_template("review_none.html", undoable=undoable)


@pages.get("/all")
def list_all() -> str:
    """All that waits, as a list."""
    with here().ledger() as ledger:
        queue, undoable = Queue.of(ledger, _order()), undo.mine(ledger)
    g.title = f"Review: {len(queue.waiting)} waiting"
    return render_template("review_all.html", queue=queue, undoable=undoable, now=here().clock.now())


@pages.get(f"/<{ID}>")
def show(number: int) -> str | AnyResponse:
    """One page, to be answered."""
    with here().ledger() as ledger:
        queue, undoable = Queue.of(ledger, _order()), undo.mine(ledger)
        try:
            review = _found(ledger, number)
        except UsageError as error:
            return _told(error, queue.after(number), queue.order)
    return _page(_task(review, _other_form()), queue, undoable)


@pages.post(f"/<{ID}>/check")
def check(number: int) -> Response:
    """What there is to say about the values typed so far."""
    with here().ledger() as ledger:
        task = _task(_found(ledger, number), _other_form())
    found = checked(task, Posted.of(request.form))
    return jsonify(
        problems=dict(found.problems), objections=found.objections, sums_hold=found.sums_hold, open=found.open
    )


@pages.post(f"/<{ID}>/accept")
def accept(number: int) -> str | tuple[str, int] | AnyResponse:
    """Make the page a row, unless something speaks against it that the operator has not seen."""
    posted = Posted.of(request.form)
    with _deciding(number) as (desk, review, queue):
        if review is None:
            return _told_gone(queue, number, desk)
        task = _task(review, _other_form())
        if task.form is None:
            abort(400, "Choose the form of this page first.")
        found, said = checked(task, posted), task.said(posted)
        found = with_holder(found, task.form, desk.key_holder(task.form, found.values, review.sheet_id))
        if _must_ask_again(task, posted, found):
            return _page(task, queue, undo.mine(desk.site.ledger), posted, found), 422
        if found.mark and task.form.key and desk.key_holder(task.form, found.values, review.sheet_id):
            said = confirming_key(said, task.form, found)
        try:
            name = desk.accept_page(task.review, said, operator(), task.outline if review.form != task.form else None)
        except AnswerError as error:  # what a person can mend; in the same words as in the terminal
            flash(str(error), "problem")
            return _page(task, queue, undo.mine(desk.site.ledger), posted, found), 422
        except UsageError as error:
            return _told(error, queue.after(number), queue.order)
    where = f"is a row of {name}" if name else f"becomes a row of {task.form.name}"
    flash(f"Saved: {review.stem} {where}.", "saved")
    return _go_on(queue.after(number), queue.order)


def _must_ask_again(task: Task, posted: Posted, found: Checked) -> bool:
    if found.open or found.problems or (not task.doubtful and not posted.looked):
        return True
    return found.mark not in {"", posted.confirmed}


@pages.post(f"/<{ID}>/discard")
def discard(number: int) -> AnyResponse:
    """Make no row of the page."""
    cause = _CAUSES.get(request.form.get("cause", "")) or abort(400)
    with _deciding(number) as (desk, review, queue):
        if review is None:
            return _told_gone(queue, number, desk)
        try:
            desk.discard_page(review, operator(), cause)
        except UsageError as error:
            return _told(error, queue.after(number), queue.order)
    flash(f"Saved: {review.stem} makes no row ({_CAUSE_WORDS[cause]}).", "saved")
    return _go_on(queue.after(number), queue.order)


@contextmanager
def _deciding(number: int) -> Iterator[tuple[Desk, OpenReview | None, Queue]]:
    """The desk, the page if it waits still, and the queue as it is before the decision."""
    with here().desk() as desk:
        queue = Queue.of(desk.site.ledger, _order())
        with desk.site.ledger.reading() as tx:
            review = reviews.find_numbered(tx, number)
        yield desk, review, queue


def _told_gone(queue: Queue, number: int, desk: Desk) -> AnyResponse:
    with desk.site.ledger.reading() as tx:
        what = reviews.numbered_in_words(tx, number)
    return _told(UsageError(what), queue.after(number), queue.order)


def _told(error: UsageError, following: int | None, order: Order) -> AnyResponse:
    """Somebody was quicker."""
    flash(f"{error}. {_GONE}", "told")
    return _go_on(following, order)


def _go_on(following: int | None, order: Order) -> AnyResponse:
    return redirect(url_for("queue.begin") if following is None else _page_url(following, order), 303)


def _page_url(number: int, order: Order) -> str:
    return url_for("queue.show", number=number, order=order if order != "oldest" else None)


def _found(ledger: Ledger, number: int) -> OpenReview:
    with ledger.reading() as tx:
        review = reviews.find_numbered(tx, number)
        if review is None:
            raise UsageError(reviews.numbered_in_words(tx, number))
    return review


def _other_form() -> Template | None:
    """The form that the operator chose instead of the one that was recognised, if any."""
    name = request.values.get("form")
    return (here().outlines.named(name) or abort(400)) if name else None


def _task(review: OpenReview, other: Template | None) -> Task:
    """The page as it is to be answered. With another form, nothing that was read counts."""
    if other is None:
        return Task(review=review, form=review.form, outline=here().outlines.of(review.form) if review.form else None)
    blank = replace(review, form=None, readings={}, reasons=())
    form = Form(name=other.name, revision=other.revision, fields=other.fields, key=other.key)
    return Task(review=blank, form=form, outline=other)


def _page(
    task: Task,
    queue: Queue,
    undoable: Sequence[Undoable],
    posted: Posted | None = None,
    found: Checked | None = None,
) -> str:
    review, numbers = task.review, [line.review for line in queue.waiting]
    lines = task.lines(posted, found.problems if found else {})
    following = queue.after(review.review)
    g.title = f"Review: {review.source_name}"
    return render_template(
        "review.html",
        review=review,
        task=task,
        lines=lines,
        doubtful=[line for line in lines if line.doubtful],
        clear=[line for line in lines if not line.doubtful],
        general=[reason for reason in review.reasons if reason.field is None],
        found=found,
        undoable=undoable,
        objections=found.objections if found and not (found.open or found.problems) else (),
        posted=posted,
        prefix=PREFIX,
        position=numbers.index(review.review) + 1 if review.review in numbers else 0,
        waiting=len(numbers),
        order=queue.order,
        skip_url=_page_url(following or review.review, queue.order),
        forms=here().outlines.every(),
        chosen=task.form.name if task.form and review.form is None else "",
        asks_to_look=bool(task.form) and not task.doubtful,
        duplicate=any(reason.code is ReasonCode.DUPLICATE_SCAN for reason in review.reasons),
        now=here().clock.now(),
    )
