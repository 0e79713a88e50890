"""Try it: what somebody brings is read in a limited process, kept nowhere, and refused politely."""

from __future__ import annotations

import base64
import io
import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.domain import Box, Digit, Line, Number, Spotted
from sheetwatch.web import security, trying
from sheetwatch.web.security import LARGEST_BODY_BYTES
from sheetwatch.worker import SpotOutcome

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from web.web_office import Visitor, WebOffice


def numbers_png(*lines: str) -> bytes:
    """Typed lines in a plain font, which reads like a tidy hand."""
    grey = np.full((160 * len(lines) + 80, 900), 240, np.uint8)
    for number, line in enumerate(lines):
        cv2.putText(grey, line, (60, 160 * number + 150), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 30, 6, cv2.LINE_AA)
    return cv2.imencode(".png", grey)[1].tobytes()


def send(visitor: Visitor, data: bytes, name: str = "page.png") -> TestResponse:
    return visitor.post("/try/spot", {"picture": (io.BytesIO(data), name)})  # type: ignore[dict-item] # a file


def test_a_picture_gives_its_numbers_and_leaves_nothing_behind(office: WebOffice) -> None:
    office.settle()
    ann = office.operator()
    ann.get("/try/")
    place = office.settings.state.parent
    before = sorted(place.rglob("*"))
    answer = send(ann, numbers_png("365  28", "4"), "../../etc/passwd")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.get_json()
    assert told["text"] == "365 28\n4"
    assert [[one["text"] for one in line] for line in told["lines"]] == [["365", "28"], ["4"]]
    first = told["lines"][0][0]
    assert [digit["text"] for digit in first["digits"]] == ["3", "6", "5"]
    assert first["sure"].endswith("%")
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(told["picture"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (400, 900, 3)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("data", [b"no picture", b"\x89PNG\r\n\x1a\n", numbers_png("1")[:400]])
def test_what_is_no_picture_is_said_in_words(office: WebOffice, data: bytes) -> None:
    office.settle()
    ann = office.operator()
    answer = send(ann, data)
    assert answer.status_code == 422
    assert answer.get_json()["problem"].startswith("This picture cannot be read: ")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(office: WebOffice) -> None:
    office.settle()
    bomb = cv2.imencode(".png", np.zeros((12_000, 12_000), np.uint8))[1].tobytes()
    answer = send(office.operator(), bomb)
    assert answer.status_code == 422
    assert "megapixels" in answer.get_json()["problem"]


def test_uploads_are_for_who_has_logged_in_and_came_from_the_page(office: WebOffice) -> None:
    office.settle()
    picture = numbers_png("1")
    assert send(office.pages(), picture).status_code == 403, "no session, no token"
    ann = office.operator()
    ann.token = "somebody else's"  # noqa: S105 - no password
    assert send(ann, picture).status_code == 403
    ann = office.operator()
    assert ann.post("/try/spot").status_code == 400
    assert office.pages().get("/try/").status_code == 303


def test_only_this_upload_may_be_large_and_not_too_large(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "LARGEST_UPLOAD_BYTES", 3 * LARGEST_BODY_BYTES)
    office.settle()
    ann = office.operator()
    assert send(ann, b"x" * (2 * LARGEST_BODY_BYTES)).status_code == 422, "read, and no picture"
    assert send(ann, b"x" * (3 * LARGEST_BODY_BYTES + 1)).status_code == 413
    large = {"v-q1": "7" * (2 * LARGEST_BODY_BYTES)}
    assert ann.post("/review/1/accept", large).status_code == 413
    assert send(office.pages(), b"x" * (2 * LARGEST_BODY_BYTES)).status_code == 413, "nobody's upload is taken"


def test_one_picture_is_read_at_a_time(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office.settle()
    ann, bob = office.operator(), office.operator("bob")
    inside, leave = threading.Event(), threading.Event()

    def slow(_data: bytes, _settings: object) -> SpotOutcome:
        inside.set()
        assert leave.wait(30)
        return found("7")

    monkeypatch.setattr(trying, "try_picture", slow)
    monkeypatch.setattr(trying, "_PATIENCE_S", 0.05)
    answers: list[int] = []
    first = threading.Thread(target=lambda: answers.append(send(ann, b"one").status_code))
    first.start()
    assert inside.wait(30)
    assert send(bob, b"two").status_code == 503
    leave.set()
    first.join()
    assert answers == [200]


def found(text: str) -> SpotOutcome:
    box = Box(left=0, top=0, width=9, height=9)
    digits = tuple(Digit(box=box, symbol=symbol, probability=0.8) for symbol in text)
    number = Number(box=box, text=text, probability=0.8, digits=digits)
    return SpotOutcome(spotted=Spotted(lines=(Line(numbers=(number,)),), model="m"), picture=b"png")
