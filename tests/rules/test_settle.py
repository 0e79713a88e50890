"""Settled readings: posteriors against brute force, clear handwriting never overruled, no evidence where none is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import permutations, product
from math import ceil, floor, prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import (
    Accept,
    Alternative,
    BestOf,
    Field,
    FieldKind,
    Reading,
    ReasonCode,
    State,
    SumCheck,
    Template,
    canonical_number,
)
from sheetwatch.rules import judge, settle
from sheetwatch.rules.options import MISLEADING_HANDS
from sheetwatch.rules.slips import ANY_TOTAL, COMMON, COMMON_SLIPS, ONE_MARK
from sheetwatch.rules.trees import trees

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Readings = dict[str, Reading]


def template_of(fields: list[Field], *checks: SumCheck) -> Template:
    return Template(
        name="form", title="Form", reference=np.zeros((1, 1), np.uint8), fields=tuple(fields), checks=tuple(checks)
    )


def mark(name: str, largest: float = 10, step: float = 0.5) -> Field:
    return Field(name=name, kind=FieldKind.MARK, max=largest, step=step)


def read(value: str, probability: float = 0.999, /, **others: float) -> Reading:
    """Alternatives as v4=0.1, v7_5=0.1 for 7.5, v=0.1 for an empty field."""
    alternatives = tuple(
        Alternative(value=name.removeprefix("v").replace("_", "."), probability=p) for name, p in others.items()
    )
    state = State.WRITTEN if value else State.EMPTY
    return Reading(value=value, state=state, probability=probability, alternatives=alternatives)


# Brute force


@dataclass(frozen=True)
class Choice:
    """One thing that a field may hold: which candidate it is (-1: something else), its number (None: nothing)."""

    candidate: int
    number: Fraction | None
    weight: float


def grid_of(field: Field) -> list[Fraction]:
    step = Fraction(str(field.step))
    return [step * number for number in range(int(Fraction(str(field.max)) / step) + 1)]


def choices(field: Field, reading: Reading, *, misleading: bool) -> list[Choice]:
    named = [(other.value, other.probability) for other in reading.alternatives]
    if reading.state is not State.UNREADABLE:
        named = [(reading.value, reading.probability), *named]
    rest = max(0.0, 1.0 - sum(p for _, p in named))
    shares = [p for _, p in named] + [rest]
    if reading.state is not State.UNREADABLE:
        tilted = [shares[0]] + [p / MISLEADING_HANDS for p in shares[1:]]
        tilted = [p / sum(tilted) for p in tilted]
        steady = [(p - MISLEADING_HANDS * q) / (1 - MISLEADING_HANDS) for p, q in zip(shares, tilted, strict=True)]
        shares = tilted if misleading else steady
    grid = grid_of(field)
    other = elsewhere(grid, [value for value, _ in named])
    found: list[Choice] = []
    for at, (value, _) in enumerate(named):
        if not value:
            found.append(Choice(at, None, shares[at]))
        elif Fraction(value) in grid:
            found.append(Choice(at, Fraction(value), shares[at]))
        else:
            found += [Choice(at, number, shares[at] * share) for number, share in other.items()]
    return found + [Choice(-1, number, shares[-1] * share) for number, share in other.items()]


def elsewhere(grid: list[Fraction], named: list[str]) -> dict[Fraction, float]:
    """A tenth of something else over all values, the rest over those that are not named, if there are any."""
    unnamed = [number for number in grid if number not in {Fraction(value) for value in named if value}] or grid
    return {number: 0.1 / len(grid) + 0.9 * (number in unnamed) / len(unnamed) for number in grid}


def added(check: SumCheck, numbers: Mapping[str, Fraction | None]) -> Fraction:
    total = Fraction(0)
    for term in check.terms:
        names = term.of if isinstance(term, BestOf) else (term,)
        best = term.best if isinstance(term, BestOf) else 1
        total += sum(sorted((numbers[name] or Fraction(0) for name in names), reverse=True)[:best])
    if check.round == "none":
        return total
    return Fraction(ceil(total)) if check.round == "up" else Fraction(floor(total + Fraction(1, 2)))


@dataclass(frozen=True)
class Totals:
    """What a check's total may be, and how its slips are measured."""

    grid: tuple[Fraction, ...]
    largest_mark: Fraction
    unit: Fraction


