"""Audit: some of the rows that were accepted unseen, read once more by a person who does not see their values.

Which ones: those whose sheet's number, hashed, lies below the configured share. So the choice needs no memory, depends
on nothing that is written on the sheet, and is the same after a restart.

The warning asks for the lower end of the interval. When even that lies above the promised share of wrong values, chance
is no excuse. The upper end would warn from the first day on: 3,688 audited values without a single mistake are needed
before it falls to 0.001. So it is shown, and said to be what is not excluded yet, but alarms nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for

from sheetwatch.domain import UsageError
from sheetwatch.ledger import audits
from sheetwatch.ledger.audits import AuditedValue, Who
from sheetwatch.ledger.browse import row_detail
from sheetwatch.ledger.records import Decider
from sheetwatch.service import corrections
from sheetwatch.web.answer import PREFIX, Posted
from sheetwatch.web.interval import exact_interval
from sheetwatch.web.place import VIA, here
from sheetwatch.web.queue import ID
from sheetwatch.web.session import operator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from werkzeug.wrappers import Response

    from sheetwatch.ledger import Ledger, Transaction
    from sheetwatch.ledger.audits import Tally
    from sheetwatch.ledger.browse import RowDetail

pages = Blueprint("audit", __name__, url_prefix="/audit")
_CONFIDENCE = 0.95
_HASH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many of some values are wrong in the rows. `warns`: more than promised, and not by chance."""

    what: str
    wrong: int
    audited: int
    lower: float
    upper: float
    warns: bool


def is_chosen(sheet_id: str, share: float) -> bool:
    """Whether a sheet is one of those to be audited."""
    digest = hashlib.blake2b(sheet_id.encode(), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest) < share * 256**_HASH_BYTES


def estimates(tallies: Sequence[Tally], bound: float) -> list[Estimate]:
    """Of everything, of each kind of written value, and of each field of each form.

    With many fields, one of them would stand out by chance: each field's own warning asks for so much more.
    """
    kinds = sorted({tally.kind for tally in tallies})
    fields = list(dict.fromkeys((tally.template, tally.field) for tally in tallies))
    found = [_estimate("all values", tallies, bound, 1)] if tallies else []
    for kind in kinds:
        written = [tally for tally in tallies if tally.kind == kind and tally.written]
        if written:
            found.append(_estimate(f"written: {kind}", written, bound, len(kinds)))
    for template, field in fields:
        some = [tally for tally in tallies if (tally.template, tally.field) == (template, field)]
        found.append(_estimate(f"{template}: {field}", some, bound, len(fields)))
    return found


def _estimate(what: str, tallies: Sequence[Tally], bound: float, among: int) -> Estimate:
    wrong, audited = sum(tally.wrong for tally in tallies), sum(tally.audited for tally in tallies)
    lower, upper = exact_interval(wrong, audited, _CONFIDENCE)
    strict, _ = exact_interval(wrong, audited, 1 - (1 - _CONFIDENCE) / among)
    return Estimate(what=what, wrong=wrong, audited=audited, lower=lower, upper=upper, warns=strict > bound)


def warnings(ledger: Ledger, bound: float) -> list[Estimate]:
    """What there is to warn of."""
    with ledger.reading() as tx:
        return [one for one in estimates(audits.tallies(tx), bound) if one.warns]


@pages.get("/")
def show() -> str:
    """The estimates, and how many sheets wait for an audit."""
    bound = here().settings.accept.max_field_error
    with here().ledger() as ledger, ledger.reading() as tx:
        chosen, open_rows = _chosen(tx), audits.open_rows(tx)
        found = estimates(audits.tallies(tx), bound)
    g.title = "Audit"
    share = here().settings.web.audit_share
    return render_template("audit.html", chosen=chosen, open_rows=open_rows, estimates=found, bound=bound, share=share)


def _chosen(tx: Transaction) -> list[int]:
    share = here().settings.web.audit_share
    return [one.number for one in audits.candidates(tx) if is_chosen(one.sheet_id, share)] if share else []


