"""What strangers, other sites and hostile names try, and what becomes of it."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from flask.sessions import SecureCookieSessionInterface

from sheetwatch.domain import ConfigError, UsageError, Web
from sheetwatch.web import security
from sheetwatch.web.access import Address, allowed_names, check_listening, is_allowed
from sheetwatch.web.app import create_app
from sheetwatch.web.passwords import PasswordHash, load_password, write_password
from sheetwatch.web.session import load_key
from support.office import doubt
from web.web_office import ADDRESS, Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from web.web_office import WebOffice

PASSWORD = "four words in row"  # noqa: S105 - a test's
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def password() -> PasswordHash:
    return PasswordHash.of(PASSWORD)


def test_others_are_let_near_only_with_a_password_or_a_proxy() -> None:
    for listen in ("127.0.0.1:80", "localhost:80", "[::1]:80", "127.8.9.1:80"):
        check_listening(Address.parse(listen), Web(), has_password=False)
    for listen in ("0.0.0.0:80", "[::]:80", "192.168.1.5:80", "box.local:80", "127.0.0.1.example.org:80"):
        with pytest.raises(ConfigError, match="no password is set"):
            check_listening(Address.parse(listen), Web(), has_password=False)
        check_listening(Address.parse(listen), Web(), has_password=True)
        check_listening(Address.parse(listen), Web(behind_proxy=True), has_password=False)


@pytest.mark.parametrize("text", ["8765", ":8765", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", ""])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "a b"])
def test_a_host_name_that_is_not_ours_is_not_answered(office: WebOffice, host: str) -> None:
    visitor = office.pages()
    answer = visitor.get("/login", headers={"Host": host})
    assert answer.status_code in {400, 421}
    assert "csrf" not in answer.text


def test_our_own_names_and_plain_addresses_are_answered() -> None:
    names = allowed_names(ADDRESS, Web(hosts=("Exams.example.org",)))
    for host in ("127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "192.168.7.7", "exams.example.org:443"):
        assert is_allowed(host, names), host


def test_nobody_sees_anything_before_logging_in(office: WebOffice, password: PasswordHash) -> None:
    review = office.in_review(doubt(3))
    visitor = office.pages(password)
    app = visitor.client.application
    for rule in app.url_map.iter_rules():
        if rule.endpoint in security._OPEN:
            continue
        path = re.sub(r"<[^>]+>", str(review.review), rule.rule)
        if "GET" in (rule.methods or ()):
            answer = visitor.get(path)
            assert (answer.status_code, answer.headers["Location"]) == (303, "/login"), path
            assert visitor.get(path, headers={"X-Requested-With": "fetch"}).status_code == 401
        else:
            visitor.get("/login")
            assert visitor.post(path, {"cause": "discarded", "v-q1": "7"}).status_code == 401, path
    assert office.check().review == 1


def test_every_answer_carries_the_headers(office: WebOffice) -> None:
    ann = office.operator()
    for path in ("/", "/login", "/review/all", "/nowhere", "/live", "/results/", "/static/pages.css"):
        headers = ann.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert path.startswith("/static") or headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


def test_no_page_holds_script_or_style_of_its_own(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    for path in ("/", "/review/all", f"/review/{review.review}", "/results/", "/nowhere"):
        text = ann.get(path).text
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=|javascript:", text), path
        assert not re.search(r"(src|href)=\"(https?:)?//", text), path


def test_a_form_without_this_sessions_token_changes_nothing(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann, bob = office.operator("ann"), office.operator("bob")
    path, values = f"/review/{review.review}/discard", {"cause": "discarded"}
    for token in ("", "x", bob.token):
        assert ann.client.post(path, data={**values, "csrf": token}).status_code == 403
    assert ann.client.post(path, data=values).status_code == 403
    assert ann.client.post("/logout").status_code == 403
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert ann.post(path, values, headers=headers).status_code == 403, headers
    assert office.check().review == 1
    assert ann.post(path, values, headers={"Origin": "http://localhost"}).status_code == 303


def test_the_session_cookie_cannot_be_forged_and_is_kept_from_scripts_and_other_sites(office: WebOffice) -> None:
    visitor = office.pages()
    cookie = visitor.log_in().headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    value = re.search(r"sheetwatch=([^;]+)", cookie)
    assert value is not None
    forged = value[1][:-4] + ("AAAA" if not value[1].endswith("AAAA") else "BBBB")
    stranger = office.pages()
    for text in (forged, "x", ""):
        stranger.client.set_cookie("sheetwatch", text)
        assert stranger.get("/results/").status_code == 303
    app = create_app(office.settings, ADDRESS, None, clock=office.clock)
    app.secret_key = "another"  # noqa: S105 - a test's
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    stranger.client.set_cookie(
        "sheetwatch", str(signer.dumps({"name": "eve", "since": office.clock.now().isoformat(), "seal": ""}))
    )
    assert stranger.get("/results/").status_code == 303


def test_a_session_ends_after_half_a_day_and_with_the_password(office: WebOffice, password: PasswordHash) -> None:
    visitor = office.pages(password)
    visitor.log_in(password=PASSWORD)
    assert visitor.get("/results/").status_code == 200
    office.clock.at += timedelta(hours=13)
    assert visitor.get("/results/").status_code == 303
    visitor.log_in(password=PASSWORD)
    cookie = visitor.client.get_cookie("sheetwatch")
    assert cookie is not None
    changed = office.pages(PasswordHash.of("another password"))
    changed.client.set_cookie("sheetwatch", cookie.value)
    assert changed.get("/results/").status_code == 303


def test_guessing_is_slowed_down(office: WebOffice, password: PasswordHash) -> None:
    visitor = office.pages(password)
    for _ in range(5):
        assert "This is not the password" in visitor.log_in(password="wrong").text  # noqa: S106
    assert "Too many wrong passwords" in visitor.log_in(password=PASSWORD).text
    office.clock.advance(2)
    assert visitor.log_in(password=PASSWORD).status_code == 303
    assert visitor.log_in(password=PASSWORD).status_code == 303


def test_the_keys_of_sessions_and_the_password_are_for_their_owner_only(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert load_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "web.key").stat().st_mode) == 0o600
    (tmp_path / "web.key").chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        load_key(tmp_path)
    with pytest.raises(UsageError, match="at least 10"):
        write_password(tmp_path / "password", "short")
    write_password(tmp_path / "password", PASSWORD)
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    assert PASSWORD not in (tmp_path / "password").read_text()
    found = load_password(Web(password_file=tmp_path / "password"))
    assert found is not None
    assert found.fits(PASSWORD)
    assert not found.fits(PASSWORD + "x")
    (tmp_path / "password").write_text("secret")
    with pytest.raises(ConfigError, match="holds no password"):
        load_password(Web(password_file=tmp_path / "password"))


def test_systemd_may_hand_over_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_password(tmp_path / "sheetwatch-web-password", PASSWORD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    found = load_password(Web())
    assert found is not None
    assert found.fits(PASSWORD)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/review/../../etc/passwd",
        "/review/1%2f..%2f..%2fsheetwatch.db",
        "/review/%00/sheet.jpg",
        "/review/-1/sheet.jpg",
        "/review/99999999999999999999/sheet.jpg",
        "/review/0x1",
        "/results/1;drop table rows",
        "/results/csv/1/../../x",
    ],
)
def test_no_path_leads_out(office: WebOffice, path: str) -> None:
    office.in_review(doubt(3))
    ann = office.operator()
    answer = ann.get(path)
    assert answer.status_code in {301, 308, 404}, answer.text
    assert "Traceback" not in answer.text


def test_names_and_values_are_shown_never_run(office: WebOffice) -> None:
    name = '<script>alert(1)<_script>"x" onerror=y.jpg'
    review = office.in_review(doubt(3), name=name)
    visitor = office.pages()
    visitor.log_in("<b>eve</b>")
    hostile = {"v-q1": HOSTILE, "v-roll": '"><script>', "v-total": "7", "order": HOSTILE}
    pages = [
        visitor.get("/review/all").text,
        visitor.get(f"/review/{review.review}").text,
        visitor.post(f"/review/{review.review}/accept", hostile).text,
        visitor.get(f"/results/?q={HOSTILE}&form={HOSTILE}&day={HOSTILE}&status={HOSTILE}&before={HOSTILE}").text,
        visitor.get("/").text,
    ]
    assert visitor.post(f"/review/{review.review}/accept", {"v-q1": "7", "v-roll": "0003"}).status_code == 303
    pages += [visitor.get("/results/").text, visitor.get("/results/1").text, visitor.get("/").text]
    for page in pages:
        assert "<script>" not in page
        assert "<img src=x" not in page
        assert "<b>eve" not in page
        assert "&lt;b&gt;eve" in page


def test_too_much_is_refused_before_it_is_read(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    path = f"/review/{review.review}/accept"
    assert ann.post(path, {"v-q1": "7" * (security.LARGEST_BODY_BYTES + 1)}).status_code == 413
    many = {f"v-{n}": "1" for n in range(2200)}
    assert ann.post(path, many, content_type="multipart/form-data").status_code == 413
    assert ann.post(path, many).status_code == 422, "fields that the form does not have are no answer"
    assert ann.post(path, {"v-q1": "7" * 100_000}).status_code == 422
    assert office.check().review == 1


def test_a_name_is_needed_and_kept_plain(office: WebOffice) -> None:
    visitor = office.pages()
    for name in ("", "   ", "x" * 41):
        assert visitor.log_in(name).status_code == 400
    assert visitor.log_in("ann\x1b[31m\u202e").status_code == 303
    assert "\x1b" not in visitor.get("/").text


def test_errors_are_plain_pages(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.operator()

    def stumble(*_: object) -> None:
        raise KeyError("a secret of the program")

    monkeypatch.setattr("sheetwatch.web.results.find_rows", stumble)
    answer = ann.get("/results/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Something went wrong here" in answer.text
    assert ann.client.delete("/").status_code in {403, 405}


def test_without_a_ledger_the_pages_say_so(office: WebOffice, tmp_path: Path) -> None:
    settings = replace(office.settings, state=tmp_path / "elsewhere")
    visitor = Visitor(create_app(settings, ADDRESS, None, clock=office.clock).test_client())
    visitor.get("/login")
    visitor.post("/login", {"name": "ann"})
    answer = visitor.get("/")
    assert answer.status_code == 503
    assert "there is no ledger yet" in answer.text
