"""The verdict: doubts in plain words, values against the template, sums against brute force."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import (
    Accept,
    Alternative,
    BestOf,
    Field,
    FieldKind,
    Reading,
    ReasonCode,
    Roster,
    State,
    SumCheck,
    Template,
    Verdict,
    canonical_number,
)
from sheetwatch.rules import canonical_value, check_values, judge

Round = Literal["none", "up", "nearest"]


def template_of(*fields: Field, checks: tuple[SumCheck, ...] = ()) -> Template:
    reference = np.zeros((1, 1), np.uint8)
    return Template(name="form", title="Form", reference=reference, fields=fields, checks=checks)


def mark(name: str, **options: Any) -> Field:
    return Field(name=name, kind=FieldKind.MARK, **{"max": 10, **options})


def read(value: str, probability: float = 0.9999, **alternatives: float) -> Reading:
    state = State.WRITTEN if value else State.EMPTY
    others = tuple(Alternative(value=name.removeprefix("v"), probability=p) for name, p in alternatives.items())
    return Reading(value=value, state=state, probability=probability, alternatives=others)


def verdict_on(field: Field, reading: Reading) -> Verdict:
    return judge(template_of(field), {field.name: reading}, Accept(), threshold=0.999)


def only_reason(verdict: Verdict) -> tuple[ReasonCode, str | None, str]:
    (reason,) = verdict.reasons
    return reason.code, reason.field, reason.detail


def test_a_certain_allowed_value_is_accepted() -> None:
    assert verdict_on(mark("q"), read("7.5")).accepted
    assert verdict_on(mark("q"), read("7.5", 0.999)).accepted
    assert verdict_on(mark("q"), read("")).accepted


def test_doubt_names_value_and_runner_up() -> None:
    found = only_reason(verdict_on(mark("q"), read("7", 0.62, v1=0.31)))
    assert found == (ReasonCode.LOW_CONFIDENCE, "q", "7 (0.62) or 1 (0.31)")


@pytest.mark.parametrize(
    ("reading", "detail"),
    [
        (read("7", 0.62), "7 (0.62), not certain enough"),
        (read("7", 0.9985, v1=0.001), "7 (0.9985) or 1 (0.00)"),
        (read("", 0.7, v1=0.3), "nothing (0.70) or 1 (0.30)"),
        (read("1", 0.7, v=0.3), "1 (0.70) or nothing (0.30)"),
        (read("7", float("nan")), "7 (nan), not certain enough"),
        (Reading(value="", state=State.NOT_ATTEMPTED, probability=0.5), "not attempted (0.50), not certain enough"),
        (Reading(value="", state=State.UNREADABLE, probability=0.0), "could not be read"),
        (
            Reading(
                value="",
                state=State.UNREADABLE,
                probability=0.99999,
                alternatives=(Alternative(value="43", probability=0.2),),
            ),
            "could not be read; perhaps 43",
        ),
    ],
)
def test_doubt_in_words(reading: Reading, detail: str) -> None:
    assert only_reason(verdict_on(mark("q"), reading)) == (ReasonCode.LOW_CONFIDENCE, "q", detail)


@pytest.mark.parametrize(
    ("field", "value", "code", "detail"),
    [
        (mark("q"), "10.5", ReasonCode.OUT_OF_RANGE, "10.5 is more than 10"),
        (mark("q"), "7.25", ReasonCode.OUT_OF_RANGE, "7.25 is not a multiple of 0.5"),
        (mark("q", step=1), "7.5", ReasonCode.OUT_OF_RANGE, "7.5 is not a multiple of 1"),
        (mark("q", max=None), "9" * 40, ReasonCode.OUT_OF_RANGE, f"{'9' * 40} is too long for a number"),
        (mark("q"), "x", ReasonCode.OUT_OF_RANGE, "x is not a number"),
        (Field(name="q", kind=FieldKind.INTEGER, max=40), "41", ReasonCode.OUT_OF_RANGE, "41 is more than 40"),
        (Field(name="q", kind=FieldKind.INTEGER, max=40), "7.5", ReasonCode.OUT_OF_RANGE, "7.5 is not whole"),
        (
            Field(name="q", kind=FieldKind.DIGITS, length=10),
            "0012",
            ReasonCode.OUT_OF_RANGE,
            "0012 has 4 digits instead of 10",
        ),
        (Field(name="q", kind=FieldKind.DIGITS), "1.5", ReasonCode.OUT_OF_RANGE, "1.5 is not made of digits"),
        (mark("q", required=True), "", ReasonCode.MISSING_VALUE, "a value must stand here"),
    ],
)
def test_values_against_the_field(field: Field, value: str, code: ReasonCode, detail: str) -> None:
    assert only_reason(verdict_on(field, read(value))) == (code, "q", detail)


def test_a_required_field_that_was_not_attempted_is_missing() -> None:
    reading = Reading(value="", state=State.NOT_ATTEMPTED, probability=0.9999)
    assert only_reason(verdict_on(mark("q", required=True), reading))[0] is ReasonCode.MISSING_VALUE
    assert verdict_on(mark("q"), reading).accepted


def test_roster() -> None:
    roster = Roster(source="students.csv", column="roll", values=frozenset({"0012"}))
    field = Field(name="roll", kind=FieldKind.DIGITS, roster=roster)
    assert verdict_on(field, read("0012")).accepted
    found = only_reason(verdict_on(field, read("12")))
    assert found == (ReasonCode.NOT_ON_ROSTER, "roll", "12 does not stand in roll of students.csv")


def summed(values: dict[str, str], total: str, **check: Any) -> Verdict:
    fields = [mark(name, max=100) for name in values] + [mark("total", max=100_000)]
    terms = check.pop("terms", tuple(values))
    template = template_of(*fields, checks=(SumCheck(total="total", terms=terms, **check),))
    return judge(template, {name: read(value) for name, value in {**values, "total": total}.items()}, Accept(), 0.999)


def test_mismatch_names_both_numbers() -> None:
    found = only_reason(summed({"a": "20", "b": "20"}, "43"))
    assert found == (ReasonCode.SUM_MISMATCH, "total", "written 43, the marks add up to 40")
    found = only_reason(summed({"a": "20", "b": "20.5"}, "40.5", round="up"))
    assert found[2] == "written 40.5, the marks add up to 41 (40.5 before rounding)"


def test_empty_marks_count_nothing_and_an_empty_total_says_nothing() -> None:
    assert summed({"a": "20", "b": ""}, "20").accepted
    assert summed({"a": "20", "b": "1"}, "").accepted
    assert not summed({"a": "", "b": ""}, "5").accepted
    assert summed({"a": "", "b": ""}, "0").accepted


def test_an_unreadable_mark_leaves_the_sum_unknown() -> None:
    template = template_of(mark("a"), mark("total"), checks=(SumCheck(total="total", terms=("a",)),))
    unreadable = Reading(value="", state=State.UNREADABLE, probability=0.1)
    verdict = judge(template, {"a": unreadable, "total": read("5")}, Accept(), 0.999)
    assert [reason.code for reason in verdict.reasons] == [ReasonCode.LOW_CONFIDENCE]


def test_a_matching_total_does_not_lower_the_bar() -> None:
    template = template_of(mark("a"), mark("b"), mark("total"), checks=(SumCheck(total="total", terms=("a", "b")),))
    readings = {"a": read("3", 0.99), "b": read("4"), "total": read("7")}
    assert only_reason(judge(template, readings, Accept(), 0.999))[0] is ReasonCode.LOW_CONFIDENCE


halves = st.integers(0, 200).map(lambda number: canonical_number(Decimal(number) / 2))
marks = st.one_of(st.just(""), halves)


def brute_force(values: list[str], best: int) -> Fraction:
    numbers = [Fraction(value or "0") for value in values]
    return max(sum(chosen, Fraction(0)) for chosen in combinations(numbers, best))


def rounded(number: Fraction, how: Round) -> Fraction:
    if how == "up":
        return Fraction(ceil(number))
    return Fraction(floor(number + Fraction(1, 2))) if how == "nearest" else number


@given(
    plain=st.lists(marks, max_size=4),
    choice=st.lists(marks, min_size=1, max_size=6),
    best_share=st.floats(0, 1),
    how=st.sampled_from(["none", "up", "nearest"]),
    off=st.sampled_from(["0", "0.5", "1", "-0.5", "-1"]),
)
def test_sums_against_brute_force(plain: list[str], choice: list[str], best_share: float, how: Round, off: str) -> None:
    best = max(1, round(best_share * len(choice)))
    expected = rounded(sum((Fraction(value or "0") for value in plain), Fraction(0)) + brute_force(choice, best), how)
    written = expected + Fraction(off)
    if written < 0:
        return
    values = {f"p{n}": value for n, value in enumerate(plain)} | {f"c{n}": value for n, value in enumerate(choice)}
    terms = (*(f"p{n}" for n in range(len(plain))), BestOf(best=best, of=tuple(f"c{n}" for n in range(len(choice)))))
    total = canonical_number(Decimal(written.numerator) / Decimal(written.denominator))
    verdict = summed(values, total, terms=terms, round=how)
    assert any(reason.code is ReasonCode.SUM_MISMATCH for reason in verdict.reasons) == (off != "0")


@given(values=st.lists(halves, min_size=1, max_size=30))
def test_halves_add_up_exactly(values: list[str]) -> None:
    total = sum(map(Fraction, values), Fraction(0))
    named = {f"q{n}": value for n, value in enumerate(values)}
    assert summed(named, canonical_number(Decimal(total.numerator) / total.denominator)).reasons == ()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("mark", " 07 ", "7"), ("mark", "7½", "7.5"), ("mark", "½", "0.5"), ("mark", "7,5", "7.5"),
        ("mark", "7.50", "7.5"), ("mark", "-", ""), ("mark", "\N{EN DASH}", ""), ("mark", "", ""),
        ("integer", "012", "12"), ("digits", " 0012", "0012"), ("digits", "", ""),
    ],
)  # fmt: skip
def test_typed_values(kind: str, text: str, value: str) -> None:
    assert canonical_value(Field(name="q", kind=FieldKind(kind)), text) == value


@pytest.mark.parametrize(
    ("kind", "text"), [("mark", "7x"), ("mark", "1" * 16), ("digits", "12 34"), ("digits", "1.5"), ("mark", "=1+1")]
)
def test_typed_nonsense(kind: str, text: str) -> None:
    field = Field(name="q", kind=FieldKind(kind))
    with pytest.raises(ValueError, match=r"not|too long"):
        canonical_value(field, text)
    assert [reason.code for reason in check_values(template_of(field), {"q": text})] == [ReasonCode.OUT_OF_RANGE]


def test_check_values_for_a_whole_sheet() -> None:
    checks = (SumCheck(total="total", terms=("a", "b")),)
    template = template_of(mark("a", required=True), mark("b"), mark("total", max=20), checks=checks)
    assert check_values(template, {"a": "3½", "b": "4", "total": "07,5"}) == ()
    assert [str(reason.code) for reason in check_values(template, {"total": "5"})] == ["missing-value", "sum-mismatch"]
    with pytest.raises(KeyError):
        check_values(template, {"c": "1"})


@given(text=st.text(max_size=20), kind=st.sampled_from(list(FieldKind)))
def test_any_text_has_a_verdict(text: str, kind: FieldKind) -> None:
    field = Field(name="q", kind=kind)
    reasons = check_values(template_of(field), {"q": text})
    assert all(reason.field == "q" for reason in reasons)
    try:
        value = canonical_value(field, text)
    except ValueError:
        assert reasons
    else:
        assert canonical_value(field, value) == value
