"""The posterior over a roster is honest: of the drawn sheets that it settles with p, the share p is right."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from sheetwatch.domain import Alternative, Reading, State
from sheetwatch.rules.roster import on_roster
from support.rosters import SLIP, STRANGER, VOID, Floats, numbers, roster_field


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
