"""The texts beside a page in review: why it waits, and why an answer came too late or to an older sheet; what to do."""

from __future__ import annotations

import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import DISCARD, NOTHING, OK, OPEN, WHOLE_SHEET
from sheetwatch.domain import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# Stands for a space where no line may end; no name holds one, because control characters are spelled out in them.
_UNBROKEN = "\x1f"
_MEANING = {
    ReasonCode.UNREADABLE_FILE: "The file cannot be opened as a scan",
    ReasonCode.INCOMPLETE_FILE: "The file is not whole; the scanner or the copy stopped half-way. Scan it again",
    ReasonCode.TOO_LARGE: "The file or the page is larger than the configuration allows",
    ReasonCode.TIMED_OUT: "Reading the page took too long and was stopped",
    ReasonCode.ENCRYPTED: "The file is protected by a password",
    ReasonCode.WORKER_CRASHED: "Reading the page failed",
    ReasonCode.BLANK_PAGE: "The page is blank",
    ReasonCode.NO_TEMPLATE: "The page looks like none of the known forms",
    ReasonCode.MISALIGNED: "The form was recognised, but does not lie well enough on the page to be read",
    ReasonCode.LOW_CONFIDENCE: "The handwriting is not clear",
    ReasonCode.OUT_OF_RANGE: "The value is not possible in this field",
    ReasonCode.MISSING_VALUE: "Nothing is written where a value must stand",
    ReasonCode.SUM_MISMATCH: "The written total is not the sum of the parts",
    ReasonCode.NOT_ON_ROSTER: "The value does not stand in the list of known ones",
    ReasonCode.DUPLICATE_SCAN: "The same scan came in before",
    ReasonCode.DUPLICATE_KEY: "Another sheet has the same key",
    ReasonCode.AUDIT: "The page was picked at random, to check the machine",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewNote:
    """What the text speaks of."""

    stem: str
    sheet_id: str
    source: str
    page: int
    page_count: int
    page_name: str
    template: str | None
    made_by: str
    opened_at: datetime
    reasons: Sequence[Reason]
    doubtful: Sequence[str]
    has_picture: bool
    problem: str | None


def review_text(note: ReviewNote) -> str:
    """The whole text."""
    parts = [_what(note), *([_problem(note.problem)] if note.problem else []), _why(note), _mend(note), _made(note)]
    return "\n\n".join(parts) + "\n"


def answered_too_late(stem: str, kept: str, why: str) -> str:
    """The text beside an answer that came after the decision."""
    return _late_text(
        f"{_whole(kept)} came too late: the page {_whole(stem)} was {why}.",
        "If that decision is right, delete this text and the answer. If it is wrong, settle it with whoever decided, "
        "and correct the row on the operator's pages, under Results.",
    )


def answered_an_older_sheet(stem: str, kept: str) -> str:
    """The text beside an answer to a sheet that is written anew."""
    return _late_text(
        f"{_whole(kept)} answers an older sheet of the page {_whole(stem)}.",
        f"The page waits still, with a new sheet: answer {_whole(stem)}.review.csv. Then delete this text and the "
        "older answer.",
    )


def _late_text(what: str, mend: str) -> str:
    return "\n\n".join(_filled(paragraph) for paragraph in (what, "It was NOT used.", mend)) + "\n"


def meaning(reason: Reason) -> str:
    """One reason in plain words, with what was found."""
    text = _MEANING.get(reason.code, reason.code.value)
    where = f"{reason.field}: " if reason.field else ""
    return f"{where}{text}{f' ({reason.detail})' if reason.detail else ''}."


def _what(note: ReviewNote) -> str:
    page = f"page {note.page + 1} of {note.page_count} of " if note.page_count > 1 else ""
    form = f'read as "{note.template}"' if note.template else "not recognised as any known form"
    source = _whole(f'"{note.source}"')
    return _filled(f"This page waits for a person: {page}{source}, {form}.")


def _problem(problem: str) -> str:
    return "YOUR LAST ANSWER COULD NOT BE TAKEN\n" + textwrap.indent(problem, "  ")


def _why(note: ReviewNote) -> str:
    return "WHY\n" + "\n".join(
        textwrap.fill(meaning(reason), 100, initial_indent="  - ", subsequent_indent="    ") for reason in note.reasons
    )


def _mend(note: ReviewNote) -> str:
    picture = f"The picture {note.stem}.review.png shows what was read where.\n" if note.has_picture else ""
    ways = [_by_sheet(note), _by_inbox(note), _by_terminal(note)]
    numbered = "\n".join(
        _filled(way, initial_indent=f"  {number}. ", subsequent_indent="     ") for number, way in enumerate(ways, 1)
    )
    return f"WHAT TO DO\n{picture}One of these:\n{numbered}"


def _by_sheet(note: ReviewNote) -> str:
    sheet = f"Open {_whole(note.stem)}.review.csv"
    if note.template is None:
        return f'{sheet}, replace the {OPEN} beside "{WHOLE_SHEET}" by {DISCARD} and save it: the page makes no row.'
    if not note.doubtful:
        rest = (
            f'Where a reading is wrong, write the right value beside it. Then replace the {OPEN} beside "{WHOLE_SHEET}"'
        )
        return f"{sheet}. {rest} by {OK} (or by {DISCARD}: the page makes no row), and save it."
    return (
        f"{sheet} and replace every {OPEN} in the column `correct` by the right value ({', '.join(note.doubtful)}): "
        f"{OK} where the reading is right, {NOTHING} where nothing is written. Correct other fields as well where they "
        f'are wrong; those left empty are taken as read. Save it. ({DISCARD} beside "{WHOLE_SHEET}": '
        "the page makes no row.)"
    )


def _by_inbox(note: ReviewNote) -> str:
    return (
        f"Move {_whole(note.page_name)} back into the inbox, under this name: it is read again. "
        "A better scan of the same page under this name will do as well."
    )


def _by_terminal(note: ReviewNote) -> str:
    values = " ".join(f"{field}=VALUE" for field in note.doubtful)
    if note.template is None:
        values = "--template NAME FIELD=VALUE ..."
    stem = shlex.quote(note.stem)
    accept = f"sheetwatch review accept {stem} {values}".rstrip()
    return f"In a terminal: {_whole(accept)} or {_whole(f'sheetwatch review discard {stem}')}"


def _whole(text: str) -> str:
    """A name or a command that must stay on one line."""
    return text.replace(" ", _UNBROKEN)


def _filled(text: str, *, initial_indent: str = "", subsequent_indent: str = "") -> str:
    lines = textwrap.fill(
        text,
        100,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines.replace(_UNBROKEN, " ")


def _made(note: ReviewNote) -> str:
    return f"Sheet {note.sheet_id}, in review since {note.opened_at.astimezone():%Y-%m-%d %H:%M}. {note.made_by}"
