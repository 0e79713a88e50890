"""What an operator typed into a page, in the words that the terminal takes; and what speaks against it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.delivery.answers import NOTHING, OK, AnswerError, canonical_value, doubtful_fields, interpret
from sheetwatch.domain import BestOf, ReasonCode, State
from sheetwatch.rules import check_values
from sheetwatch.rules.known_numbers import substituted, swapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sheetwatch.domain import Field, Reading, Reason, Template
    from sheetwatch.ledger import Form, OpenReview

PREFIX = "v-"
_LONGEST_TEXT = 100
_MOST_CHOICES = 6
_LEAST_OFFERED = 0.005
KEYS = "abcdef"
"""What to press for a choice. Letters: a digit is always the value itself, never the number of a choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value that a doubtful field may hold. `text`: what to type for it; `hint`: why it is offered."""

    key: str
    text: str
    shown: str
    probability: float | None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A field of the page."""

    field: Field
    reading: Reading | None
    doubtful: bool
    choices: tuple[Choice, ...]
    reasons: tuple[Reason, ...]
    box: tuple[int, int, int, int] | None
    typed: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A form that came back. `confirmed`: the mark of the objections that were shown and overruled."""

    values: Mapping[str, str]
    looked: bool = False
    confirmed: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Posted:
        """From the form's fields, as the browser sent them."""
        return cls(
            values={
                name.removeprefix(PREFIX): text.strip()[:_LONGEST_TEXT]
                for name, text in form.items()
                if name.startswith(PREFIX)
            },
            looked=form.get("looked") == "yes",
            confirmed=form.get("confirmed", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A page with the form that it is answered by. `outline`: with sums and rosters, where the form is known still."""

    review: OpenReview
    form: Form | None
    outline: Template | None

    @property
    def doubtful(self) -> list[str]:
        """The fields that must be answered."""
        if self.form is None:
            return []
        return doubtful_fields(self.form.fields, self.review.readings, self.review.reasons)

    def said(self, posted: Posted) -> dict[str, str]:
        """The fields that the operator spoke of, in the terminal's words; what was left as read is not among them."""
        if self.form is None:
            return {}
        doubtful, said = self.doubtful, {}
        for field in self.form.fields:
            text = posted.values.get(field.name, "")
            read = _read(self.review.readings.get(field.name))
            if field.name not in doubtful:
                text = "" if text == read else text or NOTHING
            if text:
                said[field.name] = text
        return said

    def lines(self, posted: Posted | None, problems: Mapping[str, str]) -> list[Line]:
        """The fields, as the page shows them."""
        if self.form is None:
            return []
        review, doubtful = self.review, self.doubtful
        places = review.sheet.boxes if review.sheet and len(review.sheet.boxes) == len(self.form.fields) else ()
        if review.form is None or review.form.name != self.form.name:
            places = ()
        return [
            Line(
                field=field,
                reading=(reading := review.readings.get(field.name)),
                doubtful=field.name in doubtful,
                choices=self._choices(field, reading) if field.name in doubtful else (),
                reasons=tuple(reason for reason in review.reasons if reason.field == field.name),
                box=places[index] if places else None,
                typed=(
                    posted.values.get(field.name, "")
                    if posted is not None
                    else ("" if field.name in doubtful else _read(reading))
                ),
                problem=problems.get(field.name, ""),
            )
            for index, field in enumerate(self.form.fields)
        ]

    def _choices(self, field: Field, reading: Reading | None) -> tuple[Choice, ...]:
        """What was read, the runners-up, and the entries of the list one slip away."""
        found: dict[str, tuple[float | None, str]] = {}
        if reading is not None:
            if reading.state is not State.UNREADABLE:
                found[reading.value] = (reading.probability, "as read")
            for other in reading.alternatives:
                found.setdefault(other.value, (other.probability, ""))
        roster = self._roster(field)
        for value in _near(reading.value, roster) if reading and roster else ():
            found.setdefault(value, (None, ""))
        usable = [
            (value, *why)
            for value, why in found.items()
            if _is_possible(field, value) and (value in roster or why[0] is None or why[0] >= _LEAST_OFFERED)
        ]
        return tuple(
            Choice(
                key=key,
                text=value or NOTHING,
                shown=value or "nothing written",
                probability=probability,
                hint=hint or ("on the list" if value in roster else ""),
            )
            for key, (value, probability, hint) in zip(KEYS, usable[:_MOST_CHOICES], strict=False)
        )

    def _roster(self, field: Field) -> frozenset[str]:
        if self.outline is None:
            return frozenset()
        roster = self.outline.field(field.name).roster
        return roster.values if roster else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What there is to say about what was typed. `values`: canonical, once every field is answered."""

    problems: Mapping[str, str]
    open: tuple[str, ...]
    objections: tuple[str, ...]
    sums_hold: bool | None
    values: Mapping[str, str]

    @property
    def mark(self) -> str:
        """Of the objections."""
        return mark_of(self.objections)


def checked(task: Task, posted: Posted) -> Checked:
    """Check what was typed so far, with the rules of the terminal and of the form."""
    said, problems, values = task.said(posted), {}, {}
    fields = task.form.fields if task.form else ()
    still_open = tuple(name for name in task.doubtful if name not in said)
    for field in fields:
        if field.name in still_open:
            continue
        try:
            one = interpret(said, [field], task.review.readings, task.doubtful)
            values[field.name] = one.values[field.name]
        except AnswerError as error:
            problems[field.name] = str(error).removeprefix(f"{field.name}: ")
    unknown = {*still_open, *problems}
    reasons = _against(task.outline, values, unknown)
    return Checked(
        problems=problems,
        open=still_open,
        objections=tuple(_words(reason) for reason in reasons),
        sums_hold=_sums_hold(task.outline, reasons, unknown),
        values=values,
    )


def with_holder(found: Checked, form: Form, holder: str | None) -> Checked:
    """The same, and that another sheet has the key already."""
    if holder is None or not form.key:
        return found
    objection = f"{form.key}: sheet {holder} has {found.values[form.key]} already."
    return replace(found, objections=(*found.objections, objection))


def confirming_key(said: Mapping[str, str], form: Form, found: Checked) -> dict[str, str]:
    """What was said, and that the key is right although another sheet has it."""
    return {**said, str(form.key): f"{OK} {found.values[str(form.key)]}"}


def _against(outline: Template | None, values: Mapping[str, str], unknown: set[str]) -> list[Reason]:
    """What the form's rules say; nothing about sums of which a part is not known yet."""
    if outline is None:
        return []
    fields = {field.name for field in outline.fields}
    reasons = check_values(outline, {name: text for name, text in values.items() if name in fields})
    undecided = {check.total for check in outline.checks if _parts(outline, check.total) & unknown}
    return [
        reason
        for reason in reasons
        if (reason.code is ReasonCode.SUM_MISMATCH and reason.field not in undecided)
        or reason.code is ReasonCode.NOT_ON_ROSTER
    ]


def _parts(outline: Template, total: str) -> set[str]:
    """A total and all that is added up to it."""
    names = {total}
    for check in outline.checks:
        if check.total == total:
            for term in check.terms:
                names |= set(term.of) if isinstance(term, BestOf) else {term}
    return names


def _sums_hold(outline: Template | None, reasons: Sequence[Reason], unknown: set[str]) -> bool | None:
    """None where the form has no sums, or where it is too early to say."""
    if outline is None or not outline.checks:
        return None
    if any(reason.code is ReasonCode.SUM_MISMATCH for reason in reasons):
        return False
    return None if unknown else True


def objections_to(outline: Template | None, values: Mapping[str, str]) -> tuple[str, ...]:
    """What the form's rules say against a whole sheet's canonical values, in words."""
    return tuple(_words(reason) for reason in _against(outline, values, set()))


def mark_of(objections: Sequence[str]) -> str:
    """Changes with the objections, so that nobody overrules one that was not shown; empty without any."""
    return hashlib.sha256("\n".join(objections).encode()).hexdigest()[:16] if objections else ""


def _words(reason: Reason) -> str:
    return f"{reason.field}: {reason.detail}."


def _read(reading: Reading | None) -> str:
    return reading.value if reading and reading.state is not State.UNREADABLE else ""


def _near(value: str, roster: frozenset[str]) -> list[str]:
    """The entries of a list one wrong or two swapped digits away."""
    return list(dict.fromkeys(one for one in (*swapped(value), *substituted(value)) if one in roster))


def _is_possible(field: Field, value: str) -> bool:
    """Whether a person may answer so."""
    if not value:
        return not field.required
    try:
        return canonical_value(field, value) == value
    except AnswerError:
        return False
