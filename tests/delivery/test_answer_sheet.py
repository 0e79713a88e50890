"""What operators write into the answer sheet, and what programs make of it when they save it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.delivery.answers import (
    Answer,
    AnswerError,
    Discard,
    answer_sheet,
    canonical_value,
    doubtful_fields,
    read_answer,
)
from sheetwatch.delivery.words import meaning
from sheetwatch.domain import Field, FieldKind, Reading, Reason, ReasonCode, State, parse_number

FIELDS = (
    Field(name="roll", kind=FieldKind.DIGITS, length=4, required=True),
    Field(name="q1", kind=FieldKind.MARK, max=10),
    Field(name="q2", kind=FieldKind.MARK, max=10),
)
READINGS = {
    "roll": Reading(value="0012", state=State.WRITTEN, probability=0.99),
    "q1": Reading(value="7", state=State.WRITTEN, probability=0.6),
    "q2": Reading(value="", state=State.UNREADABLE, probability=0.1),
}
REASONS = (Reason(code=ReasonCode.LOW_CONFIDENCE, field="q1", detail="7 or 1"),)
SHEET = answer_sheet(FIELDS, READINGS, REASONS)


def read(text: str | bytes) -> Answer | Discard | None:
    data = text.encode() if isinstance(text, str) else text
    return read_answer(data, FIELDS, READINGS, REASONS)


def test_doubtful_are_the_fields_of_reasons_and_those_not_read() -> None:
    assert doubtful_fields(FIELDS, READINGS, REASONS) == ["q1", "q2"]
    assert SHEET.count("?") == 2
    assert read(SHEET) is None


@pytest.mark.parametrize(
    "saved",
    [
        "field,read,probability,correct\nroll,0012,0.99,\nq1,7,0.6,1\nq2,,0.1,5\n(whole sheet),,,\n",
        "field;read;probability;correct\r\nroll;12;0,99;\r\nq1;7;0,6;1\r\nq2;;0,1;5\r\n(whole sheet);;;\r\n",
        "sep=;\r\nfield;read;probability;correct\r\nroll\r\nq1;7;0,6;1\r\nq2;;0,1;5\r\n(whole sheet);;;;;\r\n",
        '\ufeff"field","read","correct"\r\n"roll","",""\r\n"q1","7","1"\r\n"q2",""," 5 "\r\n\r\n"(whole sheet)"\r\n',
        "Field\tRead\tProbability\tCorrect\nroll\t\t\t\nq1\t7\t\t01\nq2\t\t\t5.0\n(whole sheet)\t\t\tOK",
        "correct,field\n,roll\n1,q1\n5,q2\n,(whole sheet)\n",
    ],
)
def test_sheets_as_programs_save_them(saved: str) -> None:
    for data in (saved.encode(), saved.encode("utf-16")):
        answer = read(data)
        assert isinstance(answer, Answer)
        assert answer.values == {"roll": "0012", "q1": "1", "q2": "5"}
        assert answer.given == {"q1", "q2"}


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ("", "empty"),
        ("field,correct\nq1," + "1" * 200_000, "no table"),
        ("a,b\n", "columns field and correct"),
        ("field,correct\nroll,\nq1,1\nq2,\n(whole sheet),\n", "q2: write the value"),
        ("field,correct\nroll,\nq1,1\nq2,ok\n(whole sheet),\n", "q2: it could not be read"),
        ("field,correct\nq1,1\nq2,2\nroll,-\n(whole sheet),\n", "roll: it must not be empty"),
        ("field,correct\nq1,1\nq2,2\nq9,3\n", "no field q9"),
        ("field,correct\nq1,1\nq2,2\n(whole sheet),maybe\n", "ok or discard"),
        ("field,correct\nroll,\nq1,11\nq2,2\n(whole sheet),\n", "0 to 10 in steps of 0.5"),
        ("field,correct\nroll,\nq1,7,5\nq2,2\n(whole sheet),\n", "q1: the line has too many cells; write 7.5"),
        ("field,correct\nroll,\nq1,1\nq1,2\nq2,2\n(whole sheet),\n", "missing or there twice: q1;"),
        ("field,correct\nroll,\nq1,1\nq2,2\n(whole sheet),\n(whole sheet),discard\n", r"twice: \(whole sheet\);"),
    ],
)
def test_what_cannot_be_taken_is_explained(saved: str, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read(saved)


def test_a_sheet_cut_anywhere_is_no_answer() -> None:
    """A copy that broke off: values that are not there were corrected, perhaps, and 1 was 10."""
    saved = "field,read,probability,correct\nroll,0012,0.99,\nq1,7,0.6,10\nq2,,0.1,5\n(whole sheet),,,{}\n"
    for last, means in (("", Answer), ("ok", Answer), ("discard", Discard)):
        whole = saved.format(last)
        assert isinstance(read(whole), means)
        for length in range(whole.rindex(last or "\n") + len(last)):
            with pytest.raises(AnswerError):
                read(whole[:length])


def test_discard_needs_no_values() -> None:
    assert isinstance(read(SHEET.replace("(whole sheet),,,", "(whole sheet),,,Discard")), Discard)


def test_a_page_without_fields_can_only_be_discarded() -> None:
    sheet = answer_sheet((), {}, ())
    assert isinstance(read_answer(sheet.replace("?", "discard").encode(), (), {}, ()), Discard)
    assert read_answer(sheet.encode("utf-16"), (), {}, ()) is None, "opened and saved, no more"
    with pytest.raises(AnswerError, match="no template"):
        read_answer(sheet.replace("?", "ok").encode(), (), {}, ())


def test_without_doubtful_fields_one_word_is_needed() -> None:
    readings = {**READINGS, "q2": READINGS["q1"]}
    sheet = answer_sheet(FIELDS, readings, ())
    assert read_answer(sheet.encode(), FIELDS, readings, ()) is None
    answer = read_answer(sheet.replace("?", "ok").encode(), FIELDS, readings, ())
    assert isinstance(answer, Answer)
    assert answer.values == {"roll": "0012", "q1": "7", "q2": "7"}
    filled = "field,correct\nroll,0012\nq1,7\nq2,8\n(whole sheet),?\n"
    assert isinstance(read_answer(filled.encode(), FIELDS, readings, ()), Answer), "every value was given"


@pytest.mark.parametrize(
    ("text", "value"), [("'0012", "0012"), ('="0012"', "0012"), ("00 12", "0012"), (" 0012 ", "0012")]
)
def test_digits_as_spreadsheets_save_them(text: str, value: str) -> None:
    assert canonical_value(FIELDS[0], text) == value


@pytest.mark.parametrize("text", ["12,000", "12.000", "1,500", "'7.500", "0.125"])
def test_what_may_be_thousands_is_asked_again(text: str) -> None:
    for field in (Field(name="kwh", kind=FieldKind.INTEGER, max=999_999), Field(name="q1", kind=FieldKind.MARK)):
        with pytest.raises(AnswerError, match="may be thousands or thousandths; write"):
            canonical_value(field, text)


def test_thousandths_are_taken_with_a_point_where_marks_have_them() -> None:
    field = Field(name="q1", kind=FieldKind.MARK, max=10, step=0.125)
    assert canonical_value(field, "7.125") == "7.125"
    with pytest.raises(AnswerError, match="thousandths"):
        canonical_value(field, "7,125")
    with pytest.raises(ValueError, match="thousandths"):
        parse_number("7,125")


@given(st.integers(0, 20).map(lambda halves: halves / 2))
def test_every_mark_comes_back_canonical(number: float) -> None:
    value = canonical_value(FIELDS[1], f"{number:.2f}")
    assert canonical_value(FIELDS[1], value) == value
    assert float(value) == number


@given(st.binary(max_size=300))
def test_no_file_breaks_the_reading(data: bytes) -> None:
    try:
        answer = read(data)
    except AnswerError:
        return
    assert answer is None or isinstance(answer, Answer | Discard)


def test_every_reason_has_its_words() -> None:
    for code in ReasonCode:
        text = meaning(Reason(code=code, detail=""))
        assert code.value not in text
        assert text.endswith(".")
