"""The sheet <stem>.review.csv: written for an operator, and read again when somebody has saved it.

Its rule, in the words of the text beside it: replace every `?` in the column `correct`. So a file that was only
opened and saved is no answer, and nothing doubtful slips through. In `correct`,

    a value      is what the field says
    ok           what was read is right; `ok 12` says that 12 is right though another sheet has that key
    -            nothing is written there
    (empty)      what was read is right; not for a field that had a `?`
    discard      in the last line, "(whole sheet)": this page makes no row

Ranges and lengths are checked, to catch slips of the keyboard; rosters and sums are not: a person overrules them.
Spreadsheets save with commas, semicolons or tabs, with a BOM, in UTF-8, UTF-16 or Windows-1252; all are understood.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.delivery.rows import confidence_text, csv_line
from sheetwatch.domain import Field, FieldKind, Reading, Reason, SheetwatchError, State, canonical_number, parse_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = ("field", "read", "probability", "correct")
WHOLE_SHEET = "(whole sheet)"
OPEN = "?"
OK = "ok"
DISCARD = "discard"
NOTHING = "-"


class AnswerError(SheetwatchError):
    """An answer that cannot be taken; the message says, line by line, what to write instead."""

    exit_code = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operator said: every field's value, which of them they gave or confirmed, and with `ok`."""

    values: Mapping[str, str]
    given: frozenset[str]
    confirmed: frozenset[str]


class Discard:
    """What an operator said: this page makes no row."""


def doubtful_fields(fields: Sequence[Field], readings: Mapping[str, Reading], reasons: Sequence[Reason]) -> list[str]:
    """The fields that a person must decide: those that a reason names, and those that could not be read."""
    named = {reason.field for reason in reasons}
    return [field.name for field in fields if field.name in named or _is_unreadable(readings.get(field.name))]


def _is_unreadable(reading: Reading | None) -> bool:
    return reading is None or reading.state is State.UNREADABLE


def answer_sheet(fields: Sequence[Field], readings: Mapping[str, Reading], reasons: Sequence[Reason]) -> str:
    """The text of <stem>.review.csv."""
    doubtful = doubtful_fields(fields, readings, reasons)
    lines = [csv_line(COLUMNS)]
    for field in fields:
        reading = readings.get(field.name)
        shown = (reading.value, confidence_text(reading.probability)) if reading else ("", "")
        lines.append(csv_line([field.name, *shown, OPEN if field.name in doubtful else ""]))
    lines.append(csv_line([WHOLE_SHEET, "", "", "" if doubtful else OPEN]))
    return "".join(lines)


def read_answer(
    data: bytes, fields: Sequence[Field], readings: Mapping[str, Reading], reasons: Sequence[Reason]
) -> Answer | Discard | None:
    """What a saved answer sheet says; None while a `?` is left. Raises AnswerError."""
    said = _read_cells(data)
    whole = said.pop(WHOLE_SHEET, "").lower()
    if whole == DISCARD:
        return Discard()
    if whole not in {"", OPEN, OK}:
        raise AnswerError(f"{WHOLE_SHEET}: write ok or discard, not {whole!r}")
    if not fields:
        raise AnswerError(f"no template fits this page, so its values have no place; write {DISCARD} in the last line")
    if unknown := set(said) - {field.name for field in fields}:
        raise AnswerError(f"there is no field {', '.join(sorted(unknown))}; leave the column `field` as it was")
    if any(text == OPEN for text in said.values()):
        return None
    every_field_filled = all(said.get(field.name) for field in fields)
    if whole == OPEN and not every_field_filled:
        return None
    return interpret(said, fields, readings, doubtful_fields(fields, readings, reasons))


def interpret(
    said: Mapping[str, str], fields: Sequence[Field], readings: Mapping[str, Reading], doubtful: Sequence[str]
) -> Answer:
    """The value of every field, from what the operator said and, elsewhere, what was read. Raises AnswerError."""
    values, problems = {}, []
    for field in fields:
        text = said.get(field.name, "")
        try:
            values[field.name] = _value(field, text, readings.get(field.name), is_doubtful=field.name in doubtful)
        except AnswerError as error:
            problems.append(f"{field.name}: {error}")
    if problems:
        raise AnswerError("\n".join(problems))
    return Answer(
        values=values,
        given=frozenset(name for name, text in said.items() if text),
        confirmed=frozenset(name for name, text in said.items() if text.lower().startswith(OK)),
    )


def _value(field: Field, text: str, reading: Reading | None, *, is_doubtful: bool) -> str:
    word, _, rest = text.partition(" ")
    if word.lower() == OK and rest.strip():
        text = rest.strip()
    elif word.lower() == OK or (not text and not is_doubtful):
        return _as_read(field, reading)
    if not text:
        raise AnswerError(f"write the value, {OK} where the reading is right, or {NOTHING} where nothing is written")
    if text == NOTHING:
        return _nothing(field)
    return canonical_value(field, text)


def _as_read(field: Field, reading: Reading | None) -> str:
    if reading is None or reading.state is State.UNREADABLE:
        raise AnswerError("it could not be read; write the value itself")
    return canonical_value(field, reading.value) if reading.value else _nothing(field)


def _nothing(field: Field) -> str:
    if field.required:
        raise AnswerError("it must not be empty; write the value, or discard the page")
    return ""


def canonical_value(field: Field, text: str) -> str:
    """A value as a person types it, or a spreadsheet saves it, in canonical text. Raises AnswerError."""
    plain = text.strip().removeprefix("=").strip('"').lstrip("'").strip()
    if field.kind is FieldKind.DIGITS:
        return _digits(field, plain.replace(" ", ""))
    try:
        number = parse_number(plain)
    except ValueError:
        raise AnswerError(f"{text!r} is not a number") from None
    if not field.allows(number):
        raise AnswerError(f"{text!r} is not possible here{_range_of(field)}")
    return canonical_number(number)


def _range_of(field: Field) -> str:
    step = f" in steps of {field.step:g}" if field.kind is FieldKind.MARK else ""
    return f": 0 to {field.max:g}{step}" if field.max is not None else step


def _digits(field: Field, plain: str) -> str:
    if not (plain.isascii() and plain.isdigit()):
        raise AnswerError(f"{plain!r} is not a row of digits; in a spreadsheet, type an apostrophe in front: '0012")
    if field.length is not None and len(plain) != field.length:
        raise AnswerError(
            f"{plain!r} has {len(plain)} digits, not {field.length}; "
            "in a spreadsheet, type an apostrophe in front so that zeros stay: '0012"
        )
    return plain


def _read_cells(data: bytes) -> dict[str, str]:
    """The column `correct` by field."""
    lines = _decode(data).lstrip("\ufeff").splitlines()
    if lines and lines[0].lower().startswith("sep="):
        del lines[0]
    if not lines:
        raise AnswerError("the file is empty; move the page back into inbox to have it made again")
    delimiter = max(",;\t", key=lines[0].count)
    rows = csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter, restval="")
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if not {"field", "correct"} <= columns.keys():
        raise AnswerError("the first line must name the columns field and correct; leave it as it was")
    field, correct = columns["field"], columns["correct"]
    return {row[field].strip(): (row[correct] or "").strip() for row in rows if row[field] and row[field].strip()}


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
