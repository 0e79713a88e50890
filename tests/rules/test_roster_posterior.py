"""The posterior over a roster: never against clear handwriting, and what it settles."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import Field, FieldKind, Reading, State
from sheetwatch.rules.roster import on_roster
from support.rosters import (
    Box,
    box,
    cell_reading,
    clear,
    comb_reading,
    numbers,
    roster_field,
    rosters,
    some_boxes,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@settings(max_examples=100)
@given(rosters(4), st.text("0137", min_size=1, max_size=4), st.floats(0.95, 1.0), st.data())
def test_clear_handwriting_is_never_overruled(
    roster: frozenset[str], text: str, sure: float, data: st.DataObject
) -> None:
    others = [[symbol for symbol in "0137" if symbol != digit] for digit in text]
    shared = [data.draw(st.lists(st.floats(0.0, 0.0099), min_size=3, max_size=3)) for _ in text]
    boxes = []
    for digit, symbols, weights in zip(text, others, shared, strict=True):
        scale = min(1.0, (1.0 - sure) / max(sum(weights), 1e-12))
        seen = {f"s{symbol}": weight * scale for symbol, weight in zip(symbols, weights, strict=True)}
        boxes.append(box(**{f"s{digit}": sure}, **seen))
    found = on_roster(roster_field(roster, comb=len(text)), comb_reading(boxes))
    assert (found.value, found.state) == (text, State.WRITTEN)
    cell = on_roster(roster_field(roster), Reading(value=text, state=State.WRITTEN, probability=sure))
    assert (cell.value, cell.state) == (text, State.WRITTEN)


@settings(max_examples=100)
@given(rosters(3), some_boxes(3))
def test_an_entry_needs_the_support_of_the_ink(roster: frozenset[str], boxes: list[Box]) -> None:
    before = comb_reading(boxes)
    found = on_roster(roster_field(roster, comb=3), before)
    if found.value == before.value:
        return
    assert found.value in roster
    seen = [{one.value: one.probability for one in each} for each in boxes]
    spare = 3 - len(found.value)
    assert any(
        all(
            symbols.get(symbol, 0.0) >= 0.01 or all(p < 0.01 for p in symbols.values())
            for symbol, symbols in zip(
                ["", "", ""][:start] + [*found.value] + [""] * (spare - start), seen, strict=True
            )
        )
        for start in range(spare + 1)
    )


@pytest.mark.parametrize("comb", [None, 6])
def test_a_slip_of_the_pen_is_not_mended(comb: int | None) -> None:
    field = roster_field(["210417", "210533"], comb)
    written = "210437"
    reading = comb_reading(clear(written)) if comb else cell_reading({"210437": 0.995})
    found = on_roster(field, reading)
    assert (found.value, found.state) == (written, State.WRITTEN)
    assert found.alternatives[0].value == "210417"
    assert found.probability < 0.999


def test_a_slip_that_the_ink_half_supports_is_not_certain() -> None:
    boxes = [*clear("2104"), box(s3=0.97, s1=0.029), *clear("7")]
    found = on_roster(roster_field(["210417", "210533"], 6), comb_reading(boxes))
    assert found.value == "210417"
    assert 0.98 < found.probability < 0.999


def test_an_entry_that_the_ink_hardly_supports_does_not_win() -> None:
    field = roster_field(["2104170052", *numbers(400, 10, 2)], 10)
    found = on_roster(field, comb_reading([*clear("2104"), box(s7=0.985, s1=0.009), *clear("70052")]))
    assert found.value == "2104770052"
    assert found.alternatives[0].value == "2104170052"
    assert found.probability < 0.5
    cell = on_roster(replace(field, comb=None), cell_reading({"2104770052": 0.985, "2104170052": 0.009}))
    assert cell.value == "2104770052"


def test_a_number_that_fits_nobody_keeps_its_value() -> None:
    found = on_roster(roster_field(numbers(300, 8, 1), 8), comb_reading(clear("31415926", 0.9995)))
    assert (found.value, found.state) == ("31415926", State.WRITTEN)
    assert found.probability > 0.9


@pytest.mark.parametrize("likelier", ["1", "7"])
def test_an_unsure_digit_is_settled_by_the_only_entry(likelier: str) -> None:
    seen = {"s1": 0.38, "s7": 0.38, f"s{likelier}": 0.6}
    field = roster_field(["2104170052", *numbers(400, 10, 2)], 10)
    found = on_roster(field, comb_reading([*clear("2104", 0.9998), box(**seen), *clear("70052", 0.9998)]))
    assert found.value == "2104170052"
    cell = on_roster(
        replace(field, comb=None),
        cell_reading(
            {"2104170052": 0.598, "2104770052": 0.4} if likelier == "1" else {"2104770052": 0.598, "2104170052": 0.4}
        ),
    )
    assert cell.value == "2104170052"
    assert cell.probability > 0.999


def test_two_entries_that_differ_in_the_unsure_digit_stay_unsure() -> None:
    field = roster_field(["2104170052", "2104770052", *numbers(400, 10, 2)], 10)
    found = on_roster(field, comb_reading([*clear("2104"), box(s1=0.6, s7=0.39), *clear("70052")]))
    assert (found.value, found.alternatives[0].value) == ("2104170052", "2104770052")
    assert found.probability == pytest.approx(0.6, abs=0.02)
    cell = on_roster(replace(field, comb=None), cell_reading({"2104170052": 0.6, "2104770052": 0.39}))
    assert cell.probability == pytest.approx(0.6, abs=0.02)


def test_twelve_fairly_clear_boxes_become_one_certain_number() -> None:
    """Nobody accepts 0.9995 ** 12 = 0.994; a number that also stands on the roster is another matter."""
    values = numbers(400, 12, 3)
    reading = comb_reading(clear(values[7], 0.9995))
    assert reading.probability < 0.995
    found = on_roster(roster_field(values, 12), reading)
    assert found.value == values[7]
    assert found.probability > 0.999


def test_a_dense_roster_makes_nothing_certain() -> None:
    """Where every number is somebody's, the roster knows no better than the ink."""
    field = roster_field([f"{number:03d}" for number in range(1000)], 3)
    reading = comb_reading([box(s1=0.9, s7=0.09), *clear("23", 0.99)])
    found = on_roster(field, reading)
    assert found.value == "123"
    assert found.probability < 0.92


