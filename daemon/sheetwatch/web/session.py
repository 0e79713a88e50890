"""Who somebody is: log in, log out, signed cookies, and how often a password may be tried."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface

from sheetwatch.domain import ConfigError
from sheetwatch.files import make_folder, move_new, remove, write_atomically
from sheetwatch.names import plain_text
from sheetwatch.web.place import here

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from werkzeug.wrappers import Response

    from sheetwatch.web.passwords import PasswordHash

LIFETIME = timedelta(hours=12)
_KEY_NAME = "web.key"
_KEY_BYTES = 32
_LONGEST_NAME = 40
_FREE_TRIES = 5
_LONGEST_PAUSE_S = 300.0
_MOST_ADDRESSES = 10_000
_GUARD = "sheetwatch-guard"

pages = Blueprint("session", __name__)


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    again_s: float = 0.0


@dataclass(slots=True)
class Throttle:
    """After five wrong passwords from one address: a pause of 1, 2, 4, ... 300 s before each further try."""

    _by_address: dict[str, _Tries] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_s(self, address: str, *, now_s: float) -> float:
        """How long this address has to wait; counts the try as a wrong one, so that many at once are all counted."""
        with self._lock:
            tries = self._by_address.setdefault(_network(address), _Tries())
            if now_s < tries.again_s:
                return tries.again_s - now_s
            tries.failed += 1
            if tries.failed >= _FREE_TRIES:
                tries.again_s = now_s + min(2.0 ** min(tries.failed - _FREE_TRIES, 20), _LONGEST_PAUSE_S)
            self._forget(now_s)
            return 0.0

    def succeeded(self, address: str) -> None:
        """The password was right."""
        with self._lock:
            self._by_address.pop(_network(address), None)

    def _forget(self, now_s: float) -> None:
        """Bound the memory: the oldest pauses go first."""
        while len(self._by_address) > _MOST_ADDRESSES:
            oldest = min(self._by_address, key=lambda address: self._by_address[address].again_s)
            if self._by_address[oldest].again_s > now_s:
                break
            del self._by_address[oldest]


def _network(address: str) -> str:
    """An IPv6 host has a whole /64 of addresses to itself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address


@dataclass(slots=True, kw_only=True)
class Guard:
    """The password, if one is needed, and what keeps people from guessing it."""

    password: PasswordHash | None
    throttle: Throttle = field(default_factory=Throttle)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seal(self) -> str:
        """Changes with the password: sessions of the old one end."""
        return hashlib.sha256(self.password.line.encode()).hexdigest()[:16] if self.password else ""


class _Cookies(SecureCookieSessionInterface):
    """Signed cookies; only over TLS where the request came that way."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Whether the browser may send it over TLS only."""
        return request.is_secure


def set_up(app: Flask, key: bytes, guard: Guard) -> None:
    """Sign sessions with this key, let people in by this guard."""
    app.secret_key = key
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="sheetwatch",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    app.extensions[_GUARD] = guard
    app.register_blueprint(pages)


def load_key(state: Path) -> bytes:
    """The key that signs sessions; made once, in the state folder, for its owner only. Raises ConfigError, OSError."""
    path = state / _KEY_NAME
    make_folder(state)
    before = os.umask(0o077)
    try:
        if not path.exists():
            _make_key(path)
    finally:
        os.umask(before)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"{path}: others can read the key that signs sessions; remove it, and start again")
    key = path.read_bytes()
    if len(key) < 2 * _KEY_BYTES:
        raise ConfigError(f"{path}: the key that signs sessions is damaged; remove it, and start again")
    return key


def _make_key(path: Path) -> None:
    """Under a name of its own first: another process may make one this moment, and the first wins."""
    mine = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    write_atomically(mine, secrets.token_hex(_KEY_BYTES).encode())
    with contextlib.suppress(FileExistsError):
        move_new(mine, path)
    remove(mine)


def who() -> str | None:
    """The name that the operator gave when logging in; None for anybody else."""
    name, since = session.get("name"), session.get("since")
    if not (isinstance(name, str) and isinstance(since, str)) or session.get("seal") != _guard().seal:
        return None
    with contextlib.suppress(ValueError):
        if here().clock.now() - datetime.fromisoformat(since) < LIFETIME:
            return name
    return None


def operator() -> str:
    """As `who`, where only operators come. Ends the request for anybody else."""
    return who() or abort(401)


def csrf_token() -> str:
    """What every form must send back; other sites do not know it."""
    if not isinstance(session.get("csrf"), str):
        session["csrf"] = secrets.token_urlsafe(24)
    token: str = session["csrf"]
    return token


def token_fits(token: str | None) -> bool:
    """Whether a form came from a page of this session."""
    known = session.get("csrf")
    return isinstance(known, str) and token is not None and hmac.compare_digest(known.encode(), token.encode())


def _guard() -> Guard:
    guard: Guard = current_app.extensions[_GUARD]
    return guard


@pages.get("/login")
def login() -> str | Response:
    """The form."""
    if who():
        return redirect(url_for("today.show"))
    return _form()


def _form(problem: str = "", name: str = "") -> str:
    g.title = "Log in"
    return render_template("login.html", asks_password=_guard().password is not None, problem=problem, name=name)


@pages.post("/login")
def log_in() -> tuple[str, int] | Response:
    """Let an operator in under the name that decisions are kept with."""
    name = plain_text(" ".join(request.form.get("name", "").split()))
    if not 0 < len(name) <= _LONGEST_NAME:
        return _form(f"Please give your name, at most {_LONGEST_NAME} characters.", name[:_LONGEST_NAME]), 400
    if problem := _refused(request.form.get("password", "")):
        return _form(problem, name), 403
    session.clear()
    session.permanent = True
    session.update(name=name, since=here().clock.now().isoformat(), seal=_guard().seal)
    csrf_token()
    structlog.get_logger().info("operator_logged_in", name=name, address=request.remote_addr)
    return redirect(url_for("today.show"), 303)


def _refused(password: str) -> str | None:
    """Why a password does not let in."""
    guard = _guard()
    if guard.password is None:
        return None
    address = request.remote_addr or ""
    wait_s = guard.throttle.wait_s(address, now_s=here().clock.monotonic_s())
    if wait_s > 0:
        return f"Too many wrong passwords. Please try again in {max(1, round(wait_s))} seconds."
    with guard.one_at_a_time:  # each takes 32 MiB and a tenth of a second
        if not guard.password.fits(password):
            structlog.get_logger().warning("login_refused", address=address)
            return "This is not the password."
    guard.throttle.succeeded(address)
    return None


@pages.post("/logout")
def log_out() -> Response:
    """Forget who it was."""
    session.clear()
    flash("You are logged out.", "told")
    return redirect(url_for("session.login"), 303)
