"""`sheetwatch notify` as a real command, to an address on this machine."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch.service.notices import load_memory
from support.office import doubt, row, sheet
from support.processes import SETTINGS, Installation, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "a-secret"  # noqa: S105 - looked for in what must not hold it


class Post(http.server.BaseHTTPRequestHandler):
    """Takes what apprise's json:// sends."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def post_office() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and what arrived there."""
    got: list[dict[str, Any]] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Post) as server:
        server.got = got  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"json://user:{PASSWORD}@127.0.0.1:{server.server_port}/", got
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """An installation that has read a row and a page for review."""
    pytest.importorskip("apprise", reason="the extra `notify` is not installed here")
    pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed here")
    extra = "notices: {urls_file: urls}\nmetrics: {textfile: run/sheetwatch.prom}\n"
    place = Installation(tmp_path, SETTINGS + extra)
    (tmp_path / "run").mkdir()
    with place.daemon():
        place.drop("a.jpg", sheet(row(1), doubt(2)))
        wait_until(lambda: len(place.csv_lines()) == 1 and len(place.names("review")) > 0)
    return place


def write_addresses(place: Installation, *addresses: str, mode: int = 0o640) -> None:
    file = place.base / "urls"
    file.write_text("# who is told\n" + "\n".join(addresses) + "\n")
    file.chmod(mode)


def let_time_pass(place: Installation) -> None:
    """As if what was seen had been seen hours ago."""
    file = place.base / "state" / "notices.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({key: it | {"since": "2026-01-01T00:00:00Z"} for key, it in told.items()}))


def test_a_test_arrives(place: Installation) -> None:
    with post_office() as (address, got):
        write_addresses(place, address)
        done = place.command("notify", "--test")
    assert (done.returncode, done.stdout) == (0, "sent to 1 addresses\n")
    assert "this is a test" in got[0]["message"]


def test_what_lasts_is_told_once_in_one_message(place: Installation) -> None:
    with post_office() as (address, got):
        write_addresses(place, address)
        assert place.command("notify").returncode == 0
        assert got == []
        let_time_pass(place)
        assert place.command("notify").returncode == 0
        assert place.command("notify").returncode == 0
    assert len(got) == 1
    assert got[0]["title"].startswith("Sheetwatch on ")
    assert "1 page waits in review" in got[0]["message"]
    assert "the daemon does not run" in got[0]["message"]


def test_whom_nobody_can_reach_ends_in_75_and_is_tried_again(place: Installation) -> None:
    write_addresses(place, f"json://user:{PASSWORD}@127.0.0.1:1/")
    place.command("notify")
    let_time_pass(place)
    done = place.command("notify")
    assert done.returncode == 75
    assert "took the notice" in done.stderr
    assert not any(told.this_time for told in load_memory(place.base / "state").values())


def test_one_address_that_fails_does_not_keep_the_others_or_repeat_the_message(place: Installation) -> None:
    with post_office() as (address, got):
        write_addresses(place, "json://127.0.0.1:1/", address)
        place.command("notify")
        let_time_pass(place)
        done = place.command("notify")
        place.command("notify")
    assert done.returncode == 0
    assert "1 of 2 addresses did not take the notice" in done.stdout
    assert len(got) == 1


def test_no_message_of_ours_holds_an_address(place: Installation) -> None:
    for address in (f"json://user:{PASSWORD}@127.0.0.1:1/", f"nonsense-{PASSWORD}"):
        write_addresses(place, address)
        done = place.command("notify", "--test")
        assert done.returncode in {75, 78}
        assert PASSWORD not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_addresses_that_everybody_can_read_are_refused(place: Installation) -> None:
    write_addresses(place, "json://127.0.0.1:1/", mode=0o644)
    done = place.command("notify")
    assert done.returncode == 78
    assert "chmod 640" in done.stderr


def test_nobody_to_tell_is_no_fault(place: Installation) -> None:
    assert place.command("notify").returncode == 0
    done = place.command("notify", "--test")
    assert done.returncode == 78
    assert "mailto://" in done.stderr


def test_figures_for_prometheus(place: Installation) -> None:
    assert place.command("notify").returncode == 0
    file = place.base / "run" / "sheetwatch.prom"
    assert file.stat().st_mode & 0o777 == 0o644
    text = file.read_text()
    for line in ("sheetwatch_up 0.0", 'sheetwatch_pages{state="rows"} 1.0', 'sheetwatch_pages{state="review"} 1.0'):
        assert line in text.splitlines()
    assert f'sheetwatch_free_bytes{{folder="{place.base / "inbox"}"}}' in text


def test_nagios_gets_its_line_and_its_codes(place: Installation) -> None:
    waiting = place.command("status", "--nagios")
    figures = "pages_in=2c rows=1c review=1 dropped=0c in_work=0 inbox_files=0"
    assert waiting.returncode == 1
    assert waiting.stdout == f"SHEETWATCH WARNING - 1 page waits in review; the daemon does not run | {figures}\n"
    (place.base / "state" / "needs-a-person.txt").write_text("2026-03-14 look at this\n")
    bad = place.command("status", "--nagios")
    assert bad.returncode == 2
    assert bad.stdout.startswith("SHEETWATCH CRITICAL - 2026-03-14 look at this")
    (place.base / "sheetwatch.yaml").write_text("nonsense: 1\n")
    unknown = place.command("status", "--nagios")
    assert unknown.returncode == 3
    assert unknown.stdout.startswith("SHEETWATCH UNKNOWN - ")
