"""The daemon as a real process, with its real loop, signals, events and commands; its workers read plain text."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import openpyxl
import pytest

from support.office import doubt, row, sheet
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_rows_review_and_accounting_agree_and_the_stop_is_clean(place: Installation) -> None:
    with place.daemon() as process:
        place.drop("a.jpg", sheet(row(1), doubt(2), "blank"))
        place.drop("b.jpg", b"nonsense")
        place.drop("half.jpg", sheet(row(3))[:-3])
        wait_until(lambda: len(place.csv_lines()) == 1)
        wait_until(lambda: len(place.names("review")) == 4 + 3 + 3)
        assert place.status()["daemon"].startswith("running since")
    assert process.returncode == 0
    status = place.status()
    assert status["healthy"]
    counts = status["accounting"]
    assert (counts["pages_in"], counts["rows"], counts["review"], counts["dropped"]) == (5, 1, 3, 1)
    assert counts["in_work"] == 0
    assert status["daemon"] == "not running"
    assert place.command("status").returncode == 0
    assert '"stopped"' in place.log


def test_a_second_daemon_is_refused_with_a_clear_message(place: Installation) -> None:
    with place.daemon():
        second = place.start(str(TEXT_DAEMON), str(place.config))
        assert second.wait(60) == 75
        assert "another Sheetwatch works in this folder already" in place.log


def test_overlapping_folders_are_refused(tmp_path: Path) -> None:
    place = Installation(tmp_path, SETTINGS + "results: inbox/results\n")
    done = place.command("run", "--once")
    assert done.returncode == 78
    assert "overlap" in done.stderr
    assert "Traceback" not in done.stderr


def test_once_drains_the_inbox_and_ends(place: Installation) -> None:
    for index in range(5):
        place.drop(f"{index}.jpg", sheet(row(index)))
    place.drop("half.jpg", b"SHEETS\n")
    process = place.start(str(TEXT_DAEMON), str(place.config), "--once")
    assert process.wait(60) == 0
    assert len(place.csv_lines()) == 5
    assert place.names("inbox") == ["half.jpg"]


def test_an_event_is_quicker_than_the_rescan(tmp_path: Path) -> None:
    place = Installation(tmp_path, SETTINGS.replace("rescan_s: 0.5", "rescan_s: 3600"))
    with place.daemon():
        place.drop("a.jpg", sheet(row(1)))
        wait_until(lambda: len(place.csv_lines()) == 1, timeout_s=20)


def test_systemd_is_told(place: Installation) -> None:
    address = place.base / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(30)
        with place.daemon(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="1000000") as process:
            heard = {systemd.recv(500).decode() for _ in range(6)}
            process.send_signal(signal.SIGTERM)
            while "STOPPING=1" not in heard:
                heard.add(systemd.recv(500).decode())
    assert {"READY=1", "WATCHDOG=1"} <= heard
    assert any(message.startswith("STATUS=rows 0, review 0") for message in heard)


def test_operators_decide_in_a_terminal_beside_the_daemon(place: Installation) -> None:
    with place.daemon():
        place.drop("a.jpg", sheet(doubt(1), doubt(2)))
        wait_until(lambda: len(place.names("review")) == 8)
        first, second = sorted({name.partition(".")[0] for name in place.names("review")})
        listed = place.command("review", "list").stdout
        assert first[:20] in listed
        shown = place.command("review", "show", first).stdout
        assert "q1: The handwriting is not clear" in shown
        refused = place.command("review", "accept", first, "q1=11")
        assert refused.returncode == 65
        assert "q1: '11' is not possible here" in refused.stderr
        assert place.command("review", "accept", first, "q1=6½", "--by", "ann").returncode == 0
        wait_until(lambda: len(place.csv_lines()) == 1)
        again = place.command("review", "accept", first, "q1=5")
        assert again.returncode == 64
        assert "already corrected by ann, terminal" in again.stderr
        assert place.command("review", "discard", second).returncode == 0
        wait_until(lambda: not place.names("review"))
    (line,) = place.csv_lines()
    assert ",corrected,0001,6.5,7," in line
    assert place.status()["accounting"]["dropped_by"] == {"discarded": 1}
    assert place.command("review", "list").stdout == "no page waits for a person\n"


def test_export_makes_every_csv_again_byte_for_byte(place: Installation) -> None:
    place.drop("=cmd().jpg", sheet(row(1, "7.5"), row("0002", "")))
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(60) == 0
    done = place.command("export")
    assert done.stdout.startswith("2 rows of 1 files")
    for name in place.names("results"):
        exported = (place.base / "sheetwatch-export" / name).read_bytes()
        assert exported == (place.base / "results" / name).read_bytes()
    refused = place.command("export", "--out", str(place.base / "results"))
    assert refused.returncode == 64


def test_export_makes_a_workbook_with_numbers_and_harmless_text(place: Installation) -> None:
    place.drop("=cmd().jpg", sheet(row(1, "7.5"), row("0002", "")))
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(60) == 0
    assert place.command("export", "--format", "xlsx", "--template", "exam", "--out", "out.xlsx").returncode == 0
    book = openpyxl.load_workbook(place.base / "out.xlsx")
    rows = list(book["exam"].iter_rows(values_only=True))
    book.close()
    assert rows[0][5:8] == ("roll", "q1", "total")
    assert rows[1][2:] == ("'=cmd().jpg", 0, "auto", "0001", 7.5, 7, 0.9991)
    assert rows[2][5:8] == ("0002", None, 7)


def test_export_makes_a_table_of_text_for_each_template(place: Installation) -> None:
    dataset = pytest.importorskip("pyarrow.dataset", reason="pyarrow (extra cluster) is not installed")
    place.drop("=cmd().jpg", sheet(row(1, "7.5"), row("0002", "")))
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(60) == 0
    done = place.command("export", "--format", "parquet", "--out", "tables")
    assert done.stdout == "2 rows of 1 files written to tables\n"
    rows = dataset.dataset(place.base / "tables", format="parquet", partitioning="hive").to_table().to_pylist()
    assert [(one["source"], one["page"], one["roll"], one["q1"], one["confidence"]) for one in rows] == [
        ("'=cmd().jpg", 0, "0001", "7.5", 0.9991),
        ("'=cmd().jpg", 1, "0002", "", 0.9991),
    ]
    lines = place.csv_lines()
    assert [one["read_at"] for one in rows] == [datetime.fromisoformat(line.split(",")[1]) for line in lines]
    assert {one["template"] for one in rows} == {"exam"}


def test_killed_and_started_again_it_goes_on(place: Installation) -> None:
    for index in range(40):
        place.drop(f"{index}.jpg", sheet(row(index), doubt(100 + index)))
    for _ in range(4):
        process = place.start(str(TEXT_DAEMON), str(place.config))
        _wait_for_more_reviews(place, 12)
        process.kill()
        process.wait()
    with place.daemon():
        wait_until(lambda: len(place.csv_lines()) == 40 and len(place.names("review")) == 160)
    counts = place.status()["accounting"]
    assert (counts["pages_in"], counts["rows"], counts["review"], counts["balanced"]) == (80, 40, 40, True)
    assert len({line.split(",")[0] for line in place.csv_lines()}) == 40
    assert not list(place.base.rglob(".sheetwatch-*"))


def _wait_for_more_reviews(place: Installation, more: int) -> None:
    target = len(place.names("review")) + more
    wait_until(lambda: len(place.names("review")) >= target)


def test_commands_without_a_ledger_say_so(place: Installation) -> None:
    for command in (["status"], ["review", "list"], ["export"]):
        done = place.command(*command)
        assert done.returncode == 74
        assert "there is no ledger yet" in done.stderr


def test_commands_cost_nothing_before_they_run() -> None:
    code = (
        "import sys, sheetwatch.cli.run, sheetwatch.cli.status, sheetwatch.cli.review, sheetwatch.cli.export\n"
        "print(sorted({'cv2', 'numpy', 'structlog', 'rich', 'sqlite3', 'pebble'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