def totals_of(template: Template, check: SumCheck) -> Totals:
    names = [name for term in check.terms for name in (term.of if isinstance(term, BestOf) else (term,))]
    steps = [Fraction(str(template.field(name).step)) for name in [check.total, *names]]
    return Totals(
        grid=tuple(grid_of(template.field(check.total))),
        largest_mark=max(Fraction(str(template.field(name).max)) for name in names),
        unit=min(steps),  # the steps of these templates divide each other and 1
    )


def slip_weight(off: Fraction, largest_mark: Fraction, unit: Fraction, totals: int) -> float:
    weight = ANY_TOTAL / totals
    if abs(off) in COMMON_SLIPS:
        weight += COMMON * COMMON_SLIPS[abs(off)] / (2 * sum(COMMON_SLIPS.values()))
    if 0 < abs(off) <= largest_mark:
        weight += ONE_MARK / (2 * largest_mark / unit)
    return weight


@cache
def fits(totals: Totals, written: Fraction | None, right: Fraction, slip: float) -> float:
    """How much likelier than among all totals this one is for this sum of marks."""
    if written is None:
        return 1.0
    wrong = [slip_weight(total - right, totals.largest_mark, totals.unit, len(totals.grid)) for total in totals.grid]
    by_slip = slip_weight(written - right, totals.largest_mark, totals.unit, len(totals.grid)) / sum(wrong)
    return len(totals.grid) * ((1 - slip) * (written == right) + slip * by_slip)


def brute_force(template: Template, readings: Readings, slip: float) -> dict[str, dict[int, float]]:
    """For each field the posterior of each candidate and of -1, something else, over every joint assignment."""
    names = [field.name for field in template.fields]
    checks = [(check, totals_of(template, check)) for check in template.checks]
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for misleading, share in ((False, 1 - MISLEADING_HANDS), (True, MISLEADING_HANDS)):
        each = [choices(field, readings[field.name], misleading=misleading) for field in template.fields]
        for joint in product(*each):
            weight = share * prod(choice.weight for choice in joint)
            if weight <= 0.0:
                continue
            numbers = {name: choice.number for name, choice in zip(names, joint, strict=True)}
            weight *= prod(fits(totals, numbers[check.total], added(check, numbers), slip) for check, totals in checks)
            for name, choice in zip(names, joint, strict=True):
                found[name][choice.candidate] = found[name].get(choice.candidate, 0.0) + weight
    return {
        name: {at: weight / sum(weights.values()) for at, weight in weights.items()} for name, weights in found.items()
    }


# Small templates and readings


def small_templates() -> Iterator[Template]:
    a, b, c = (mark(name, 1.5) for name in "abc")
    half, whole = mark("t", 4), mark("t", 5, 1)
    yield template_of([a, b, half], SumCheck(total="t", terms=("a", "b")))
    yield template_of([a, mark("b", 3, 1), mark("c", 1, 0.25), half], SumCheck(total="t", terms=("a", "b", "c")))
    yield template_of([a, b, c, whole], SumCheck(total="t", terms=("a", "b", "c"), round="up"))
    yield template_of(
        [a, b, c, whole], SumCheck(total="t", terms=("a", BestOf(best=1, of=("b", "c"))), round="nearest")
    )
    yield template_of([a, b, c, half], SumCheck(total="t", terms=(BestOf(best=2, of=("a", "b", "c")),)))
    yield template_of(
        [mark(name, 2, 1) for name in "abcd"] + [mark("t", 6, 1)],
        SumCheck(total="t", terms=(BestOf(best=2, of=("b", "c", "d")), "a")),
    )
    yield template_of([a, b, half], SumCheck(total="t", terms=(BestOf(best=2, of=("a", "b")),)))
    parts = [mark(name, 1, 1) for name in "ab"] + [mark("p", 2, 1), mark("c", 1, 1), mark("t", 3, 1)]
    yield template_of(parts, SumCheck(total="p", terms=("a", "b")), SumCheck(total="t", terms=("p", "c")))
    yield template_of(parts, SumCheck(total="t", terms=("p", "c")), SumCheck(total="p", terms=("a", "b")))
    crossed = [mark(name, 1, 1) for name in "abc"] + [mark("t", 2, 1), mark("u", 2, 1)]
    yield template_of(crossed, SumCheck(total="t", terms=("a", "b")), SumCheck(total="u", terms=("b", "c")))
    twice = [mark(name, 1, 1) for name in "abcd"] + [mark("t", 2, 1)]
    yield template_of(twice, SumCheck(total="t", terms=("a", "b")), SumCheck(total="t", terms=("c", "d")))


