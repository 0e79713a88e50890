"""What the designer's tests share: an office with an empty folder of templates, a blank, and drawings."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np
import pytest

from sheetwatch.web import designer
from sheetwatch.web.designer_sketch import Sketch, SketchCheck, SketchField
from support.office import office_settings
from web.web_office import Visitor, WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

BOXES = [(60, 100, 120, 60), (60, 200, 120, 60), (60, 300, 120, 60)]


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
