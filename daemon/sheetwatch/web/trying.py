"""Try it: the numbers found anywhere on a picture that somebody brings. Nothing of it is kept."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, g, jsonify, render_template, request

from sheetwatch.web.place import here
from sheetwatch.web.security import LARGEST_UPLOAD_BYTES
from sheetwatch.web.session import operator
from sheetwatch.web.words import percent
from sheetwatch.worker.trying import try_picture

if TYPE_CHECKING:
    from flask import Response

    from sheetwatch.domain import Digit, Number
    from sheetwatch.worker import SpotOutcome

pages = Blueprint("trying", __name__, url_prefix="/try")
_SURE, _LIKELY = 0.95, 0.7  # as the picture's boxes are coloured
_PATIENCE_S = 20.0
_one_at_a_time = threading.Lock()  # a small machine has work to do


@pages.get("/")
def show() -> str:
    """The page."""
    operator()
    g.title = "Try it"
    return render_template("try.html", largest_mb=LARGEST_UPLOAD_BYTES // (1024 * 1024))


@pages.post("/spot")
def spot() -> tuple[Response, int]:
    """The numbers of the picture that was sent, as JSON with the picture on which they are marked."""
    operator()
    data = _sent()
    if not data:
        return jsonify(problem="No picture came. Please choose one."), 400
    if not _one_at_a_time.acquire(timeout=_PATIENCE_S):
        abort(503, "Another picture is being read. Please try again in a moment.")
    try:
        outcome = try_picture(data, here().settings)
    finally:
        _one_at_a_time.release()
    if outcome.spotted is None:
        detail = outcome.problem.detail if outcome.problem else "it could not be read"
        return jsonify(problem=f"This picture cannot be read: {detail}"), 422
    return jsonify(_found(outcome)), 200


def _sent() -> bytes:
    """The bytes of the file; a large one lies in a nameless file until it was read."""
    sent = request.files.get("picture")
    if sent is None:
        return b""
    with sent.stream as stream:
        data: bytes = stream.read()
    return data


def _found(outcome: SpotOutcome) -> dict[str, Any]:
    lines = outcome.spotted.lines if outcome.spotted else ()
    return {
        "text": "\n".join(line.text for line in lines),
        "lines": [[_number(number) for number in line.numbers] for line in lines],
        "picture": base64.b64encode(outcome.picture or b"").decode("ascii"),
        "seconds": round(outcome.elapsed_ms / 1000, 1),
    }


def _number(number: Number) -> dict[str, Any]:
    return _sure(number) | {"text": number.text, "digits": [_sure(one) | {"text": one.symbol} for one in number.digits]}


def _sure(one: Number | Digit) -> dict[str, str]:
    kind = "good" if one.probability >= _SURE else "told" if one.probability >= _LIKELY else "problem"
    return {"sure": percent(one.probability), "kind": kind}
