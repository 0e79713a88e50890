from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import Field, FieldKind, State
from sheetwatch.reader.decode import Spelling
from sheetwatch.reader.grammar import meaning_of, meanings
from sheetwatch.reader.vocabulary import SYMBOLS

MARK = Field(name="m", kind=FieldKind.MARK, max=10)
INTEGER = Field(name="i", kind=FieldKind.INTEGER, max=100)
DIGITS = Field(name="d", kind=FieldKind.DIGITS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", "7"),
        ("07", "7"),
        ("0", "0"),
        ("00", "0"),
        ("7.5", "7.5"),
        ("7.50", "7.5"),
        ("7½", "7.5"),
        ("½", "0.5"),
        ("0½", "0.5"),
        (".5", "0.5"),
        ("7.", "7"),
        ("10", "10"),
        ("14½", "14.5"),
        ("3.½", "3.5"),
    ],
)
def test_marks_become_canonical(text: str, value: str) -> None:
    assert meaning_of(text, MARK) == (State.WRITTEN, value)


@pytest.mark.parametrize("text", [".", "..", "½½", "5½x½", "7x", "x", "½7", "7-", "-7", "1.2.3", ".½", "7..½"])
def test_what_is_no_number_is_unreadable(text: str) -> None:
    assert meaning_of(text, MARK) == (State.UNREADABLE, "")


@pytest.mark.parametrize("field", [MARK, INTEGER, DIGITS])
def test_nothing_and_strokes_have_states_of_their_own(field: Field) -> None:
    assert meaning_of("", field) == (State.EMPTY, "")
    assert meaning_of("-", field) == (State.NOT_ATTEMPTED, "")
    assert meaning_of("--", field) == (State.NOT_ATTEMPTED, "")


def test_digits_keep_their_zeros_and_take_nothing_else() -> None:
    assert meaning_of("0012", DIGITS) == (State.WRITTEN, "0012")
    assert meaning_of("1½", DIGITS) == (State.UNREADABLE, "")
    assert meaning_of("1.5", DIGITS) == (State.UNREADABLE, "")


@given(st.text(SYMBOLS, max_size=8), st.sampled_from([MARK, INTEGER, DIGITS]))
def test_every_string_means_something_canonical(text: str, field: Field) -> None:
    state, value = meaning_of(text, field)
    assert (value != "") == (state is State.WRITTEN)
    if state is State.WRITTEN and field.kind is not FieldKind.DIGITS:
        assert meaning_of(value, field) == (State.WRITTEN, value)
        assert Decimal(value) >= 0


def test_spellings_of_one_value_are_summed() -> None:
    ranked = meanings(
        [
            Spelling(text="9", probability=0.4),
            Spelling(text="7½", probability=0.3),
            Spelling(text="7.5", probability=0.25),
        ],
        MARK,
    )
    assert ranked[0].value == "7.5"
    assert ranked[0].probability / ranked[1].probability == pytest.approx(0.55 / 0.4)
    assert ranked[1].value == "9"
    assert sum(meaning.probability for meaning in ranked) == pytest.approx(1.0)


def test_a_value_out_of_range_stays_when_it_is_clear_and_yields_when_it_is_not() -> None:
    clear = meanings([Spelling(text="14½", probability=0.9999), Spelling(text="1½", probability=0.0001)], MARK)
    assert clear[0].value == "14.5"
    doubtful = meanings([Spelling(text="14½", probability=0.98), Spelling(text="1½", probability=0.02)], MARK)
    assert doubtful[0].value == "1.5"
    assert doubtful[0].probability < 0.95
    assert doubtful[1].value == "14.5"


def test_what_nobody_writes_outweighs_a_value_only_when_it_is_far_likelier() -> None:
    noise = meanings([Spelling(text="7", probability=0.6), Spelling(text="½7", probability=0.4)], MARK)
    assert noise[0].value == "7"
    assert noise[0].probability > 0.95
    reject = meanings([Spelling(text="x", probability=0.9), Spelling(text="7", probability=0.1)], MARK)
    assert reject[0].state is State.UNREADABLE
    missed = meanings([Spelling(text="7", probability=0.5)], MARK)
    assert 0.9 < missed[0].probability < 1.0


@given(st.lists(st.tuples(st.text(SYMBOLS, max_size=4), st.floats(0, 0.2)), max_size=5, unique_by=lambda pair: pair[0]))
def test_probabilities_of_meanings_sum_to_one(pairs: list[tuple[str, float]]) -> None:
    ranked = meanings([Spelling(text=text, probability=p) for text, p in pairs], MARK)
    assert sum(meaning.probability for meaning in ranked) == pytest.approx(1.0)
    values = [m.probability for m in ranked if m.state is not State.UNREADABLE]
    assert values == sorted(values, reverse=True)
    if len(ranked) > 1 and ranked[0].state is State.UNREADABLE:
        assert ranked[0].probability >= 5 * ranked[1].probability
