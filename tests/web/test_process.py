"""`sheetwatch web` as a process: what it refuses, and that what it showed as saved outlives a kill."""

from __future__ import annotations

import http.cookiejar
import re
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from functools import partial
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.ledger import open_reviews
from support.office import doubt
from support.processes import Installation, environment, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from web.web_office import WebOffice


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_it_does_not_open_to_others_by_itself(tmp_path: Path) -> None:
    place = Installation(tmp_path)
    refused = place.command("web", "--listen", "0.0.0.0:0")
    assert refused.returncode == 78
    assert "no password is set" in refused.stderr
    assert "Traceback" not in refused.stderr
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = place.command("web", "--listen", f"127.0.0.1:{other.getsockname()[1]}")
    assert taken.returncode == 75
    assert "cannot listen there" in taken.stderr


def test_a_password_is_made_for_a_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sheetwatch", "web", "--set-password", str(tmp_path / "password")]
    done = subprocess.run(
        command, input="four words in row\n", env=environment(), capture_output=True, text=True, check=True
    )
    assert "web.password_file" in done.stdout
    assert stat.S_IMODE((tmp_path / "password").stat().st_mode) == 0o600
    short = subprocess.run(command, input="short\n", env=environment(), capture_output=True, text=True, check=False)
    assert short.returncode == 64


@pytest.mark.slow
def test_what_was_shown_as_saved_is_in_the_ledger_whenever_it_is_killed(office: WebOffice) -> None:
    office.in_review(*(doubt(number) for number in range(1, 7)))
    place, saved = Installation(office.settings.state.parent), 0
    while reviews := open_reviews(office.ledger):
        if len(reviews) <= 3:
            break
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        process = place.start("-m", "sheetwatch", "--config", str(place.config), "web", "--listen", base[7:])
        try:
            wait_until(partial(answers, port))
            browser = urllib.request.build_opener(
                urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
            )
            token = token_of(browser.open(f"{base}/login").read())
            send(browser, f"{base}/login", csrf=token, name="ann")
            token = token_of(browser.open(f"{base}/review/all").read())
            values = {"v-q1": "7", "v-roll": reviews[0].readings["roll"].value, "v-total": "7"}
            page = send(browser, f"{base}/review/{reviews[0].review}/accept", csrf=token, **values)
            saved += b"Saved: " in page
        finally:
            process.kill()
            process.wait()
        assert len(open_reviews(office.ledger)) == len(reviews) - 1
    assert saved == 3
    assert office.settle().rows == 3
    assert len(office.csv_lines()) == 3


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def token_of(page: bytes) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.decode())
    assert found is not None
    return found[1]


def send(browser: urllib.request.OpenerDirector, url: str, **values: str) -> bytes:
    data = urllib.parse.urlencode(values).encode()
    with browser.open(url, data=data) as answer:
        return bytes(answer.read())
