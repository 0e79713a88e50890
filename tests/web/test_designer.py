"""The template designer without a browser: its rules, and what hostile requests come to."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np
import pytest
import yaml

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import ReasonCode, UsageError
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.names import plain_text
from sheetwatch.strict import load_yaml
from sheetwatch.templates import load_template, load_templates
from sheetwatch.web import designer, designer_drafts
from sheetwatch.web.designer_drafts import MOST_DRAFTS
from sheetwatch.web.designer_sketch import Sketch, SketchCheck, SketchField, as_yaml, sketched
from sheetwatch.worker import WorkerFailure, designing
from support.office import office_settings
from web.web_office import Visitor, WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

BOXES = [(60, 100, 120, 60), (60, 200, 120, 60), (60, 300, 120, 60)]
HOSTILE = [
    "../../evil",
    "..",
    "/etc/passwd",
    "a/b",
    ".hidden",
    "exam\n  - {name: x}",
    "exam'} #",
    "*alias",
    "!!python/object:os.system",
    "{a: 1}",
    "exam\x00",
    "",
    "x" * 61,
    "<script>alert(1)</script>",
]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebOffice]:
    """An office whose designer works in this process: what the process is limited by has a test of its own."""

    def run_here(function: Any, *arguments: Any, **_limits: Any) -> Any:
        return function(*arguments)

    monkeypatch.setattr(designer, "run_alone", run_here)
    (tmp_path / "templates").mkdir()
    with WebOffice(settings=replace(office_settings(tmp_path), templates=(tmp_path / "templates",))) as office:
        yield office


def blank_png() -> bytes:
    page = np.full((1200, 850), 255, np.uint8)
    for left, top, width, height in BOXES:
        cv2.rectangle(page, (left, top), (left + width, top + height), 0, 2)
    return bytes(cv2.imencode(".png", page)[1])


def told(answer: TestResponse) -> Any:
    """What an answer says to a script."""
    return answer.json


def upload(visitor: Visitor, url: str, data: bytes, index: int = 0, at: int = 0) -> Any:
    form = {"csrf": visitor.token, "index": str(index), "at": str(at), "piece": (io.BytesIO(data), "piece")}
    return visitor.client.post(f"{url}/upload", data=form)


def begun(visitor: Visitor, data: bytes | None = None) -> str:
    url = str(told(visitor.post("/designer/begin"))["url"])
    assert upload(visitor, url, data or blank_png()).status_code == 200
    answer = visitor.post(f"{url}/blank", {"page": "1", "name": "weekly-test"})
    assert answer.status_code == 200, answer.text
    return url


def field(name: str, at: int = 0, **more: Any) -> SketchField:
    return SketchField(name=name, kind=more.pop("kind", "mark"), box=BOXES[at], **more)


def good() -> Sketch:
    fields = (field("q1", 0, max="10"), field("q2", 1, max="10"), field("total", 2, max="20"))
    return Sketch(
        name="weekly-test", title="A: test, it's #1", fields=fields, checks=(SketchCheck(total="total", sum="q1 + q2"),)
    )


def keep(visitor: Visitor, url: str, sketch: Sketch, turn: int = 0) -> Any:
    return visitor.post(f"{url}/keep", {"turn": str(turn), "sketch": msgspec.json.encode(sketch).decode()})


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
    assert "Restart Sheetwatch" in ann.get("/designer/").text
    assert ann.get(url).status_code == 404, "the draft has become the template"


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


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_the_folder_of_templates(office: WebOffice, tmp_path: Path, name: str) -> None:
    ann = office.operator()
    url = begun(ann)
    assert keep(ann, url, replace(good(), name=name)).status_code == 200
    answer = ann.post(f"{url}/save", {"turn": "1"})
    assert [one["place"] for one in told(answer)["problems"]] == [["name"]]
    assert list(office.settings.templates[0].iterdir()) == []
    assert not list(tmp_path.rglob("*evil*"))


def test_a_list_elsewhere_is_never_opened(office: WebOffice, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("password\nhunter2\n")
    ann = office.operator()
    url = begun(ann)
    for roster in ("../../../secret.csv:x", f"{tmp_path}/secret.csv:x", "/etc/passwd:x", "a/../b.csv:x", "x.csv"):
        sketch = replace(good(), fields=(field("roll", 0, kind="digits", roster=roster),), checks=())
        turn = json.loads((office.settings.state / "designer" / "1" / "sketch.json").read_text())["turn"]
        answer = keep(ann, url, sketch, turn=turn)
        assert [one["place"] for one in told(answer)["problems"]] == [["fields", 0, "roster"]]
        assert "password" not in answer.text


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


@given(text=st.text(max_size=40))
def test_no_text_is_anything_but_text_in_the_file(text: str) -> None:
    sketch = Sketch(name=text, title=f"x{text}", fields=(field("q1", roster=f"x{text}", max=f"x{text}"),))
    data: Any = yaml.safe_load(as_yaml(sketch))
    assert set(data) == {"version", "name", "title", "reference", "fields"}
    assert (data["name"], data["title"]) == (plain_text(text.strip()), plain_text(f"x{text}".strip()))
    assert data["fields"][0]["max"] == data["fields"][0]["roster"] == data["title"]


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


def _shipped(tmp_path: Path) -> tuple[Path, Path]:
    from sheetwatch.shipped import shipped_folder  # noqa: PLC0415 - only here

    return shipped_folder("config") / "templates" / "answer-book", tmp_path / "shipped"


def test_two_windows_do_not_write_over_each_other(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    assert keep(ann, url, good()).status_code == 200
    assert keep(ann, url, replace(good(), title="older")).status_code == 409
    assert ann.post(f"{url}/save", {"turn": "0"}).status_code == 409
    assert "older" not in ann.get(f"{url}/template.yaml").text


@pytest.mark.parametrize(
    "sketch",
    ["", "{", "[]", "null", '{"fields": [{}]}', '{"fields": [{"name": 1, "kind": "mark", "box": [1, 2, 3, 4]}]}',
     '{"fields": [{"name": "a", "kind": "mark", "box": [1, 2, 3]}]}', '{"name": "' + "x" * 300 + '"}', "[" * 5000,
     '{"name": "\\ud800"}'],
)  # fmt: skip
def test_what_our_page_never_sends_is_refused(office: WebOffice, sketch: str) -> None:
    ann = office.operator()
    url = begun(ann)
    answer = ann.post(f"{url}/keep", {"turn": "0", "sketch": sketch})
    assert answer.status_code == 422
    assert "no drawing of a template" in told(answer)["problem"]


def test_pieces_must_fit_and_are_counted(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.operator()
    url = str(told(ann.post("/designer/begin"))["url"])
    assert upload(ann, url, b"x" * 1000).json == {"size": 1000}
    assert upload(ann, url, b"x" * 10, at=500).status_code == 422
    assert upload(ann, url, b"x" * 10, at=1000).json == {"size": 1010}
    assert upload(ann, url, b"x" * 10, index=60).status_code == 422
    assert upload(ann, url, b"x", index=-1).status_code == 400
    assert upload(ann, url, b"x" * 110_000, at=1010).status_code == 413
    assert upload(ann, url, b"x" * 140_000, at=1010).status_code == 413
    monkeypatch.setattr(designer_drafts, "LARGEST_UPLOAD_BYTES", 1015)
    answer = upload(ann, url, b"x" * 10, at=1010)
    assert (answer.status_code, "larger than" in told(answer)["problem"]) == (422, True)
    monkeypatch.setattr(designer_drafts, "_SPARE_BYTES", 10**18)
    assert upload(ann, url, b"x").status_code == 503


def test_there_are_only_so_many_drafts(office: WebOffice) -> None:
    ann = office.operator()
    urls = [begun(ann) for _ in range(MOST_DRAFTS - 1)]
    unfinished = str(told(ann.post("/designer/begin"))["url"])
    assert begun(ann) not in urls
    assert ann.get(unfinished).status_code == 404, "one that never got its blank makes room"
    assert ann.post("/designer/begin").status_code == 422
    assert ann.post(f"{urls[0]}/remove").status_code == 303
    assert ann.post("/designer/begin").status_code == 200


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


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"0" * 50, b"%PDF-1.4 nothing"])
def test_what_is_no_picture_is_said(office: WebOffice, data: bytes) -> None:
    ann = office.operator()
    url = str(told(ann.post("/designer/begin"))["url"])
    upload(ann, url, data)
    answer = ann.post(f"{url}/blank", {"page": "1"})
    assert (answer.status_code, "no usable picture" in told(answer)["problem"]) == (422, True)
    assert ann.get(url).status_code == 404


def test_a_file_that_ends_its_process_is_said(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise WorkerFailure(ReasonCode.WORKER_CRASHED, "code -11")

    ann = office.operator()
    url = begun(ann)
    monkeypatch.setattr(designer, "run_alone", crash)
    upload(ann, url, b"x")
    keep(ann, url, good())
    answer = ann.post(f"{url}/try", {"page": "1"})
    assert (answer.status_code, "could not be worked on" in told(answer)["problem"]) == (422, True)


def test_a_bomb_is_stopped_by_the_process_limits(tmp_path: Path) -> None:
    from sheetwatch.domain import Limits  # noqa: PLC0415 - only here
    from sheetwatch.worker.alone import run_alone  # noqa: PLC0415

    bomb = tmp_path / "bomb.png"
    cv2.imwrite(str(bomb), np.full((30_000, 20_000), 255, np.uint8))
    with pytest.raises(UsageError, match="no usable picture"):
        run_alone(designing.draft_blank, bomb, 0, tmp_path, Limits(), limits=Limits())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.png"]
    small = Limits(worker_memory_mb=60)
    (tmp_path / "ok.png").write_bytes(blank_png())
    with pytest.raises(WorkerFailure) as failure:
        run_alone(designing.draft_blank, tmp_path / "ok.png", 0, tmp_path, small, limits=small)
    assert failure.value.code in {ReasonCode.TOO_LARGE, ReasonCode.WORKER_CRASHED}


def test_only_one_thing_is_worked_on_at_a_time(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    drafts = ann.client.application.extensions["sheetwatch-designer"]
    with drafts.working:
        answer = ann.post(f"{url}/list", {"turn": "0"})
    assert (answer.status_code, "try again in a moment" in told(answer)["problem"]) == (422, True)


def test_every_change_needs_the_token_of_the_session(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    app = ann.client.application
    posts = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("designer.") and "POST" in (rule.methods or ())
    ]
    assert len(posts) == 10
    for rule in posts:
        path = rule.rule.replace("<int(max=9223372036854775807):number>", "1")
        assert ann.client.post(path, data={"turn": "0", "csrf": "x"}).status_code == 403, path
    assert ann.get(url).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/designer/1/../../etc/passwd", "/designer/..%2f..%2fetc%2fpasswd", "/designer/1/%2e%2e/sketch.json",
     "/designer/-1", "/designer/0x1", "/designer/1/upload-00", "/designer/1/sketch.json",
     "/designer/99999999999999999999"],
)  # fmt: skip
def test_no_path_leads_to_a_file_of_the_drafts(office: WebOffice, path: str) -> None:
    ann = office.operator()
    begun(ann)
    assert ann.get(path).status_code in {301, 308, 404, 405}


def test_hostile_texts_are_shown_never_run(office: WebOffice) -> None:
    ann = office.operator()
    url = begun(ann)
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    sketch = replace(good(), name=script, title=script, fields=(field(script, roster=script),))
    keep(ann, url, sketch)
    for path in (url, "/designer/"):
        text = ann.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert ann.get(f"{url}/template.yaml").headers["Content-Disposition"].startswith("attachment")


def test_a_folder_that_cannot_be_written_is_said(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    from sheetwatch.web import designer_saving  # noqa: PLC0415 - only here

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    ann = office.operator()
    url = begun(ann)
    keep(ann, url, good())
    monkeypatch.setattr(designer_saving, "copy_atomically", refuse)
    answer = ann.post(f"{url}/save", {"turn": "1"})
    assert (answer.status_code, "Read-only" in told(answer)["problem"]) == (503, True)
    assert ann.get(url).status_code == 200, "the draft stays"
