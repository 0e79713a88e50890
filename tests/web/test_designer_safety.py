"""The template designer: what hostile and hasty requests come to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import ReasonCode, UsageError
from sheetwatch.names import plain_text
from sheetwatch.web import designer, designer_drafts
from sheetwatch.web.designer_drafts import MOST_DRAFTS
from sheetwatch.web.designer_sketch import Sketch, as_yaml
from sheetwatch.worker import WorkerFailure, designing
from web.designer_desk import begun, blank_png, field, good, keep, office, told, upload

if TYPE_CHECKING:
    from pathlib import Path

    from web.web_office import WebOffice


__all__ = ["office"]  # a fixture

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


@given(text=st.text(max_size=40))
def test_no_text_is_anything_but_text_in_the_file(text: str) -> None:
    sketch = Sketch(name=text, title=f"x{text}", fields=(field("q1", roster=f"x{text}", max=f"x{text}"),))
    data: Any = yaml.safe_load(as_yaml(sketch))
    assert set(data) == {"version", "name", "title", "reference", "fields"}
    assert (data["name"], data["title"]) == (plain_text(text.strip()), plain_text(f"x{text}".strip()))
    assert data["fields"][0]["max"] == data["fields"][0]["roster"] == data["title"]


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
    small = Limits(worker_memory_mb=40)
    (tmp_path / "ok.png").write_bytes(blank_png())
    with pytest.raises((WorkerFailure, UsageError)) as failure:
        run_alone(designing.draft_blank, tmp_path / "ok.png", 0, tmp_path, small, limits=small)
    assert _for_want_of_memory(failure.value), failure.value
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.png", "ok.png"]


def _for_want_of_memory(failure: Exception) -> bool:
    """Whether the process said so, or, where memory ran out elsewhere, ended without a word."""
    if isinstance(failure, WorkerFailure):
        return failure.code in {ReasonCode.TOO_LARGE, ReasonCode.WORKER_CRASHED}
    return "does not fit into the memory" in str(failure)


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