@pytest.mark.parametrize(("blind", "most"), [([4], 0.92), ([4, 7], 0.85), (range(12), 0.5)])
def test_what_cannot_be_read_is_never_certain(blind: Iterable[int], most: float) -> None:
    values = numbers(400, 12, 3)
    boxes = clear(values[7])
    for place in blind:
        boxes[place] = ()
    found = on_roster(roster_field(values, 12), comb_reading(boxes))
    assert found.value in {values[7], ""}
    assert found.state is State.UNREADABLE or found.probability < most
    assert on_roster(roster_field([values[7]], 12), comb_reading([()] * 12)).state is State.UNREADABLE


def test_one_unreadable_digit_is_proposed_from_the_only_entry() -> None:
    values = numbers(400, 12, 3)
    boxes = [*clear(values[7][:4]), (), *clear(values[7][5:])]
    found = on_roster(roster_field(values, 12), comb_reading(boxes))
    assert (found.value, found.state) == (values[7], State.WRITTEN)
    assert 0.85 < found.probability < 0.92


def test_an_unreadable_digit_that_several_entries_may_hold_is_open() -> None:
    boxes = [*clear("2104"), (), *clear("70052")]
    found = on_roster(roster_field(["2104170052", "2104770052", "2104970052"], 10), comb_reading(boxes))
    assert found.state is State.UNREADABLE
    assert {one.value for one in found.alternatives[:3]} == {"2104170052", "2104770052", "2104970052"}


def test_an_unreadable_cell_with_one_likely_entry_is_not_certain() -> None:
    field = roster_field([*numbers(400, 10, 2), "2104170052"])
    found = on_roster(field, cell_reading({"2104170052": 0.3}, State.UNREADABLE))
    assert (found.value, found.state) == ("2104170052", State.WRITTEN)
    assert found.probability < 0.95
    nothing = Reading(value="", state=State.UNREADABLE, probability=0.9)
    assert on_roster(field, nothing) == nothing


def test_a_doubtful_crop_stays_doubtful() -> None:
    field = roster_field([*numbers(400, 10, 2), "2104170052"])
    assert on_roster(field, cell_reading({"2104170052": 0.5})).probability < 0.96


def test_the_blank_is_as_likely_as_the_ink_says() -> None:
    field = roster_field(["71", "12"], 2)
    empty = comb_reading([box(empty=0.9, s7=0.1), box(empty=0.9, s1=0.1)])
    found = on_roster(field, empty)
    assert (found.value, found.state) == ("", State.EMPTY)
    assert found.probability == pytest.approx(0.81)
    assert found.alternatives[0].value == "71"
    assert sum(told(found).values()) <= 1.0 + 1e-9
    cell = on_roster(field, cell_reading({"": 0.7, "71": 0.2}, State.NOT_ATTEMPTED))
    assert (cell.value, cell.state, cell.probability) == ("", State.NOT_ATTEMPTED, 0.7)
    assert all(one.value for one in cell.alternatives)


def test_a_digit_lost_beside_the_border_is_found_again() -> None:
    """As the last 1 of a real comb: box empty 0.76, 1 with 0.21; nobody has the number without it."""
    field = roster_field(["0001250981", *numbers(400, 10, 4)], 16)
    boxes = [*clear("000125098", 0.9998), box(empty=0.76, s1=0.21), *clear("      ", 0.9998)]
    found = on_roster(field, comb_reading(boxes))
    assert found.value == "0001250981"
    assert found.probability > 0.99


def test_a_gap_between_digits_is_not_closed() -> None:
    found = on_roster(roster_field(["12345"], 5), comb_reading(clear("12 45")))
    assert found.state is State.UNREADABLE


def test_what_has_no_roster_comes_back_as_it_was() -> None:
    reading = cell_reading({"7": 0.6, "1": 0.3})
    assert on_roster(Field(name="n", kind=FieldKind.DIGITS), reading) is reading
    assert on_roster(roster_field(["A-12", "1" * 41]), reading) is reading


def test_entries_that_are_no_numbers_and_readings_that_are_none_do_no_harm() -> None:
    field = replace(roster_field(["A-12", "7", "15"]), kind=FieldKind.INTEGER)
    found = on_roster(field, cell_reading({"7.5": 0.5, "7": 0.45, "75": 0.04, "1" * 50: 0.001}))
    assert found.value == "7"
    assert on_roster(field, cell_reading({"7": 0.99})).value == "7"


def test_a_comb_that_cannot_hold_any_entry_keeps_its_reading() -> None:
    found = on_roster(roster_field(["12345"], 3), comb_reading(clear("123")))
    assert found.value == "123"
    certain_gap = comb_reading([box(s1=1.0), box(empty=1.0), box(s2=1.0)])
    assert on_roster(roster_field(["12"], 3), certain_gap) == certain_gap


def test_nothing_is_quite_certain() -> None:
    found = on_roster(roster_field(["123"], 3), comb_reading(clear("123", 1.0)))
    assert 0.999 < found.probability < 1.0