TEMPLATES = list(small_templates())


@st.composite
def a_reading(draw: st.DrawFn, field: Field, *, written: bool) -> Reading:
    values = [canonical_number(Decimal(n.numerator) / n.denominator) for n in grid_of(field)]
    pool = st.sampled_from([*values, "", "0.125", "90"])
    best = draw(st.sampled_from(values) if written else pool)
    others = draw(st.lists(pool.filter(lambda value: value != best), max_size=2, unique=True))
    odds = [draw(st.sampled_from([1.0, 0.3, 0.01, 1e-4])) for _ in range(len(others) + 1)]
    shares = [share / (1.0 + sum(odds)) for share in [1.0, *odds]]
    alternatives = tuple(Alternative(value=v, probability=p) for v, p in zip(others, shares[1:-1], strict=True))
    if not written and draw(st.integers(0, 9)) == 0:
        return Reading(value="", state=State.UNREADABLE, probability=1 - sum(shares[1:-1]), alternatives=alternatives)
    state = State.WRITTEN if best else State.NOT_ATTEMPTED
    return Reading(value=best, state=state, probability=shares[0], alternatives=alternatives)


@st.composite
def a_page(draw: st.DrawFn) -> tuple[Template, Readings]:
    template = draw(st.sampled_from(TEMPLATES))
    totals = {check.total for check in template.checks}
    readings = {field.name: draw(a_reading(field, written=field.name in totals)) for field in template.fields}
    return template, readings


SLIPS = st.sampled_from([0.001, 0.01, 0.05, 0.2])


def candidates_of(reading: Reading) -> list[str | None]:
    """The values that the reading names; None at the front stands for what cannot be read."""
    values: list[str | None] = [other.value for other in reading.alternatives]
    return [None if reading.state is State.UNREADABLE else reading.value, *values]


@settings(max_examples=50)
@given(page=a_page(), slip=SLIPS)
def test_posteriors_against_brute_force(page: tuple[Template, Readings], slip: float) -> None:
    template, readings = page
    settled = settle(template, readings, Accept(examiner_slip=slip))
    expected = brute_force(template, readings, slip)
    for name, before in readings.items():
        unreadable = before.state is State.UNREADABLE
        values = candidates_of(before)
        wanted = {values[at + unreadable]: p for at, p in expected[name].items() if at >= 0}
        if unreadable:
            wanted[None] = expected[name].get(-1, 0.0)
        after = settled[name]
        found = dict(
            zip(candidates_of(after), [after.probability, *(a.probability for a in after.alternatives)], strict=True)
        )
        for value, probability in wanted.items():
            assert found.get(value, 0.0) == pytest.approx(probability, rel=1e-6, abs=1.1e-6)
        assert set(found) <= set(wanted)


@given(page=a_page(), slip=SLIPS)
def test_a_value_changes_only_to_what_the_ink_makes_likely(page: tuple[Template, Readings], slip: float) -> None:
    template, readings = page
    for name, after in settle(template, readings, Accept(examiner_slip=slip)).items():
        before = readings[name]
        assert (after.state is State.UNREADABLE) == (before.state is State.UNREADABLE)
        likely = {other.value for other in before.alternatives if other.probability >= slip}
        assert after.value in likely | {before.value}
        shown = [other.probability for other in after.alternatives]
        assert shown == sorted(shown, reverse=True)


