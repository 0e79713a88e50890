"""The posterior over a roster: against brute force, honest, and never against clear handwriting."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product
from math import prod
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, Roster, State
from sheetwatch.rules.known_numbers import known_numbers
from sheetwatch.rules.roster import on_roster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Box = tuple[Alternative, ...]
Floats = npt.NDArray[np.float64]

SLIP = 0.01
STRANGER = 0.01
VOID = 0.1
SUREST = 0.999999


def roster_field(values: Iterable[str], comb: int | None = None) -> Field:
    roster = Roster(source="students.csv", column="roll", values=frozenset(values))
    return Field(name="roll", kind=FieldKind.DIGITS, comb=comb, roster=roster)


def box(**weights: float) -> Box:
    """A box by its symbols: box(s7=0.9, s1=0.05, empty=0.01)."""
    seen = [("" if name == "empty" else name[1:], p) for name, p in weights.items()]
    return tuple(Alternative(value=value, probability=p) for value, p in sorted(seen, key=lambda one: -one[1]))


def clear(text: str, probability: float = 0.999) -> list[Box]:
    """Boxes with these digits, a space being an empty box; the rest cannot be read."""
    return [box(**{"empty" if digit == " " else f"s{digit}": probability}) for digit in text]


def joined(boxes: list[Box]) -> dict[str, float]:
    """What the boxes say without a roster."""
    values: dict[str, float] = {}
    for chosen in product(*boxes):
        text = "".join(one.value or " " for one in chosen)
        if " " not in text.strip():
            values[text.strip()] = values.get(text.strip(), 0.0) + prod(one.probability for one in chosen)
    return values


def comb_reading(boxes: list[Box]) -> Reading:
    """As the reader reads a comb."""
    values = joined(boxes)
    ranked = sorted(values.items(), key=lambda one: -one[1])
    rest = 1.0 - sum(values.values())
    others = tuple(Alternative(value=value, probability=p) for value, p in ranked)
    if not ranked or rest > ranked[0][1]:
        return Reading(value="", state=State.UNREADABLE, probability=rest, alternatives=others[:8], boxes=tuple(boxes))
    value, probability = ranked[0]
    return Reading(
        value=value,
        state=State.WRITTEN if value else State.EMPTY,
        probability=probability,
        alternatives=others[1:9],
        boxes=tuple(boxes),
    )


def cell_reading(values: Mapping[str, float], state: State = State.WRITTEN) -> Reading:
    """As the reader reads a whole cell: values, the likeliest first, with their probabilities."""
    others = [Alternative(value=value, probability=p) for value, p in values.items()]
    if state is State.UNREADABLE:
        return Reading(value="", state=state, probability=1.0 - sum(values.values()), alternatives=tuple(others))
    best, *others = others
    return Reading(value=best.value, state=state, probability=best.probability, alternatives=tuple(others))


def told(reading: Reading) -> dict[str, float]:
    """Every value that a reading names, with its probability."""
    own = {} if reading.state is State.UNREADABLE else {reading.value: reading.probability}
    return own | {one.value: one.probability for one in reading.alternatives}


# The prior by its definition, one writer after the other.


def written_prior(roster: frozenset[str], longest: int) -> dict[str, float]:
    weights: dict[str, float] = defaultdict(float)
    for entry in roster:
        weights[entry] += (1.0 - SLIP - STRANGER) / len(roster)
        slips = [entry[:place] + digit + entry[place + 1 :] for place in range(len(entry)) for digit in "0123456789"]
        slips = [slip for slip in slips if slip != entry]
        slips += [
            entry[:place] + entry[place + 1] + entry[place] + entry[place + 2 :] for place in range(len(entry) - 1)
        ]
        for slip in slips:
            weights[slip] += SLIP / len(roster) / len(slips)
    for length in range(1, longest + 1):
        same = [entry for entry in roster if len(entry) == length]
        share = 0.9 * len(same) / len(roster) + 0.1 / 40
        for digits in product("0123456789", repeat=length):
            places = (
                (1 + sum(entry[place] == digit for entry in same)) / (10 + len(same))
                for place, digit in enumerate(digits)
            )
            weights["".join(digits)] += STRANGER * share * prod(places)
    return dict(weights)


def brute_force_comb(roster: frozenset[str], boxes: list[Box]) -> dict[str, float]:
    """Every way to fill the boxes, with its weight."""
    tables = []
    for each in boxes:
        seen = {one.value: one.probability for one in each}
        unread = 1.0 - sum(seen.values())
        tables.append({symbol: seen.get(symbol, 0.0) + (1 - VOID) * unread / 11 for symbol in ["", *"0123456789"]})
    likelihoods: dict[str, float] = defaultdict(float)
    for chosen in product(*(table.items() for table in tables)):
        text = "".join(symbol or " " for symbol, _ in chosen)
        if " " not in text.strip():
            likelihoods[text.strip()] += prod(likelihood for _, likelihood in chosen)
    prior = written_prior(roster, len(boxes))
    weights = {value: prior[value] * likelihood for value, likelihood in likelihoods.items() if value}
    blank = prod(sum(one.probability for one in each if not one.value) for each in boxes)
    meant = prod(1.0 - VOID * (1.0 - sum(one.probability for one in each)) for each in boxes)
    total = sum(weights.values())
    return {"": blank} | {value: (1.0 - blank) * meant * weight / total for value, weight in weights.items()}


def brute_force_cell(roster: frozenset[str], reading: Reading, longest: int) -> dict[str, float]:
    """Every number up to a length, with its weight."""
    seen = told(reading)
    blank = seen.pop("", 0.0)
    unread = 1.0 - blank - sum(seen.values())
    misread = (1.0 - VOID) * unread
    strings = sum(10**length for length in {len(entry) for entry in roster})
    likeliest = max(seen, key=lambda value: seen[value])
    prior = written_prior(roster, longest)
    weights = {}
    for value, share in prior.items():
        off = len(value) == len(likeliest) and sum(a != b for a, b in zip(value, likeliest, strict=True)) == 1
        near = misread / 2 / (9 * len(likeliest)) if off and value in roster else 0.0
        weights[value] = share * (seen.get(value, 0.0) + near + misread / 2 / strings)
    total = sum(weights.values()) + (1.0 - sum(prior.values())) * misread / 2 / strings
    written = 1.0 - blank - VOID * unread
    return {"": blank} | {value: written * weight / total for value, weight in weights.items()}


shares = st.integers(1, 1000).map(lambda number: (number / 1000) ** 4)


def rosters(longest: int) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.text("0137", min_size=1, max_size=longest), min_size=1, max_size=6)


@st.composite
def some_boxes(draw: st.DrawFn, count: int) -> list[Box]:
    boxes = []
    for _ in range(count):
        symbols = draw(st.lists(st.sampled_from(["", *"0137"]), max_size=4, unique=True))
        weights = [draw(shares) for _ in symbols]
        total = sum(weights) + draw(shares)
        seen = [Alternative(value=s, probability=w / total) for s, w in zip(symbols, weights, strict=True)]
        boxes.append(tuple(sorted(seen, key=lambda one: -one.probability)))
    return boxes


@settings(max_examples=40, deadline=None)
@given(st.data(), st.integers(1, 3))
def test_combs_against_brute_force(data: st.DataObject, count: int) -> None:
    field = roster_field(data.draw(rosters(3)), comb=count)
    boxes = data.draw(some_boxes(count))
    assert field.roster is not None
    expected = brute_force_comb(field.roster.values, boxes)
    found = on_roster(field, comb_reading(boxes))
    for value, probability in told(found).items():
        assert min(probability, SUREST) == pytest.approx(min(expected[value], SUREST), rel=1e-9)
    entries = {value: p for value, p in expected.items() if value in field.roster.values}
    likeliest = max(entries, key=lambda value: entries[value], default="")
    least = found.alternatives[-1].probability if len(found.alternatives) == 8 else 1e-6
    assert likeliest in told(found) or expected[likeliest] <= least
    assert found.probability + sum(one.probability for one in found.alternatives) <= 1.0 + 1e-9


@st.composite
def cell_readings(draw: st.DrawFn) -> Reading:
    values = draw(st.lists(st.one_of(st.just(""), st.text("0137", min_size=1, max_size=3)), min_size=1, unique=True))
    weights = [draw(shares) for _ in values[:6]]
    total = sum(weights) + draw(shares)
    ranked = sorted(zip(values[:6], weights, strict=True), key=lambda one: -one[1])
    (best, weight), *others = [(value, weight / total) for value, weight in ranked]
    return Reading(
        value=best,
        state=State.WRITTEN if best else State.EMPTY,
        probability=weight,
        alternatives=tuple(Alternative(value=value, probability=p) for value, p in others),
    )


@settings(max_examples=40, deadline=None)
@given(rosters(3), cell_readings())
def test_cells_against_brute_force(roster: frozenset[str], reading: Reading) -> None:
    found = on_roster(roster_field(roster), reading)
    if not any(told(reading)):
        assert found == reading
        return
    expected = brute_force_cell(roster, reading, 3)
    for value, probability in told(found).items():
        assert min(probability, SUREST) == pytest.approx(min(expected[value], SUREST), rel=1e-9)


def numbers(count: int, length: int, seed: int) -> list[str]:
    """So many different numbers."""
    drawn = np.random.default_rng(seed).choice(10**length, count, replace=False)
    return [f"{number:0{length}d}" for number in drawn]


# What must hold whatever the roster: clear handwriting stands.


@settings(max_examples=100, deadline=None)
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


@settings(max_examples=100, deadline=None)
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


# What the roster settles, and what it leaves open.


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


# Honest: sheets drawn from the model; of the readings settled with p, the share p is right.


class Sheet(NamedTuple):
    """What was written (None: struck out), and how it was read."""

    written: str | None
    reading: Reading


def slipped(value: str, random: np.random.Generator) -> str:
    place = int(random.integers(10 * len(value) - 1))
    if place < 9 * len(value):
        digit = (int(value[place // 9]) + 1 + place % 9) % 10
        return f"{value[: place // 9]}{digit}{value[place // 9 + 1 :]}"
    place -= 9 * len(value)
    return value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def written_number(roster: list[str], random: np.random.Generator) -> str:
    value = roster[random.integers(len(roster))]
    kind = random.random()
    if kind < SLIP:
        return slipped(value, random)
    if kind < SLIP + STRANGER:
        places = zip(*roster, strict=True)
        counts = [np.array([1 + place.count(digit) for digit in "0123456789"]) for place in places]
        return "".join(str(random.choice(10, p=count / count.sum())) for count in counts)
    return value


def seen_box(digit: int, unread: float, random: np.random.Generator) -> tuple[Floats, bool]:
    """The exact probabilities of 11 symbols under noise, and whether the box means nothing."""
    noise = random.choice([0.2, 0.35, 0.6])
    misread = random.random() < unread
    shown = int(random.integers(11)) if misread else digit
    signal = random.normal(0.0, noise, 11)
    signal[shown] += 1.0
    odds = np.exp((signal - signal.max()) / noise**2)
    return (1.0 - unread) * odds / odds.sum(), misread and bool(random.random() < VOID)


def sheet(roster: list[str], random: np.random.Generator) -> Sheet:
    value = written_number(roster, random)
    boxes, best, is_void = [], "", False
    for digit in value:
        seen, void = seen_box(int(digit), float(random.choice([0.001, 0.02, 0.5], p=[0.8, 0.19, 0.01])), random)
        is_void |= void
        symbols = [*"0123456789", ""]
        ranked = sorted(zip(seen.tolist(), symbols, strict=True), reverse=True)
        boxes.append(tuple(Alternative(value=symbol, probability=p) for p, symbol in ranked))
        best += max(zip(seen[:10].tolist(), symbols, strict=False))[1]
    probability = prod(each[0].probability for each in boxes)
    reading = Reading(value=best, state=State.WRITTEN, probability=probability, boxes=tuple(boxes))
    return Sheet(None if is_void else value, reading)


def test_settled_probabilities_hold() -> None:
    random = np.random.default_rng(20261121)
    roster = sorted({*numbers(150, 4, 5), *(f"21{number:02d}" for number in range(40))})
    field = roster_field(roster, 4)
    sheets = [sheet(roster, random) for _ in range(3000)]
    settled = [on_roster(field, one.reading) for one in sheets]
    said = np.array([one.probability for one in settled])
    right = np.array([one.value == each.written for one, each in zip(settled, sheets, strict=True)])
    by_ink = np.mean([each.reading.value == each.written for each in sheets])
    assert right.mean() > by_ink + 0.05
    for low, high in ((0.0, 0.5), (0.5, 0.9), (0.9, 0.99), (0.99, 0.998), (0.998, 1.0)):
        chosen = (said >= low) & (said < high)
        expected, found, count = said[chosen].mean(), right[chosen].mean(), chosen.sum()
        print(f"{low}..{high}: {count} sheets, said {expected:.4f}, right {found:.4f}")
        assert count > 100
        assert abs(found - expected) <= 4.0 * np.sqrt(expected * (1.0 - expected) / count)


# A hundred thousand numbers.


@pytest.fixture(scope="module")
def large() -> Field:
    return roster_field(numbers(100_000, 12, 6), 12)


def shortest(action: Callable[[], object]) -> float:
    """The least processor time of some tries, in seconds."""
    tries = []
    for _ in range(5):
        started_s = process_time()
        action()
        tries.append(process_time() - started_s)
    return min(tries)


def test_a_large_roster_costs_little_more_than_one_look_at_it(large: Field) -> None:
    assert large.roster is not None
    values = sorted(large.roster.values)
    boxes = [*clear(values[0][:5]), box(s1=0.5, s2=0.4), *clear(values[0][6:])]
    reading = comb_reading(boxes)
    table = np.full((12, 10), 1e-4)
    digits = known_numbers(large.roster).group(12).digits

    def look() -> Floats:
        weights = np.ones(digits.shape[1])
        for place, row in enumerate(digits):
            weights *= table[place].take(row)
        return weights

    on_roster(large, reading)
    assert shortest(lambda: on_roster(large, reading)) < 25 * shortest(look)


def test_a_large_roster_is_laid_out_once_and_small(large: Field) -> None:
    assert large.roster is not None
    known = known_numbers(large.roster)
    assert known is known_numbers(large.roster)
    assert known.group(12).digits.nbytes == 1_200_000
    assert known.group(12).value(0) == min(large.roster.values)
