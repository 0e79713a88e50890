"""A sketch: a template that is being drawn, as the browser sends it; and the template.yaml that it becomes.

Numbers stay the text that was typed: whether they are right, the loader of templates says, as it does for a file
written by hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from sheetwatch.domain import BestOf, FieldKind, UsageError
from sheetwatch.names import plain_text
from sheetwatch.worker.designing import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sheetwatch.domain import Field, SumCheck, Template

MOST_FIELDS = 500
_MOST_CHECKS = 100
_PLAIN = re.compile(r"[a-z][a-z0-9_-]*")
_WORDS = {"null", "true", "false"}
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_BEST = re.compile(r"best\s+(\S+)\s+of\s*\(([^()]*)\)", re.IGNORECASE)
_TERM = re.compile(r"[^+(]*(?:\([^)]*\))?[^+]*")
_ROSTER = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}\.csv:.{1,200}")

Short = Annotated[str, msgspec.Meta(max_length=200)]
Long = Annotated[str, msgspec.Meta(max_length=5000)]
Pixels = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchField:
    """A box, as drawn. Texts that are empty are left out of the file."""

    name: Short
    kind: Short
    box: tuple[Pixels, Pixels, Pixels, Pixels]
    max: Short = ""
    step: Short = ""
    length: Short = ""
    comb: Short = ""
    required: bool = False
    roster: Short = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchCheck:
    """A sum, as typed: "q1 + q2 + best 2 of (q3, q4, q5)"."""

    total: Short
    sum: Long
    round: Short = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """All that is drawn and typed."""

    name: Short = ""
    title: Short = ""
    key: Short = ""
    fields: Annotated[tuple[SketchField, ...], msgspec.Meta(max_length=MOST_FIELDS)] = ()
    checks: Annotated[tuple[SketchCheck, ...], msgspec.Meta(max_length=_MOST_CHECKS)] = ()


def parsed(text: str) -> Sketch:
    """From the browser's JSON. Raises UsageError for what our own page never sends."""
    try:
        return msgspec.json.decode(text, type=Sketch)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise UsageError(f"this is no drawing of a template: {error}") from error


def is_roster(text: str) -> bool:
    """Whether a field's list is one of this draft's own; a list elsewhere on the machine is nobody's business here."""
    return not text or bool(_ROSTER.fullmatch(text))


def as_yaml(sketch: Sketch) -> str:
    """The text of template.yaml."""
    return "\n".join(_lines(sketch)) + "\n"


def _lines(sketch: Sketch) -> Iterator[str]:
    yield "# Drawn on the operator's pages. It may be edited by hand, too."
    yield "version: 1"
    yield f"name: {_text(sketch.name)}"
    if sketch.title.strip():
        yield f"title: {_text(sketch.title)}"
    yield f"reference: {REFERENCE}"
    if sketch.key:
        yield f"key: {_text(sketch.key)}"
    yield "fields:" if sketch.fields else "fields: []"
    yield from (f"  - {{{', '.join(_field(field))}}}" for field in sketch.fields)
    if sketch.checks:
        yield "checks:"
    yield from (f"  - {{{_check(check)}}}" for check in sketch.checks)


def _field(field: SketchField) -> Iterator[str]:
    yield f"name: {_text(field.name)}"
    yield f"kind: {_text(field.kind)}"
    yield f"box: {list(field.box)}"
    for key in ("max", "step", "length", "comb"):
        if typed := getattr(field, key).strip():
            yield f"{key}: {_number(typed)}"
    if field.required:
        yield "required: true"
    if field.roster:
        yield f"roster: {_text(field.roster)}"


def _check(check: SketchCheck) -> str:
    terms = ", ".join(_term(term) for term in _terms(check.sum))
    rounding = "" if check.round == "none" else f", round: {_text(check.round)}"
    return f"total: {_text(check.total)}, sum: [{terms}]{rounding}"


def _terms(text: str) -> Iterable[str]:
    """What stands between the plus signs outside of parentheses."""
    return (term for found in _TERM.findall(text) if (term := found.strip()))


def _term(text: str) -> str:
    best = _BEST.fullmatch(text)
    if best is None:
        return _text(text)
    names = ", ".join(_text(name) for part in best[2].split(",") if (name := part.strip()))
    return f"{{best: {_number(best[1])}, of: [{names}]}}"


def _number(typed: str) -> str:
    """A number as it is; what is none as text, so that the loader says so."""
    return typed if _NUMBER.fullmatch(typed) else _text(typed)


def _text(text: str) -> str:
    """A scalar that is read back as this very text, on one line, without control characters."""
    text = plain_text(text.strip())
    if _PLAIN.fullmatch(text) and text not in _WORDS:
        return text
    return "'" + text.replace("'", "''") + "'"


def sketched(fields: Sequence[Field], template: Template | None = None, name: str = "") -> Sketch:
    """The sketch to begin with: proposed fields, or a template that is in use."""
    return Sketch(
        name=template.name if template else name,
        title=template.title if template else "",
        key=(template.key or "") if template else "",
        fields=tuple(_sketched_field(field) for field in fields if field.box is not None),
        checks=tuple(_sketched_check(check) for check in template.checks) if template else (),
    )


def _sketched_field(field: Field) -> SketchField:
    box = field.box
    if box is None:
        raise ValueError(f"{field.name} has no box")
    return SketchField(
        name=field.name,
        kind=field.kind.value,
        box=(box.left, box.top, box.width, box.height),
        max=_typed(field.max),
        step=_typed(field.step) if field.kind is FieldKind.MARK and field.step != 0.5 else "",
        length=_typed(field.length),
        comb=_typed(field.comb),
        required=field.required,
        roster=f"{field.roster.source}:{field.roster.column}" if field.roster else "",
    )


def _typed(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if number == int(number) else repr(number)


def _sketched_check(check: SumCheck) -> SketchCheck:
    terms = (
        f"best {term.best} of ({', '.join(term.of)})" if isinstance(term, BestOf) else term for term in check.terms
    )
    return SketchCheck(total=check.total, sum=" + ".join(terms), round=check.round)