@settings(max_examples=40)
@given(page=a_page(), slip=SLIPS, seed=st.randoms(use_true_random=False))
def test_the_order_of_fields_does_not_matter(page: tuple[Template, Readings], slip: float, seed: Any) -> None:
    template, readings = page
    fields = list(template.fields)
    seed.shuffle(fields)
    checks = [replace(check, terms=tuple(seed.sample(check.terms, len(check.terms)))) for check in template.checks]
    seed.shuffle(checks)
    one = settle(template, readings, Accept(examiner_slip=slip))
    other = settle(template_of(fields, *checks), readings, Accept(examiner_slip=slip))
    for name, reading in one.items():
        assert other[name].probability == pytest.approx(reading.probability, rel=1e-9)


@given(page=a_page(), state=st.sampled_from([State.EMPTY, State.NOT_ATTEMPTED, State.UNREADABLE]))
def test_a_total_that_is_empty_or_unreadable_says_nothing(page: tuple[Template, Readings], state: State) -> None:
    template, readings = page
    for check in template.checks:
        readings[check.total] = replace(readings[check.total], value="", state=state)
    assert settle(template, readings, Accept()) == readings


# What it is for

PLAIN = template_of([mark("a"), mark("b"), mark("t", 20)], SumCheck(total="t", terms=("a", "b")))


def settled_plain(a: Reading, b: Reading, t: Reading, slip: float = 0.01) -> Readings:
    return settle(PLAIN, {"a": a, "b": b, "t": t}, Accept(examiner_slip=slip))


def test_a_matching_total_settles_a_doubt() -> None:
    settled = settled_plain(read("4", 0.9, v9=0.09), read("5"), read("9"))
    assert settled["a"].value == "4"
    assert settled["a"].probability > 0.998
    assert settled["a"].alternatives[0].value == "9"


def test_the_total_picks_the_other_of_two_likely_readings() -> None:
    settled = settled_plain(read("4", 0.55, v9=0.44), read("5"), read("14"))
    assert (settled["a"].value, settled["a"].state) == ("9", State.WRITTEN)
    assert settled["a"].probability > 0.99
    assert settled["a"].alternatives[0].value == "4"


def test_the_marks_settle_the_total() -> None:
    settled = settled_plain(read("4"), read("5"), read("4", 0.5, v9=0.4))
    assert settled["t"].value == "9"
    assert settled["t"].probability > 0.99


def test_a_doubt_settled_as_nothing_is_empty() -> None:
    settled = settled_plain(read("1", 0.6, v=0.39), read("5"), read("5"))
    assert (settled["a"].value, settled["a"].state) == ("", State.EMPTY)


def test_clear_handwriting_stays_and_the_mismatch_names_both_numbers() -> None:
    readings = {"a": read("4", 0.999, v9=0.0005), "b": read("5"), "t": read("14")}
    settled = settle(PLAIN, readings, Accept())
    assert {name: reading.value for name, reading in settled.items()} == {"a": "4", "b": "5", "t": "14"}
    verdict = judge(PLAIN, settled, Accept(), 0.99, ink=readings)
    assert (ReasonCode.SUM_MISMATCH, "written 14, the marks add up to 9") in [
        (r.code, r.detail) for r in verdict.reasons
    ]


def test_a_slip_leaves_clear_marks_alone_but_names_the_suspect() -> None:
    readings = {"a": read("4", 0.995, v9=0.004), "b": read("5"), "t": read("14")}
    verdict = judge(PLAIN, settle(PLAIN, readings, Accept()), Accept(), 0.99, ink=readings)
    assert [(reason.code, reason.field) for reason in verdict.reasons] == [
        (ReasonCode.LOW_CONFIDENCE, "a"),
        (ReasonCode.SUM_MISMATCH, "t"),
    ]


def test_a_matching_total_does_not_make_sure_of_what_could_not_be_read() -> None:
    unreadable = Reading(
        value="", state=State.UNREADABLE, probability=0.6, alternatives=(Alternative(value="4", probability=0.4),)
    )
    settled = settled_plain(unreadable, read("5"), read("9"))
    assert settled["a"].state is State.UNREADABLE
    half_read = settled_plain(read("4", 0.5), read("5"), read("9"))["a"]
    assert 0.9 < half_read.probability < 0.996


