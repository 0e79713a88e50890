"""Accepted rows read once more: chosen by number, blind, compared; the interval is exact, no warning is chance."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.domain import Web
from sheetwatch.ledger.audits import Tally
from sheetwatch.web.audit import estimates, is_chosen
from sheetwatch.web.interval import exact_interval
from support.office import doubt, office_settings, row, sheet
from web.web_office import WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from web.web_office import Visitor

READ = {"v-roll": "0001", "v-q1": "9.5", "v-total": "7"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[WebOffice]:
    """An office that audits everything, with two rows in its CSV."""
    with WebOffice(settings=replace(office_settings(tmp_path), web=Web(undo_s=0, audit_share=1))) as office:
        office.drop("exam.jpg", sheet(row(1, q1="9.5"), row(2)))
        office.settle()
        yield office


def audited(office: WebOffice) -> list[tuple[str, str, str, str]]:
    with office.ledger.reading() as tx:
        return [
            tuple(one)
            for one in tx.execute("SELECT field, row_said, answered, verdict FROM audits ORDER BY id").fetchall()
        ]


@pytest.mark.parametrize(
    ("wrong", "count", "lower", "upper"),
    [
        (0, 100, 0.0, 1 - 0.025 ** (1 / 100)),
        (100, 100, 0.025 ** (1 / 100), 1.0),
        (5, 100, 0.01643187918, 0.1128349111),  # scipy.stats.binomtest(5, 100).proportion_ci(method="exact")
        (1, 3000, 8.4390e-06, 0.00185593),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_that_of_clopper_and_pearson(wrong: int, count: int, lower: float, upper: float) -> None:
    assert exact_interval(wrong, count) == pytest.approx((lower, upper), rel=1e-4, abs=1e-12)


def test_at_the_ends_of_the_interval_a_tail_has_its_probability() -> None:
    chance = random.Random(5)  # noqa: S311 - a test's
    for _ in range(60):
        count = chance.randint(2, 400)
        wrong = chance.randint(1, count - 1)
        lower, upper = exact_interval(wrong, count, 0.9)
        tails = [
            math.fsum(math.comb(count, n) * p**n * (1 - p) ** (count - n) for n in numbers)
            for p, numbers in ((lower, range(wrong, count + 1)), (upper, range(wrong + 1)))
        ]
        assert tails == pytest.approx([0.05, 0.05], rel=1e-6)


def test_the_choice_needs_no_memory_and_has_the_right_size() -> None:
    numbers = [f"2026{number:04d}-{number:05d}-p0" for number in range(20_000)]
    chosen = {number for number in numbers if is_chosen(number, 0.02)}
    assert 320 <= len(chosen) <= 480, "400 on average, four standard deviations"
    assert chosen < {number for number in numbers if is_chosen(number, 0.05)}, "a larger share adds sheets"
    assert not [number for number in numbers if is_chosen(number, 0)]


def test_the_share_decides_what_is_offered_and_looking_writes_nothing(office: WebOffice) -> None:
    assert "2 sheets" in office.operator().get("/audit/").text
    office.settings = replace(office.settings, web=Web(undo_s=0, audit_share=0))
    ann = office.operator()
    assert "None waits now" in ann.get("/audit/").text
    before = office.ledger.change_mark()
    for path in ("/audit/", "/audit/1", "/audit/1/compare"):
        ann.get(path)
    assert office.ledger.change_mark() == before


def test_no_value_is_shown_before_it_was_read(office: WebOffice) -> None:
    page = office.operator().get("/audit/1").text
    assert 'name="v-q1"' in page
    for told in ("9.5", "0001<", 'value="0001"', "0.9991", "99.9"):
        assert told not in page, told


def test_what_agrees_is_counted_and_not_asked_again(office: WebOffice) -> None:
    ann = office.operator()
    shown = ann.follow(ann.post("/audit/1", {**READ, "v-q1": "9½", "v-total": " 7 "}))
    assert "all 3 values are as in the row" in shown
    assert "/audit/2" in shown, "the next one"
    assert {verdict for *_, verdict in audited(office)} == {"same"}
    page = ann.get("/audit/").text
    assert "1 sheet" in page
    assert "not shown yet" in page
    assert "0 % to 71 %" in page, "0 of 3"
    assert "audited already" in ann.follow(ann.get("/audit/1"))
    assert "meanwhile" in ann.follow(ann.post("/audit/1", READ))
    assert len(audited(office)) == 3


def differ(visitor: Visitor, q1: str = "8") -> str:
    return visitor.follow(visitor.post("/audit/1", {**READ, "v-q1": q1}))


def test_a_wrong_row_is_counted_and_corrected(office: WebOffice) -> None:
    ann = office.operator()
    page = differ(ann)
    assert "Who is right?" in page
    assert "as it stands in the row" in page
    assert "1 to compare" in ann.get("/audit/").text
    assert "Who is right?" in ann.follow(ann.post("/audit/1/compare", {"right-q1": "nobody"}))
    row_page = ann.follow(ann.post("/audit/1/compare", {"right-q1": "answer"}))
    assert 'name="v-q1" value="8"' in row_page
    assert "the row says 9.5" in row_page
    seen = row_page.split('name="seen" value="')[1].split('"')[0]
    ann.post("/results/1/correct", {**READ, "v-q1": "8", "seen": seen})
    office.settle(3)
    assert office.csv_lines()[0].split(",")[4:8] == ["corrected", "0001", "8", "7"]
    assert ("q1", "9.5", "8", "answer") in audited(office)


def test_a_slip_of_the_person_is_no_error_of_the_machine(office: WebOffice) -> None:
    ann = office.operator()
    differ(ann)
    assert "nothing was changed" in ann.follow(ann.post("/audit/1/compare", {"right-q1": "row"}))
    assert ("q1", "9.5", "8", "row") in audited(office)
    assert "There is nothing to compare" in ann.follow(ann.get("/audit/1/compare"))
    assert office.csv_lines()[0].split(",")[6] == "9.5"


def test_an_impossible_value_is_asked_for_again(office: WebOffice) -> None:
    ann = office.operator()
    answer = ann.post("/audit/1", {**READ, "v-q1": "11"})
    assert answer.status_code == 422
    assert "not possible here" in answer.text
    assert "9.5" not in answer.text
    assert not audited(office)


def test_of_two_who_read_one_sheet_the_first_counts(office: WebOffice) -> None:
    ann, bob = office.operator("ann"), office.operator("bob")
    bob.get("/audit/1")
    ann.post("/audit/1", READ)
    assert "What you typed was not used" in bob.follow(bob.post("/audit/1", {**READ, "v-q1": "1"}))
    assert len(audited(office)) == 3


def test_what_a_person_has_seen_already_is_not_audited(office: WebOffice) -> None:
    review = office.in_review(doubt(9), name="other.jpg")
    ann = office.operator()
    ann.post(f"/review/{review.review}/accept", {"v-q1": "7", "v-roll": "0009", "v-total": "7"})
    assert office.settle(3).rows == 3
    assert "2 sheets" in ann.get("/audit/").text
    assert "not chosen" in ann.follow(ann.get("/audit/3"))


def test_the_warning_comes_when_chance_is_no_excuse() -> None:
    def tally(field: str, audited: int, wrong: int) -> Tally:
        return Tally(template="exam", field=field, kind="mark", written=True, audited=audited, wrong=wrong)

    def warned(*tallies: Tally) -> list[str]:
        return [one.what for one in estimates(tallies, 0.001) if one.warns]

    assert not warned(tally("q1", 3, 0)), "the upper end is 71 %, and says nothing yet"
    assert not warned(tally("q1", 1000, 1)), "one in a thousand is what was promised"
    assert warned(tally("q1", 1000, 6)) == ["all values", "written: mark", "exam: q1"]
    many = [tally(f"q{number}", 100, int(number == 1)) for number in range(1, 31)]
    assert not warned(*many), "one wrong value in three thousand, wherever it stands"


def test_the_warning_stands_on_the_first_page(office: WebOffice) -> None:
    ann = office.operator()
    with office.ledger.transaction() as tx:
        for number in range(40):
            tx.execute(
                "INSERT INTO audits (page, field, kind, row_said, answered, verdict, audited_at, audited_by)"
                " VALUES (1, ?, 'mark', '7', '1', 'answer', 'now', 'ann')",
                (f"f{number}",),
            )
    assert "more values are wrong than promised" in ann.get("/audit/").text
    assert "more values are wrong than promised" in ann.get("/").text
