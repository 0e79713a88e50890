"""The posterior over a roster against its definition, one writer after the other."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import Alternative, Reading, State
from sheetwatch.rules.roster import on_roster
from support.rosters import (
    SLIP,
    STRANGER,
    SUREST,
    VOID,
    Box,
    comb_reading,
    roster_field,
    rosters,
    shares,
    some_boxes,
    told,
)


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


@settings(max_examples=40)
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


@settings(max_examples=40)
@given(rosters(3), cell_readings())
def test_cells_against_brute_force(roster: frozenset[str], reading: Reading) -> None:
    found = on_roster(roster_field(roster), reading)
    if not any(told(reading)):
        assert found == reading
        return
    expected = brute_force_cell(roster, reading, 3)
    for value, probability in told(found).items():
        assert min(probability, SUREST) == pytest.approx(min(expected[value], SUREST), rel=1e-9)
