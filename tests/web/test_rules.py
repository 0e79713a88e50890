"""The form's own rules on the page: sums, the list of known numbers, and pages that are another form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.templates import load_outline
from support.office import TEMPLATE, doubt

if TYPE_CHECKING:
    from sheetwatch.domain import Template
    from web.web_office import WebOffice

FORM = """
version: 1
name: {name}
title: Entrance examination
reference: reference.png
key: roll
fields:
  - {{name: roll, kind: digits, length: 4, required: true, roster: students.csv:roll, box: [10, 10, 90, 20]}}
  - {{name: q1, kind: mark, max: 10, box: [10, 40, 90, 20]}}
  - {{name: total, kind: mark, max: 100, box: [10, 70, 90, 20]}}
checks:
  - {{total: total, sum: [q1]}}
"""


def template(office: WebOffice, name: str = "exam") -> Template:
    folder = office.settings.templates[0] / name
    folder.mkdir(parents=True)
    (folder / "template.yaml").write_text(FORM.format(name=name))
    (folder / "reference.png").write_bytes(b"no decoder looks at this")
    (folder / "students.csv").write_text("roll\n0003\n0012\n0031\n0500\n")
    return load_outline(folder)


@pytest.fixture
def office(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> WebOffice:
    monkeypatch.chdir(office.settings.state.parent)  # where the default `templates` lies
    office.worker.template = template(office)
    return office


def test_a_sum_that_does_not_hold_is_asked_about_once(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    path, values = f"/review/{review.review}/accept", {"v-q1": "6", "v-roll": "0003", "v-total": "7"}
    asked = ann.post(path, values)
    assert asked.status_code == 422
    assert "written 7, the marks add up to 6" in asked.text
    assert "Save although" in asked.text
    mark = asked.text.split('name="confirmed" value="')[1].split('"')[0]
    other = ann.post(path, {**values, "v-q1": "5", "confirmed": mark})
    assert other.status_code == 422, "another objection than the one that was overruled"
    assert ann.post(path, {**values, "confirmed": mark}).status_code == 303
    assert office.csv_lines()[0].split(",")[5:8] == ["0003", "6", "7"]


def test_a_sum_that_holds_is_saved_at_once_and_told_while_typing(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    values = {"v-q1": "7", "v-roll": "0003", "v-total": "7"}
    for typed, holds in [("", None), ("6", False), ("7", True)]:
        told = json.loads(ann.post(f"/review/{review.review}/check", {**values, "v-q1": typed}).text)
        assert told["sums_hold"] is holds
        assert bool(told["objections"]) is (holds is False), "nothing is said of a sum of which a part is open"
    assert ann.post(f"/review/{review.review}/accept", values).status_code == 303


def test_the_nearest_known_numbers_are_offered(office: WebOffice) -> None:
    review = office.in_review("unclear-roll roll=0013 q1=7 total=7")
    ann = office.operator()
    page = ann.get(f"/review/{review.review}").text
    for value in ("0031", "0012", "0003"):
        assert f'data-text="{value}"' in page
    assert 'data-text="0500"' not in page
    assert "on the list" in page
    values = {"v-q1": "7", "v-roll": "0777", "v-total": "7"}
    asked = ann.post(f"/review/{review.review}/accept", values)
    assert "0777 does not stand in roll of students.csv" in asked.text
    assert ann.post(f"/review/{review.review}/accept", {**values, "v-roll": "0031"}).status_code == 303


def test_a_page_that_no_form_fits_is_given_one(office: WebOffice) -> None:
    review = office.in_review("foreign")
    ann = office.operator()
    path = f"/review/{review.review}"
    assert "Which form is this?" in ann.get(path).text
    assert ann.post(f"{path}/accept", {"v-roll": "0003"}).status_code == 400
    assert 'name="v-q1"' in ann.get(f"{path}?form=exam").text
    assert ann.get(f"{path}?form=../exam").status_code == 400
    values = {"form": "exam", "v-roll": "0003", "v-q1": "3", "v-total": "-"}
    assert "Write the value" in ann.post(f"{path}/accept", {**values, "v-total": ""}).text
    assert ann.post(f"{path}/accept", values).status_code == 303
    assert office.csv_lines()[0].split(",")[4:] == ["corrected", "0003", "3", "", "1"]


def test_a_page_that_was_taken_for_the_wrong_form_is_typed_anew(office: WebOffice) -> None:
    template(office, "entrance")
    review = office.in_review(doubt(3))
    ann = office.operator()
    path = f"/review/{review.review}"
    page = ann.get(f"{path}?form=entrance").text
    assert 'data-key="a"' not in page, "what was read with the wrong form is nothing"
    values = {"form": "entrance", "v-roll": "0012", "v-q1": "3", "v-total": "3"}
    assert ann.post(f"{path}/accept", values).status_code == 303
    assert [file.name.rpartition("-2026")[0] for file in office.settings.results.glob("*.csv")] == ["entrance"]
    assert office.csv_lines()[0].split(",")[4:] == ["corrected", "0012", "3", "3", "1"]
    assert office.check().rows == 1


def test_a_form_that_was_changed_since_is_answered_without_its_sums(office: WebOffice) -> None:
    office.worker.template = TEMPLATE
    review = office.in_review(doubt(3))
    ann = office.operator()
    values = {"v-q1": "6", "v-roll": "0003", "v-total": "7"}
    told = json.loads(ann.post(f"/review/{review.review}/check", values).text)
    assert told["sums_hold"] is None
    assert ann.post(f"/review/{review.review}/accept", values).status_code == 303
