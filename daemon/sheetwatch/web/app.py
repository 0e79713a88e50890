"""The Flask application: its parts, and what it says when something goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from flask import Flask, g, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from sheetwatch import __version__
from sheetwatch.domain import EnvironmentFault, LedgerError, SheetwatchError
from sheetwatch.web import (
    audit,
    designer,
    model,
    pictures,
    queue,
    results,
    security,
    session,
    thumbnails,
    today,
    trying,
    undo,
    words,
)
from sheetwatch.web.access import allowed_names
from sheetwatch.web.place import Place

if TYPE_CHECKING:
    from sheetwatch.domain import Settings
    from sheetwatch.service.clock import Clock
    from sheetwatch.web.access import Address
    from sheetwatch.web.passwords import PasswordHash


def create_app(
    settings: Settings, address: Address, password: PasswordHash | None, clock: Clock | None = None
) -> Flask:
    """The pages of one installation. Raises ConfigError, OSError when the key for sessions cannot be had."""
    app = Flask(__name__)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    (Place(settings=settings, clock=clock) if clock else Place(settings=settings)).attach(app)
    security.set_up(app, allowed_names(address, settings.web))
    session.set_up(app, session.load_key(settings.state), session.Guard(password=password))
    for part in (today, queue, undo, results, audit, designer, trying, model, pictures, thumbnails):
        app.register_blueprint(part.pages)
    words.set_up(app)
    app.context_processor(_shared)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SheetwatchError, _own_error)
    app.register_error_handler(Exception, _fault)
    return app


def _shared() -> dict[str, object]:
    return {"csrf": session.csrf_token, "who": session.who(), "version": __version__, "title": g.get("title", "")}


def _http_error(error: HTTPException) -> tuple[str, int]:
    own = error.description if error.code in {401, 403, 404, 409, 421} and error.description else None
    return _error_page(error.code or 500, own or _PLAIN.get(error.code or 500, error.name))


def _own_error(error: SheetwatchError) -> tuple[str, int]:
    structlog.get_logger().warning("page_failed", path=request.path, reason=str(error))
    return _error_page(503 if isinstance(error, EnvironmentFault | LedgerError) else 400, str(error))


def _fault(error: Exception) -> tuple[str, int]:
    structlog.get_logger().error("page_fault", path=request.path, exc_info=error)
    return _error_page(InternalServerError.code, "Something went wrong here. It is in the log; nothing was decided.")


_PLAIN = {
    400: "This request makes no sense here.",
    404: "There is no such page.",
    405: "This page cannot do that.",
    413: "That is too much for one form.",
    429: "Too many requests. Please wait a moment.",
}


def _error_page(code: int, words: str) -> tuple[str, int]:
    g.title = "Not possible"
    return render_template("error.html", code=code, words=words), code
