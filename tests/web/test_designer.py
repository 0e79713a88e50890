"""The template designer without a browser: from a blank to a template, and what is wrong at which field."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")


from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.strict import load_yaml
from sheetwatch.templates import load_template, load_templates
from sheetwatch.web.designer_sketch import Sketch, SketchCheck, as_yaml, sketched
from support.office import office_settings
from web.designer_desk import begun, blank_png, field, good, keep, office, told, upload
from web.web_office import WebOffice

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["office"]  # a fixture


def _shipped(tmp_path: Path) -> tuple[Path, Path]:
    from sheetwatch.shipped import shipped_folder  # noqa: PLC0415 - only here

    return shipped_folder("config") / "templates" / "answer-book", tmp_path / "shipped"


def test_boxes_are_proposed_kept_and_saved_as_a_template(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    assert "weekly-test" in ann.get("/designer/").text
    assert ann.get(f"{url}/reference.png").data.startswith(b"\x89PNG")
    page = ann.get(url).text
    assert page.count("&#34;kind&#34;:&#34;mark&#34;") == 3
    assert keep(ann, url, good()).json == {"turn": 1, "problems": []}
    answer = ann.post(f"{url}/save", {"turn": "1"})
    assert answer.status_code == 200, answer.text
    template = load_template(office.settings.templates[0] / "weekly-test")
    assert (template.title, [one.name for one in template.fields]) == ("A: test, it's #1", ["q1", "q2", "total"])
    assert template.checks[0].terms == ("q1", "q2")
    assert template.reference.shape == (1200, 850)
    assert sorted(path.name for path in (office.settings.templates[0] / "weekly-test").iterdir()) == [
        "reference.png",
        "template.yaml",
    ]
    assert "read with it in a few seconds" in ann.get("/designer/").text
    assert ann.get(url).status_code == 404, "the draft has become the template"


def test_a_form_is_saved_where_the_pages_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "etc", tmp_path / "var"
    for folder in (first, second):
        folder.mkdir()
    monkeypatch.setattr("os.access", lambda path, *_, **__: path != first)
    with WebOffice(settings=replace(office_settings(tmp_path), templates=(first, second))) as office:
        ann = office.operator()
        url = begun(ann)
        keep(ann, url, good())
        assert ann.post(f"{url}/save", {"turn": "1"}).status_code == 200
    assert not list(first.iterdir())
    assert load_template(second / "weekly-test").name == "weekly-test"


def test_the_loader_says_at_which_field_something_is_wrong(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    wrong = replace(
        good(),
        fields=(
            field("q1", 0, max="ten"),
            field("Q 2", 1),
            replace(field("q3", 2), box=(800, 100, 300, 60)),
            field("q4", 0, kind="digits", max="3"),
            field("q5", 1, max="10", step="0.3"),
        ),
    )
    problems = keep(ann, url, wrong).json["problems"]
    places = [tuple(one["place"]) for one in problems]
    assert places == [("fields", number, key) for number, key in enumerate(("max", "name", "box", "max", "step"))]
    for problem in problems:
        assert problem["reason"]
        assert problem["mend"]
    assert told(ann.post(f"{url}/save", {"turn": "1"}))["problems"]
    assert list(office.settings.templates[0].iterdir()) == []
    checks = replace(good(), checks=(SketchCheck(total="total", sum="q1 + q9"),))
    (problem,) = told(keep(ann, url, checks, turn=1))["problems"]
    assert problem["place"] == ["checks", 0, "sum", 1]
    assert problem["mend"] == "known are q1, q2, total"


def test_no_template_is_overwritten_unasked(office: WebOffice) -> None:
    ann = office.operator()
    home = office.settings.templates[0]
    for turn, title in enumerate(("first", "second")):
        url = begun(ann)
        keep(ann, url, replace(good(), title=title))
        answer = ann.post(f"{url}/save", {"turn": "1"})
        assert answer.status_code == (409 if turn else 200)
    assert load_template(home / "weekly-test").title == "first"
    mark = told(answer)["taken"]
    assert ann.post(f"{url}/save", {"turn": "1", "replace": "another"}).status_code == 409
    file = home / "weekly-test" / "template.yaml"
    text = file.read_text()
    file.write_text(text + "# changed by hand meanwhile\n")
    assert ann.post(f"{url}/save", {"turn": "1", "replace": mark}).status_code == 409
    file.write_text(text)
    assert ann.post(f"{url}/save", {"turn": "1", "replace": mark}).status_code == 200
    assert [one.title for one in load_templates(office.settings.templates)] == ["second"]
    (old,) = (home / ".sheetwatch-designer").iterdir()
    assert load_template(old).title == "first"
    assert sorted(path.name for path in home.iterdir()) == [".sheetwatch-designer", "weekly-test"]


def test_a_name_that_another_folder_has_is_refused(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    keep(ann, url, good())
    ann.post(f"{url}/save", {"turn": "1"})
    home = office.settings.templates[0]
    (home / "weekly-test").rename(home / "monday")
    url = begun(ann)
    keep(ann, url, good())
    answer = ann.post(f"{url}/save", {"turn": "1"})
    assert (answer.status_code, "choose another name" in told(answer)["problem"]) == (422, True)


def test_a_list_of_ones_own_is_taken(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    upload(ann, url, b"roll_number,name\n0012,Ann\n0013,Bob\n")
    answer = ann.post(f"{url}/list", {"turn": "0", "name": "../My Students.csv"})
    assert answer.json == {"turn": 1, "lists": {"my-students.csv": ["roll_number", "name"]}}
    sketch = replace(good(), fields=(field("roll", 0, kind="digits", roster="my-students.csv:roll_number"),), checks=())
    assert keep(ann, url, sketch, turn=1).json["problems"] == []
    assert ann.post(f"{url}/save", {"turn": "2"}).status_code == 200
    (template,) = load_templates(office.settings.templates)
    roster = template.fields[0].roster
    assert roster is not None
    assert roster.values == {"0012", "0013"}
    draft = ann.follow(ann.post("/designer/open", {"name": "weekly-test"}))
    assert "my-students.csv:roll_number" in draft


def test_every_text_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    for text in (
        "it's",
        "null",
        "true",
        "1e3",
        "a: b",
        "# no",
        "- x",
        "*x",
        "&x",
        "!x",
        "%x",
        "@x",
        "[",
        "{",
        "\u00e9\U0001f600",
    ):
        path.write_text(as_yaml(Sketch(name=text, title=text, fields=(field("q1"),))), "utf-8")
        data = load_yaml(path).data
        assert (data["name"], data["title"]) == (text, text)
        assert set(data) == {"version", "name", "title", "reference", "fields"}


def test_a_template_comes_back_as_it_was(tmp_path: Path) -> None:
    template = load_template(shutil.copytree(*_shipped(tmp_path)))
    (tmp_path / "again").mkdir()
    shutil.copy(tmp_path / "shipped" / "reference.png", tmp_path / "again")
    (tmp_path / "again" / "template.yaml").write_text(as_yaml(sketched(template.fields, template)), "utf-8")
    again = load_template(tmp_path / "again")
    assert (again.fields, again.checks, again.key, again.title) == (
        template.fields,
        template.checks,
        template.key,
        template.title,
    )


@pytest.mark.slow
def test_a_blank_is_learned_from_filled_sheets(office: WebOffice) -> None:
    ann = office.operator()
    url = str(told(ann.post("/designer/begin"))["url"])
    for index in range(6):
        sheet = generate_sheet(meter_reading(), index, difficulty="easy", device="clean").grey
        data = cv2.imencode(".jpg", cv2.resize(sheet, (1000, 700), interpolation=cv2.INTER_AREA))[1].tobytes()
        for at in range(0, len(data), 98_304):
            assert upload(ann, url, data[at : at + 98_304], index, at).status_code == 200
    answer = ann.post(f"{url}/learn", {"name": "slip"})
    assert answer.status_code == 200, answer.text
    page = ann.get(url).text
    assert "Learned from 6 of 6 sheets." in page
    assert "Look here: the blank was learned from 6 sheets" in page
    assert ann.post(f"{url}/learn").status_code == 422, "what is drawn is not learned over"


def test_too_few_sheets_are_named(office: WebOffice) -> None:
    ann = office.operator()
    url = str(told(ann.post("/designer/begin"))["url"])
    upload(ann, url, blank_png())
    upload(ann, url, b"no picture", index=1)
    answer = ann.post(f"{url}/learn")
    assert answer.status_code == 422
    assert "5 are the least" in told(answer)["problem"]
    assert "sheet 2: it cannot be read" in told(answer)["problem"]