def test_certainty_is_not_lost_nor_won_beyond_the_model() -> None:
    readings = {"a": read("4", 1.0), "b": read("5", 1.0), "t": read("9", 1.0)}
    assert settle(PLAIN, readings, Accept()) == readings
    assert settled_plain(read("4", 0.5, v9=0.5), read("5", 1.0), read("9", 1.0), slip=0)["a"].probability == 0.999999


def test_what_nothing_explains_stays_as_it_was() -> None:
    readings = {"a": read("4", 1.0), "b": read("5", 1.0), "t": read("14", 1.0)}
    assert settle(PLAIN, readings, Accept(examiner_slip=0)) == readings


@pytest.mark.parametrize(("seen", "likeliest"), [("14", "4"), ("19", "9")])
def test_part_totals_carry_the_evidence_down(seen: str, likeliest: str) -> None:
    fields = [mark("a"), mark("b"), mark("p", 20), mark("c"), mark("t", 40)]
    checks = (SumCheck(total="t", terms=("p", "c")), SumCheck(total="p", terms=("a", "b")))
    readings = {
        "a": read("4", 0.5, v9=0.49),
        "b": read("5"),
        "p": read("9", 0.5, v14=0.49),
        "c": read("5"),
        "t": read(seen),
    }
    assert settle(template_of(fields, *checks), readings, Accept())["a"].value == likeliest


def test_checks_in_a_loop_are_settled_as_a_tree_and_judged_all() -> None:
    fields = [mark("a"), mark("b"), mark("t", 20), mark("u", 20)]
    checks = (SumCheck(total="t", terms=("a", "b")), SumCheck(total="u", terms=("a", "b")))
    assert [[branch.check for branch in tree] for tree in trees(checks)] == [[checks[0]]]
    template = template_of(fields, *checks)
    readings = {"a": read("4", 0.9, v9=0.09), "b": read("5"), "t": read("9"), "u": read("14")}
    settled = settle(template, readings, Accept())
    assert settled["a"].probability > 0.99
    assert settled["u"] == readings["u"]
    assert [reason.code for reason in judge(template, settled, Accept(), 0.9).reasons] == [ReasonCode.SUM_MISMATCH]


def test_trees_join_what_shares_a_field() -> None:
    checks = (
        SumCheck(total="p", terms=("a", "b")),
        SumCheck(total="s", terms=("x",)),
        SumCheck(total="q", terms=("c", "d")),
        SumCheck(total="t", terms=("p", "q")),
    )
    found = trees(checks)
    assert sorted(len(tree) for tree in found) == [1, 3]
    (joined,) = (tree for tree in found if len(tree) == 3)
    assert [(branch.check.total, branch.parent) for branch in joined] == [("t", None), ("p", "p"), ("q", "q")]


def test_sums_too_many_to_weigh_are_left_to_the_rules() -> None:
    huge = [mark(name, 1_000_000, 0.001) for name in "abt"]
    template = template_of(huge, SumCheck(total="t", terms=("a", "b")))
    readings = {"a": read("4", 0.5), "b": read("5"), "t": read("9")}
    assert settle(template, readings, Accept()) == readings


def test_fields_without_a_maximum_and_large_numbers() -> None:
    fields = [Field(name=name, kind=FieldKind.INTEGER, max=most) for name, most in (("a", None), ("b", 99_999))]
    template = template_of(
        [*fields, Field(name="t", kind=FieldKind.INTEGER, max=199_998)], SumCheck(total="t", terms=("a", "b"))
    )
    readings = {"a": read("71045", 0.6, v11045=0.3), "b": read("20000"), "t": read("31045")}
    settled = settle(template, readings, Accept())
    assert settled["a"].value == "11045"
    assert settled["a"].probability > 0.99


def test_any_order_of_a_best_of_group() -> None:
    names = ("a", "b", "c", "d")
    values = {"a": read("3", 0.5, v8=0.4), "b": read("8", 0.6, v3=0.3), "c": read("5", 0.7), "d": read("", 0.8, v1=0.1)}
    found = set()
    for order in permutations(names):
        check = SumCheck(total="t", terms=(BestOf(best=2, of=order),))
        settled = settle(template_of([*map(mark, order), mark("t", 20)], check), values | {"t": read("13")}, Accept())
        found.add(tuple(round(settled[name].probability, 9) for name in names))
    assert len(found) == 1
