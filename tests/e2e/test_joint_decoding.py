"""Generated sheets through the whole pipeline, with and without the sums: fewer pages to review, never a wrong mark.

SHEETWATCH_JOINT_SHEETS=300 pytest tests/e2e/test_joint_decoding.py -s     as many as the figures of the model rest on
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import pytest

import sheetwatch
from sheetwatch import pipeline
from sheetwatch.domain import Accept, PageReading, Template
from sheetwatch.lab.sheets import Sheet, generate_sheet
from sheetwatch.rules.trees import check_fields
from sheetwatch.shipped import shipped_folder

SHEETS = int(os.environ.get("SHEETWATCH_JOINT_SHEETS", "12"))
FIRST_SEED = 71_000
FIRST_SLIPPED_SEED = 72_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One sheet read without and with joint decoding."""

    sheet: Sheet
    alone: PageReading
    joint: PageReading

    def wrong(self, page: PageReading) -> list[str]:
        """The fields of an accepted page that are not as they were written."""
        if not page.verdict.accepted:
            return []
        return [name for name, truth in self.sheet.truth.items() if page.fields[name].value != truth.value]


@cache
def answer_book() -> Template:
    return sheetwatch.load_template(shipped_folder("config") / "templates" / "answer-book")


@pytest.fixture(scope="module")
def reader() -> pipeline.CellReader:
    return sheetwatch.load_reader()


def read_both_ways(seed: int, reader: pipeline.CellReader, *, slip: bool) -> Outcome:
    sheet = generate_sheet(answer_book(), seed, slip=slip)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "settle", lambda _template, readings, _accept: dict(readings))
        alone = sheetwatch.read_page(sheet.grey, [answer_book()], reader, Accept())
    joint = sheetwatch.read_page(sheet.grey, [answer_book()], reader, Accept())
    return Outcome(sheet=sheet, alone=alone, joint=joint)


def tell(outcomes: list[Outcome], what: str) -> None:
    """Print the counts that the statements are about."""
    alone, joint = (sum(not page.verdict.accepted for page in pages) for pages in _both(outcomes))
    wrong_alone = sum(len(outcome.wrong(outcome.alone)) for outcome in outcomes)
    wrong_joint = sum(len(outcome.wrong(outcome.joint)) for outcome in outcomes)
    print(f"\n{len(outcomes)} {what}: to review {alone} by the ink alone, {joint} with joint decoding")
    print(f"  ({joint / max(alone, 1):.0%}); wrong fields accepted: {wrong_alone} and {wrong_joint}")
    alone, joint = (sum(for_its_marks(page) for page in pages) for pages in _both(outcomes))
    print(f"  for a mark or total: {alone} by the ink alone, {joint} with joint decoding ({joint / max(alone, 1):.0%})")


def for_its_marks(page: PageReading) -> bool:
    """Whether the page goes to review for a field that stands in a sum; no sum can help with the others."""
    summed = {name for check in answer_book().checks for name in check_fields(check)}
    return any(reason.field in summed for reason in page.verdict.reasons)


def _both(outcomes: list[Outcome]) -> tuple[list[PageReading], list[PageReading]]:
    return [outcome.alone for outcome in outcomes], [outcome.joint for outcome in outcomes]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_joint_decoding_sends_fewer_pages_to_review(reader: pipeline.CellReader) -> None:
    outcomes = [read_both_ways(FIRST_SEED + number, reader, slip=False) for number in range(SHEETS)]
    tell(outcomes, "sheets whose totals are right")
    alone, joint = (sum(not page.verdict.accepted for page in pages) for pages in _both(outcomes))
    assert joint <= alone
    assert not [outcome.wrong(outcome.joint) for outcome in outcomes if outcome.wrong(outcome.joint)]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_total_added_wrongly_lets_no_wrong_mark_in(reader: pipeline.CellReader) -> None:
    outcomes = [read_both_ways(FIRST_SLIPPED_SEED + number, reader, slip=True) for number in range(SHEETS)]
    tell(outcomes, "sheets with a total added wrongly")
    assert all(outcome.sheet.slip for outcome in outcomes)
    assert not [outcome.wrong(outcome.joint) for outcome in outcomes if outcome.wrong(outcome.joint)]
