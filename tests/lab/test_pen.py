"""The pen's truth: canonical, allowed, adding up, repeatable; its ink where the box is."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sheetwatch.domain import (
    BestOf,
    Box,
    Field,
    FieldKind,
    State,
    SumCheck,
    Template,
    canonical_number,
)
from sheetwatch.lab.form_answer_book import answer_book
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.hand import CHARACTERS, Difficulty, draw_hand, write, write_character
from sheetwatch.lab.hand_shapes import allographs
from sheetwatch.lab.pen import fill
from sheetwatch.lab.pen_incidents import befall
from sheetwatch.lab.pen_values import Flag, Truth, check_sum, draw_values, written

SEEDS = st.integers(0, 2**32)
FORMS = (answer_book(), meter_reading())


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=60)
@given(seed=SEEDS, template=st.sampled_from(FORMS), difficulty=st.sampled_from(Difficulty))
def test_every_truth_is_canonical_and_allowed(seed: int, template: Template, difficulty: Difficulty) -> None:
    truths = befall(template, draw_values(template, rng(seed)), difficulty, rng(seed))
    assert list(truths) == [field.name for field in template.fields]
    for field in template.fields:
        truth = truths[field.name]
        assert (truth.state is State.WRITTEN) == bool(truth.value)
        assert truth.value or not field.required
        if field.kind is FieldKind.DIGITS and truth.value:
            assert truth.value.isdecimal()
            assert len(truth.value) == field.length
        elif truth.value:
            assert canonical_number(Decimal(truth.value)) == truth.value
            assert field.allows(Decimal(truth.value))


@settings(max_examples=60)
@given(seed=SEEDS, template=st.sampled_from(FORMS))
def test_totals_add_up(seed: int, template: Template) -> None:
    truths = draw_values(template, rng(seed))
    for check in template.checks:
        assert Decimal(truths[check.total].value) == check_sum(check, truths)


@settings(max_examples=60)
@given(seed=SEEDS, template=st.sampled_from(FORMS))
def test_a_slip_breaks_exactly_one_sum(seed: int, template: Template) -> None:
    truths = draw_values(template, rng(seed), slip=True)
    wrong = [check.total for check in template.checks if Decimal(truths[check.total].value) != check_sum(check, truths)]
    assert len(wrong) == 1
    assert [name for name, truth in truths.items() if Flag.SLIP in truth.flags] == wrong


def test_best_of_counts_the_largest_only() -> None:
    check = SumCheck(total="t", terms=("a", BestOf(best=2, of=("b", "c", "d"))))
    truths = {"a": written("1"), "b": written("2.5"), "c": Truth(value="", state=State.EMPTY), "d": written("4")}
    assert check_sum(check, truths) == Decimal("7.5")


@pytest.mark.parametrize(("way", "total"), [("none", "7.5"), ("up", "8"), ("nearest", "8")])
def test_rounding_of_totals(way: str, total: str) -> None:
    check = SumCheck(total="t", terms=("a",), round=way)  # type: ignore[arg-type]
    assert check_sum(check, {"a": written("7.5")}) == Decimal(total)


def test_a_slip_is_refused_where_nothing_is_added() -> None:
    field = Field(name="a", kind=FieldKind.MARK, max=5, box=Box(left=5, top=5, width=80, height=60))
    template = Template(name="t", title="t", reference=np.full((100, 100), 255, np.uint8), fields=(field,))
    with pytest.raises(ValueError, match="no total"):
        draw_values(template, rng(1), slip=True)


def test_the_same_seed_writes_the_same_sheet() -> None:
    once, again = fill(FORMS[0], rng(7)), fill(FORMS[0], rng(7))
    assert np.array_equal(once.image, again.image)
    assert once.truth == again.truth
    assert not np.array_equal(once.image, fill(FORMS[0], rng(8)).image)


@pytest.mark.parametrize("character", CHARACTERS)
def test_every_character_can_be_written_in_any_hand(character: str) -> None:
    for seed in range(6):
        strokes = write_character(draw_hand(rng(seed), Difficulty.HARD), character, rng(seed))
        points = np.concatenate([stroke.points for stroke in strokes])
        assert np.isfinite(points).all()
        assert -0.5 < points[:, 1].min() < points[:, 1].max() < 1.6
        assert all(len(stroke.force) == len(stroke.points) for stroke in strokes)


@pytest.mark.parametrize("digit", "0123456789½")
def test_digits_have_many_shapes(digit: str) -> None:
    assert len(allographs(digit)) >= 5


def test_characters_of_a_number_stand_in_order() -> None:
    hand = draw_hand(rng(3), Difficulty.EASY)
    lefts = [stroke.points[:, 0].mean() for stroke in write(hand, "000", rng(3))]
    assert lefts == sorted(lefts)


@settings(max_examples=25)
@given(seed=SEEDS, template=st.sampled_from(FORMS))
@example(seed=515, template=FORMS[0])  # a slash that reached past its corner
def test_easy_ink_stays_in_the_boxes_that_hold_a_value(seed: int, template: Template) -> None:
    filled = fill(template, rng(seed), difficulty=Difficulty.EASY)
    ink = (filled.image.min(axis=2) < 200) & (template.reference > 200)
    for field in template.fields:
        box = field.box
        assert box is not None
        inside = ink[box.top : box.bottom, box.left : box.right]
        assert inside.any() == (filled.truth[field.name].state is not State.EMPTY), field.name
        inside[:] = False
    assert not ink.any()


def test_digits_have_a_natural_size() -> None:
    total = Box(left=20, top=20, width=277, height=135)
    field = Field(name="a", kind=FieldKind.MARK, max=100, box=total)
    template = Template(name="t", title="t", reference=np.full((180, 320), 255, np.uint8), fields=(field,))
    heights = []
    for seed in range(40):
        filled = fill(template, rng(seed), difficulty=Difficulty.EASY, values={"a": written("88")})
        rows = np.flatnonzero((filled.image.min(axis=2) < 200).any(axis=1))
        heights.append((rows[-1] - rows[0]) / 200 * 25.4)
    assert min(heights) > 4
    assert max(heights) < 10


def test_given_values_are_written_as_given() -> None:
    filled = fill(FORMS[1], rng(2), values={"meter": written("00120034")}, difficulty=Difficulty.EASY)
    assert filled.truth["meter"].value == "00120034"


def test_incidents_happen_and_are_told() -> None:
    seen: set[Flag] = set()
    for seed in range(150):
        truths = draw_values(FORMS[0], rng(seed))
        for truth in befall(FORMS[0], truths, Difficulty.HARD, rng(seed)).values():
            seen |= truth.flags
    assert seen == set(Flag) - {Flag.SLIP}


def test_most_fields_of_a_mixed_sheet_are_plain() -> None:
    reviewable = total = 0
    for seed in range(100):
        truths = befall(FORMS[0], draw_values(FORMS[0], rng(seed)), Difficulty.MIXED, rng(seed))
        reviewable += sum(truth.reviewable for truth in truths.values())
        total += len(truths)
    assert 0.01 < reviewable / total < 0.06


def test_a_finer_picture_shows_the_same_page() -> None:
    coarse, fine = fill(FORMS[1], rng(5)), fill(FORMS[1], rng(5), dpi=300)
    assert fine.image.shape[0] == round(1.5 * coarse.image.shape[0])
    assert fine.truth == coarse.truth
    assert np.allclose(fine.quads + 0.5, 1.5 * (coarse.quads + 0.5))
