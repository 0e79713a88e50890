"""The checks that every request passes, and the headers that every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import abort, redirect, request, url_for

from sheetwatch.web import session
from sheetwatch.web.access import is_allowed

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.wrappers import Response as AnyResponse

LARGEST_BODY_BYTES = 128 * 1024
LARGEST_UPLOAD_BYTES = 16 * 1024 * 1024  # a telephone's photograph; larger ones are reduced by the page itself
_UPLOADS = {"trying.spot"}  # for who has logged in
_MOST_PARTS = 2_000  # of a form; a template has at most 500 fields
_OPEN = {"session.login", "session.log_in", "static"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send `Origin: null` with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def set_up(app: Flask, names: frozenset[str]) -> None:
    """Guard an application that answers to these host names."""
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES, MAX_FORM_MEMORY_SIZE=LARGEST_BODY_BYTES, MAX_FORM_PARTS=_MOST_PARTS
    )

    @app.before_request
    def check() -> AnyResponse | None:
        if not is_allowed(request.headers.get("Host", ""), names):
            abort(421, "These pages do not answer to this name; add it to web.hosts in the configuration.")
        if request.endpoint in _UPLOADS and session.who() is not None:
            request.max_content_length = LARGEST_UPLOAD_BYTES
        if request.method not in {"GET", "HEAD"}:
            _check_origin()
        if request.endpoint not in _OPEN and session.who() is None:
            return _ask_who()
        return None

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "no-store"
        return response


def _check_origin() -> None:
    """A change comes from one of our own pages, or not at all."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        abort(403, "This request came from another site.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403, "This request came from another site.")
    if not session.token_fits(request.form.get("csrf")):
        abort(403, "This form is too old, or came from another site. Please go back, reload the page and try again.")


def _ask_who() -> AnyResponse:
    if request.method != "GET" or request.headers.get("X-Requested-With"):
        abort(401, "You are logged out. Please log in again.")
    return redirect(url_for("session.login"), 303)
