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
import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
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
_FIELD, _CORRECT = "field", "correct"


class AnswerError(SheetwatchError):
    """An answer that cannot be taken; the message says, line by line, what to write instead."""

    exit_code = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operator said: every value; the fields they spoke of, those with `ok`, those with `ok VALUE`."""

    values: Mapping[str, str]
    given: frozenset[str]
    as_read: frozenset[str]
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
    saved = _read_lines(data)
    said, whole = saved.by_field, saved.whole_sheet
    if whole == DISCARD:
        return Discard()
    if whole not in {"", OPEN, OK}:
        raise AnswerError(f"{WHOLE_SHEET}: write ok or discard, not {whole!r}")
    if not fields and whole == OPEN:
        return None
    if not fields:
        raise AnswerError(f"no template fits this page, so its values have no place; write {DISCARD} in the last line")
    if unknown := set(said) - {field.name for field in fields}:
        raise AnswerError(f"there is no field {', '.join(sorted(unknown))}; leave the column `field` as it was")
    every_field_filled = all(said.get(field.name) for field in fields)
    if OPEN in said.values() or (whole == OPEN and not every_field_filled):
        return None
    _check_is_whole(saved, fields)
    return interpret(said, fields, readings, doubtful_fields(fields, readings, reasons))


def _check_is_whole(saved: _Saved, fields: Sequence[Field]) -> None:
    """Refuse a sheet that was saved or copied only in part: a lost correction looks like a reading left as it is."""
    found = Counter(name for name, _ in saved.lines)
    if wrong := [name for name in (*(field.name for field in fields), WHOLE_SHEET) if found[name] != 1]:
        raise AnswerError(
            f"lines are missing or there twice: {', '.join(wrong)}; every line must be there once (to have the sheet "
            "made again, move the page back into the inbox)"
        )
    if not saved.ends_with_a_line and saved.whole_sheet != OK:
        raise AnswerError(f"the end of the file may be missing; write {OK} beside {WHOLE_SHEET} if it is not")


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
        as_read=frozenset(name for name, text in said.items() if text.lower() == OK),
        confirmed=frozenset(name for name, text in said.items() if text.lower().startswith(f"{OK} ")),
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
    value = canonical_value(field, text)
    if word.lower() != OK:
        _check_zeros(field, value, reading)
    return value


def _check_zeros(field: Field, value: str, reading: Reading | None) -> None:
    """Where a number may have any length, one without the zeros that were read may have lost them in a spreadsheet."""
    read = reading.value if reading else ""
    is_free = field.kind is FieldKind.DIGITS and field.length is None
    if is_free and read.startswith("0") and not value.startswith("0") and len(value) < len(read):
        raise AnswerError(
            f"{value!r} may have lost its zeros in a spreadsheet; type an apostrophe in front: '0{value}; "
            f"or, if there are none: {OK} {value}"
        )


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
    if _may_be_thousands(field, plain):
        whole, thousands = re.split("[,.]", plain)
        raise AnswerError(f"{text!r} may be thousands or thousandths; write {whole}{thousands}, or {whole}")
    try:
        number = parse_number(plain)
    except ValueError:
        raise AnswerError(f"{text!r} is not a number") from None
    if not field.allows(number):
        raise AnswerError(f"{text!r} is not possible here{_range_of(field)}")
    return canonical_number(number)


def _may_be_thousands(field: Field, plain: str) -> bool:
    """12,000 or 12.000: no two countries agree. With a point it is canonical where marks come in thousandths."""
    has_thousandths = field.kind is FieldKind.MARK and Decimal(str(field.step)) % Decimal("0.01") != 0
    return re.fullmatch(r"\d+,\d{3}" if has_thousandths else r"\d+[,.]\d{3}", plain) is not None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """The column `correct`, line by line, and whether the last line was ended."""

    lines: Sequence[tuple[str, str]]
    ends_with_a_line: bool

    @property
    def by_field(self) -> dict[str, str]:
        """What is said of each field."""
        return {name: text for name, text in self.lines if name != WHOLE_SHEET}

    @property
    def whole_sheet(self) -> str:
        """What is said of the whole sheet; nothing where the line is missing or there twice."""
        said = [text.lower() for name, text in self.lines if name == WHOLE_SHEET]
        return said[0] if len(said) == 1 else ""


def _read_lines(data: bytes) -> _Saved:
    text = _decode(data).lstrip("\ufeff")
    lines = text.splitlines()
    if lines and lines[0].lower().startswith("sep="):
        del lines[0]
    if not lines:
        raise AnswerError("the file is empty; move the page back into inbox to have it made again")
    if not lines[0]:
        raise AnswerError(f"the first line is empty; it must name the columns {_FIELD} and {_CORRECT}")
    try:
        found = _cells("\n".join(lines), max(",;\t", key=lines[0].count))
    except csv.Error as error:
        raise AnswerError(f"the file is no table that can be understood ({error})") from error
    return _Saved(lines=found, ends_with_a_line=text.endswith(("\n", "\r")))


def _cells(text: str, delimiter: str) -> list[tuple[str, str]]:
    """The columns `field` and `correct`. Raises AnswerError; csv.Error for a table that is none."""
    titles, *lines = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    titles = [title.lower() for title in titles]
    if not titles.count(_FIELD) == titles.count(_CORRECT) == 1:
        raise AnswerError(
            f"the first line must name the columns {_FIELD} and {_CORRECT}, each once; leave it as it was"
        )
    if delimiter == ",":
        _check_decimal_commas(titles, lines)
    field, correct = titles.index(_FIELD), titles.index(_CORRECT)
    padded = ([*cells, *[""] * len(titles)] for cells in lines)
    return [(cells[field], cells[correct]) for cells in padded if cells[field]]


def _check_decimal_commas(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Refuse `7,5` typed into a file with commas between cells: the 5 lands beside the 7, under no title of ours."""
    correct = titles.index(_CORRECT)
    for cells in lines:
        value, beside = [*cells[correct:], "", ""][:2]
        is_longer = len(cells) > len(titles) and (any(cells[len(titles) :]) or (value and beside))
        is_ours = correct + 1 < len(titles) and titles[correct + 1] in COLUMNS
        if is_longer or (value.isdigit() and beside.isdigit() and not is_ours):
            raise AnswerError(f"{cells[0]}: the line has too many cells; write 7.5, not 7,5")


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
