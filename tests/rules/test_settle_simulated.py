"""Settling on simulated sheets: probabilities that hold, half the pages to review, and no slip that corrupts a mark.

SHEETWATCH_SIMULATED=3000 pytest tests/rules/test_settle_simulated.py -s     more of them, with their counts
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

import sheetwatch
from sheetwatch.domain import Accept, Alternative, Reading, State, Template
from sheetwatch.rules import judge, settle
from sheetwatch.shipped import shipped_folder
from support.simulated_marking import SimulatedPage, Skill, simulate_page

PAGES = int(os.environ.get("SHEETWATCH_SIMULATED", "200"))
SLIPPED_PAGES = int(os.environ.get("SHEETWATCH_SIMULATED", "300"))
THRESHOLD = 0.997


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A page with its settled readings, and whether it is accepted by the ink alone and with the sums."""

    page: SimulatedPage
    settled: dict[str, Reading]
    by_ink: bool
    accepted: bool

    def wrong(self, readings: dict[str, Reading]) -> list[str]:
        return [name for name, reading in readings.items() if reading.value != self.page.truth[name]]

    def raised(self) -> list[str]:
        """The fields that the ink alone would have sent to review."""
        return [
            name
            for name, after in self.settled.items()
            if (before := self.page.readings[name]).probability < THRESHOLD or before.value != after.value
        ]


@cache
def answer_book() -> Template:
    return sheetwatch.load_template(shipped_folder("config") / "templates" / "answer-book")


@cache
def marked_pages(count: int, doubtful: float, slips: float, seed: int, *, one_hand: bool = True) -> list[Marked]:
    rng = np.random.default_rng(seed)
    skill = Skill(doubtful=doubtful, one_hand=one_hand)
    return [marked(simulate_page(answer_book(), rng, skill, slip=bool(rng.random() < slips))) for _ in range(count)]


def marked(page: SimulatedPage) -> Marked:
    settled = settle(answer_book(), page.readings, Accept())
    return Marked(
        page=page,
        settled=settled,
        by_ink=judge(answer_book(), page.readings, Accept(), THRESHOLD).accepted,
        accepted=judge(answer_book(), settled, Accept(), THRESHOLD, ink=page.readings).accepted,
    )


def test_settled_probabilities_hold() -> None:
    pages = marked_pages(PAGES, 0.05, 0.01, 1)
    readings = [(r.probability, r.value == page.page.truth[name]) for page in pages for name, r in page.settled.items()]
    for least, most in ((0.5, 0.9), (0.9, 0.99), (0.99, 0.999), (0.999, 1.0)):
        some = [(p, right) for p, right in readings if least <= p < most]
        wrong, expected = sum(not right for _, right in some), sum(1 - p for p, _ in some)
        print(f"\n{least} to {most}: {len(some)} readings, {wrong} wrong, {expected:.1f} expected", end="")
        assert wrong <= 2 * expected + 3 * expected**0.5 + 2  # mistakes of one sheet come together
    assert sum(not right for p, right in readings if p >= 0.99) <= 0.01 * sum(p >= 0.99 for p, _ in readings)


@pytest.mark.parametrize(("doubtful", "left"), [(0.02, 0.5), (0.05, 0.65)])
def test_settling_spares_pages_from_review_at_the_same_error(doubtful: float, left: float) -> None:
    pages = marked_pages(PAGES, doubtful, 0.01, 1)
    by_ink, settled = (
        sum(not accepted for accepted in some) for some in zip(*((p.by_ink, p.accepted) for p in pages), strict=True)
    )
    wrong_by_ink = sum(len(page.wrong(dict(page.page.readings))) for page in pages if page.by_ink)
    wrong = sum(len(page.wrong(page.settled)) for page in pages if page.accepted)
    raised = [page.settled[name] for page in pages if page.accepted for name in page.raised()]
    claimed = sum(1 - reading.probability for reading in raised) / len(raised)
    print(f"\n{len(pages)} pages, {doubtful:.0%} of the cells doubtful: {by_ink} to review by ink, {settled} settled")
    print(f"wrong fields accepted: {wrong_by_ink} and {wrong}; {len(raised)} raised, mean doubt {claimed:.5f}")
    fields = sum(len(page.settled) for page in pages if page.accepted)
    assert settled <= left * by_ink
    assert wrong <= Accept().max_field_error * fields + 3
    assert claimed <= Accept().max_field_error


@pytest.mark.parametrize("one_hand", [True, False])
def test_no_slip_of_the_examiner_lets_a_wrong_mark_in(one_hand: bool) -> None:  # noqa: FBT001 - a parameter of the test
    pages = marked_pages(SLIPPED_PAGES, 0.05, 1.0, 2, one_hand=one_hand)
    wrong = [(page.page, page.wrong(page.settled)) for page in pages if page.accepted and page.wrong(page.settled)]
    changed = sum(page.settled[name].value != r.value for page in pages for name, r in page.page.readings.items())
    print(f"\n{len(pages)} pages with a slip: {sum(p.accepted for p in pages)} accepted, {len(wrong)} of them wrong; ")
    print(f"{changed} readings changed")
    assert not wrong
    assert changed


def test_doubts_that_could_cancel_do_not_settle_each_other() -> None:
    """A 4 like a 9 in a mark and in its total: misread both, the sum is right as well. It takes more to be sure."""
    certain = {name: read_for_certain("0" if name.startswith(("q", "part", "total")) else "1") for name in names()}
    nine = Reading(
        value="9", state=State.WRITTEN, probability=0.95, alternatives=(Alternative(value="4", probability=0.05),)
    )
    alone = settle(
        answer_book(),
        certain | {"q18": nine, "part_c": read_for_certain("9"), "total": read_for_certain("9")},
        Accept(),
    )
    alike = settle(answer_book(), certain | {"q18": nine, "part_c": nine, "total": nine}, Accept())
    assert alone["q18"].probability > 0.9995
    assert alike["q18"].probability < alone["q18"].probability
    assert 1 - alike["q18"].probability > 2 * 0.05**3


def read_for_certain(value: str) -> Reading:
    return Reading(value=value, state=State.WRITTEN, probability=0.9999)


def names() -> list[str]:
    return [field.name for field in answer_book().fields]
