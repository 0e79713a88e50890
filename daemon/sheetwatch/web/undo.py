"""Undo: what an operator decided a moment ago, until it is carried out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, request, url_for

from sheetwatch.domain import UsageError
from sheetwatch.ledger import held
from sheetwatch.ledger.held import DropAnswer
from sheetwatch.web.place import here
from sheetwatch.web.session import operator

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from sheetwatch.ledger import Ledger
    from sheetwatch.ledger.held import Held

pages = Blueprint("undo", __name__)
_LATER = "What was carried out stays; a row can be corrected: look for it under Results."


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoable:
    """A decision as the page shows it. `left_s`: how long it may be undone for certain."""

    decision: int
    what: str
    left_s: int


def mine(ledger: Ledger) -> list[Undoable]:
    """What the operator of this request may still undo, newest first."""
    with ledger.reading() as tx:
        decisions = held.held_by(tx, operator())
    now = here().clock.now()
    return [
        Undoable(
            decision=one.decision,
            what=_in_words(one),
            left_s=max(0, math.ceil((one.due_at - now).total_seconds())),
        )
        for one in decisions
    ]


def _in_words(one: Held) -> str:
    if isinstance(one.answer, DropAnswer):
        return f"{one.stem}: no row ({one.answer.cause.replace('-', ' ')})"
    values = ", ".join(f"{item.field} {item.became or 'nothing'}" for item in one.answer.corrections)
    return f"{one.stem}: {values}" if values else one.stem


@pages.post("/undo")
def take_back() -> Response:
    """Let the page wait again."""
    number = request.form.get("decision", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        abort(400)
    with here().desk() as desk:
        try:
            review = desk.undo(int(number), operator())
        except UsageError as error:
            flash(f"{error}. {_LATER}", "told")
            return redirect(url_for("queue.begin"), 303)
    flash("Undone: this page waits again.", "saved")
    return redirect(url_for("queue.show", number=review), 303)