@pages.get(f"/<{ID}>")
def read(number: int) -> str | Response:
    """One sheet, without what the row says."""
    with here().ledger() as ledger, ledger.reading() as tx:
        chosen = _chosen(tx)
    if number not in chosen:
        return _told("This sheet was audited already, or is not chosen.")
    with here().ledger() as ledger:
        detail = row_detail(ledger, number) or abort(404, "There is no such row.")
    return _blind(detail, len(chosen))


def _blind(detail: RowDetail, waiting: int, posted: Posted | None = None, **problems: str) -> str:
    g.title = "Audit"
    return render_template(
        "audit_read.html",
        detail=detail,
        waiting=waiting,
        typed=posted.values if posted else {},
        problems=problems,
        prefix=PREFIX,
    )


@pages.post(f"/<{ID}>")
def answer(number: int) -> str | tuple[str, int] | Response:
    """Compare what a person read with the row."""
    posted = Posted.of(request.form)
    with here().desk() as desk:
        with desk.site.ledger.reading() as tx:
            chosen = _chosen(tx)
        detail = row_detail(desk.site.ledger, number)
        if detail is None or number not in chosen:
            return _told("This sheet was audited or corrected meanwhile. What you typed was not used.")
        everything = {field.name: posted.values.get(field.name, "") for field in detail.fields}
        values, problems = corrections.values_of(detail, everything)
        if problems:
            return _blind(detail, len(chosen), posted, **problems), 422
        compared = _compared(detail, values)
        who = Decider(at=desk.site.clock.now(), by=operator(), via=VIA)
        try:
            with desk.site.ledger.transaction() as tx:
                audits.record(tx, detail.page, compared, who)
        except UsageError as error:
            return _told(f"{error}. What you typed was not used.")
    return _after(number, compared, [one for one in chosen if one != number])


def _compared(detail: RowDetail, values: Mapping[str, str]) -> list[AuditedValue]:
    return [
        AuditedValue(
            field=field.name,
            kind=field.kind.value,
            row_said=(said := detail.line.by_column[field.name]),
            answered=values[field.name],
            verdict=Who.SAME if values[field.name] == said else Who.OPEN,
        )
        for field in detail.fields
    ]


def _after(number: int, compared: Sequence[AuditedValue], others: Sequence[int]) -> Response:
    if any(one.verdict is Who.OPEN for one in compared):
        return redirect(url_for("audit.compare", number=number), 303)
    flash(f"Saved: all {len(compared)} values are as in the row.", "saved")
    return redirect(url_for("audit.read", number=others[0]) if others else url_for("audit.show"), 303)


@pages.get(f"/<{ID}>/compare")
def compare(number: int) -> str | Response:
    """The values about which row and person do not agree."""
    detail, different = _open(number)
    if not different:
        return _told("There is nothing to compare: both agree, or it is settled.")
    g.title = "Audit"
    return render_template("audit_compare.html", detail=detail, different=different)


@pages.post(f"/<{ID}>/compare")
def settle(number: int) -> Response:
    """Say who was right; where it was not the row, go on to correct it."""
    detail, different = _open(number)
    right = {one.field: request.form.get(f"right-{one.field}", "") for one in different}
    if any(who not in {Who.ROW, Who.ANSWER} for who in right.values()):
        flash("Say of each value who is right.", "told")
        return redirect(url_for("audit.compare", number=number), 303)
    with here().desk() as desk, desk.site.ledger.transaction() as tx:
        for field, who in right.items():
            audits.settle(tx, detail.page, field, Who(who))
    wrong: dict[str, Any] = {
        f"{PREFIX}{one.field}": one.answered for one in different if right[one.field] == Who.ANSWER
    }
    if not wrong:
        return _told("The row is right; nothing was changed.")
    flash("Kept. The row still says what it said: look once more, and save the correction.", "told")
    return redirect(url_for("results.show", number=number, **wrong), 303)


def _open(number: int) -> tuple[RowDetail, list[AuditedValue]]:
    with here().ledger() as ledger:
        detail = row_detail(ledger, number) or abort(404, "There is no such row.")
        with ledger.reading() as tx:
            return detail, audits.differences(tx, detail.page)


def _told(words: str) -> Response:
    flash(words, "told")
    return redirect(url_for("audit.show"), 303)
