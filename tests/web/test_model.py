"""The page of the model: the card as it is shipped, and what people's answers say of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.ledger import figures, open_reviews
from sheetwatch.ledger.audits import Tally
from sheetwatch.ledger.figures import Confusion, FieldFigures
from sheetwatch.shipped import shipped_folder
from sheetwatch.web.model import field_lines, table_of
from sheetwatch.web.trend import HEIGHT, WIDTH, Trend
from support.office import doubt, row, sheet

if TYPE_CHECKING:
    from web.web_office import WebOffice


def test_the_table_is_that_of_the_shipped_card(office: WebOffice) -> None:
    card = table_of((shipped_folder("models") / "README.md").read_text())
    assert card is not None
    assert card.columns[:2] == ("set", "cells")
    assert {len(line) for line in card.lines} == {len(card.columns)}
    page = office.operator().get("/model/").text
    for cell in card.lines[0][1:]:
        assert f">{cell}</td>" in page
    assert card.before in page


@pytest.mark.parametrize("card", ["", "\n## Figures\n", "\n## Figures\nno table\n\n## More\n| a |\n|---|\n| b |\n"])
def test_a_card_without_figures_is_left_out(card: str) -> None:
    assert table_of(card) is None


def test_what_was_read_first_counts_and_not_what_was_corrected_again(office: WebOffice) -> None:
    office.in_review(doubt(1), doubt(2), doubt(3), "foreign")
    ann = office.operator()
    for review, q1 in zip(open_reviews(office.ledger), ("7", "1", "1"), strict=False):
        roll = review.readings["roll"].value
        ann.post(f"/review/{review.review}/accept", {"v-q1": q1, "v-roll": roll, "v-total": "7"})
    page = ann.get("/results/2").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    ann.post("/results/2/correct", {"seen": seen, "v-q1": "4"})
    office.drop("more.jpg", sheet(row(9)))
    office.settle()
    seen = ann.get("/results/4").text.split('name="seen" value="')[1].split('"')[0]
    ann.post("/results/4/correct", {"seen": seen, "v-q1": "2"})
    with office.ledger.reading() as tx:
        assert figures.by_field(tx) == [FieldFigures(template="exam", field="q1", asked=3, asked_right=1)]
        assert figures.confusions(tx) == [
            Confusion(was="7", became="1", times=2),
            Confusion(was="7", became="2", times=1),
        ]
    page = ann.get("/model/").text
    assert "exam: q1" in page
    assert "33 %" in page


def test_a_field_shows_doubts_and_audits_side_by_side() -> None:
    asked = [FieldFigures(template="exam", field="q1", asked=4, asked_right=1)]
    audited = [
        Tally(template="exam", field="q1", kind="mark", written=True, audited=10, wrong=1),
        Tally(template="exam", field="q1", kind="mark", written=False, audited=5, wrong=0),
        Tally(template="exam", field="q2", kind="mark", written=True, audited=2, wrong=0),
    ]
    first, second = field_lines(asked, audited)
    assert (first.what, first.asked, first.asked_right, first.audited, first.audited_right) == (
        "exam: q1", 4, 1, 15, 14,
    )  # fmt: skip
    assert (second.asked, second.audited, second.audited_right) == (0, 2, 2)


def test_drift_is_the_median_of_each_day(office: WebOffice) -> None:
    office.drop("exam.jpg", sheet(row(1), row(2), row(3)))
    office.settle()
    with office.ledger.transaction() as tx:
        for number, error in enumerate((0.5, 9.0, 1.5), 1):
            alignment = f'{{"inliers": 99, "rms_error_px": {error}, "worst_field_px": 9.0}}'
            tx.execute("UPDATE pages SET alignment = ? WHERE id = ?", (alignment, number))
    page = office.operator().get("/model/").text
    assert "02 Mar: 1.5, 3 sheets" in page
    assert "02 Mar: 0.999, 3 sheets" in page
    office.clock.at += timedelta(days=40)
    assert "nothing yet" in office.operator().get("/model/").text


def test_a_trend_stays_within_its_picture_and_leaves_days_without_sheets_out() -> None:
    days = [date(2026, 3, 1) + timedelta(days=number) for number in range(30)]
    values = [[] if number % 3 else [float(number), 1000.0, float(number)] for number in range(30)]
    trend = Trend.of(days, values, least_top=2.0)
    assert len(trend.points) == 10
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in trend.points)
    heights = [point.y for point in trend.points]
    assert heights == sorted(heights, reverse=True), "more is higher up"
    assert trend.names[-1][1] == "30 Mar"
    assert not Trend.of(days, [[]] * 30, least_top=2.0).points
