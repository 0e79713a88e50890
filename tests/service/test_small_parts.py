"""Wake, notify, lock, faults, logs: the small parts of the service."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import Future
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sheetwatch import files
from sheetwatch.domain import EnvironmentFault, Log
from sheetwatch.files import write_atomically
from sheetwatch.service import lock, logs
from sheetwatch.service.hands import Hands
from sheetwatch.service.health import Faults, Health, HealthFile, health_of, read_health
from sheetwatch.service.loop import Service
from sheetwatch.service.notify import Notifier
from sheetwatch.service.report import report_of
from sheetwatch.service.wake import Wake
from support.office import FakeClock, Office, office_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_wake_ends_a_wait_in_another_thread() -> None:
    over = threading.Event()

    def wait() -> None:
        wake.wait(60)
        over.set()

    with Wake() as wake:
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        assert not over.wait(0.05), "nobody set it"
        wake.set()
        assert over.wait(20)
        thread.join()


def test_setting_it_before_keeps_one_wait_from_beginning() -> None:
    with Wake() as wake:
        wake.set()
        wake.set()
        began_s = time.monotonic()
        wake.wait(20)
        assert time.monotonic() - began_s < 10
        wake.wait(0.05)
        assert time.monotonic() - began_s >= 0.05, "it is used up"


def test_waking_after_the_end_is_harmless() -> None:
    wake = Wake()
    wake.close()
    wake.set()


def test_the_loop_is_woken_when_few_pages_are_left_and_once_for_all_that_was_done() -> None:
    woken: list[int] = []
    pages = [Future[None]() for _ in range(20)]
    hands = Hands(lambda: 2, lambda: woken.append(sum(page.done() for page in pages)))
    for page in pages:
        hands.give_page(page)
    for page in pages[:16]:
        page.set_result(None)
    assert woken == [16], "four are left: one for each worker to go on with"
    assert hands.should_be_filled()
    hands.collecting()
    assert not hands.should_be_filled()
    pages[16].set_result(None)
    assert hands.should_be_filled()


def test_a_file_that_comes_alone_is_dealt_with_at_once() -> None:
    woken: list[str] = []
    hands, scan, page = Hands(lambda: 4, lambda: woken.append("")), Future[None](), Future[None]()
    hands.give_scan(scan)
    scan.set_result(None)
    hands.give_page(page)
    page.set_exception(OSError())
    assert len(woken) == 2


def test_the_workers_get_scans_for_their_next_pages_and_no_more() -> None:
    hands = Hands(lambda: 2, lambda: None)
    in_work = opening = 0
    for _ in range(50):  # everything that was opened is claimed, and all but the last few pages were read
        in_work, opening = min(in_work, 4) + opening, 0
        opening = hands.scans_to_open(in_work=in_work, opening=opening)
        assert in_work + opening <= hands.most_pages
    assert (in_work, opening) == (12, 8)
    assert hands.scans_to_open(in_work=500, opening=0) == 0, "a scan of many pages"


def test_folders_are_fsynced_once_each_those_that_gained_a_name_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    inbox, work = tmp_path / "inbox", tmp_path / "work"
    changed = files.Unsynced()
    inbox.mkdir()
    for name in ("a", "b"):
        (inbox / name).write_text(name)
        files.make_folder(work / name, changed)
        files.rename(inbox / name, work / name / "scan", later=changed)
    (work / "b" / "scan").unlink()
    files.remove_tree(work / "b", changed)
    monkeypatch.setattr(files, "fsync_folder", lambda folder: synced.append(folder.name))
    changed.sync()
    changed.sync()
    assert synced == [tmp_path.name, "work", "a", "inbox"]


def test_systemd_hears_what_changes(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        notifier = Notifier({"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "30000000"})
        notifier.ready()
        notifier.status("rows 1")
        notifier.status("rows 1")
        notifier.alive()
        heard = [systemd.recv(200) for _ in range(3)]
        assert heard == [b"READY=1", b"STATUS=rows 1", b"WATCHDOG=1"]
        with pytest.raises(BlockingIOError):
            systemd.recv(200)
    assert notifier.watchdog_s == 30
    notifier.stopping()


def test_without_systemd_nothing_is_sent() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive()
    assert notifier.watchdog_s == 0


def test_the_watchdog_of_another_process_is_not_ours() -> None:
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_s == 0


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path)
    with lock.held(tmp_path):
        assert lock.is_held(tmp_path)
        with pytest.raises(EnvironmentFault, match="another Sheetwatch"), lock.held(tmp_path):
            pytest.fail("two hold it")
    assert not lock.is_held(tmp_path)


def test_faults_are_tried_again_with_growing_pauses() -> None:
    clock, log = FakeClock(), logs.configure(Log(level="error"))
    faults, tried = Faults(clock, log), []

    def fail() -> None:
        tried.append(clock.monotonic)
        raise OSError(28, "full", "/somewhere")

    for _ in range(1200):
        faults.begin_step()
        faults.attempt("results", fail)
        clock.advance(0.1)
    gaps = [round(after - before) for before, after in pairwise(tried)]
    assert gaps[:6] == [1, 2, 4, 8, 15, 15]
    assert faults.current[0].message == "/somewhere: full; free some space on its disk"
    clock.advance(31)
    faults.begin_step()
    faults.attempt("results", lambda: False)
    assert faults.is_failing(), "nothing was tried, so nothing is known"
    assert not faults.is_failing(but={"results"})
    faults.attempt("results", lambda: None)
    assert not faults.is_failing()


def test_a_stage_that_falls_due_within_a_step_is_tried_in_the_next_one() -> None:
    """Or its second action, a look that goes well, would pass for the first one, a write that does not."""
    clock, done = FakeClock(), list[str]()
    faults = Faults(clock, logs.configure(Log(level="error")))

    def write() -> None:
        done.append("write")
        raise OSError(errno.EIO, "no")

    for _ in range(40):
        faults.begin_step()
        faults.attempt("results", write)
        clock.advance(0.3)
        faults.attempt("results", lambda: done.append("look"))
        assert faults.is_pausing()
        clock.advance(0.3)
    assert set(done) == {"write"}


def test_a_name_that_is_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    """By a file system in health file and log, where it is not UTF-8; in one line, which sd_notify demands."""
    faults = Faults(FakeClock(), logs.configure(Log(level="error")))

    def fail() -> None:
        raise OSError(errno.EROFS, "read-only", "/inbox/caf\udce9\nREADY=1.pdf")

    faults.attempt("claim", fail)
    HealthFile(tmp_path).write(health_of("paused", FakeClock().now(), faults.current))
    read = read_health(tmp_path)
    assert read is not None
    assert read.faults[0].startswith(r"claim: /inbox/caf\xe9\nREADY=1.pdf: read-only; mount its disk for writing")


def test_a_status_is_one_line_of_text(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        Notifier({"NOTIFY_SOCKET": str(address)}).status("caf\udce9\nSTOPPING=1")
        assert systemd.recv(200) == rb"STATUS=caf\xe9\nSTOPPING=1"


def test_a_link_under_a_temporary_name_leads_nowhere(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    link = tmp_path / ".sheetwatch-a.txt"
    for target in (precious, tmp_path / "nowhere"):
        link.symlink_to(target)
        write_atomically(tmp_path / "a.txt", b"new")
        assert (tmp_path / "a.txt").read_text() == "new"
    assert precious.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "precious"]


def test_the_health_file_fits_a_full_disk(tmp_path: Path) -> None:
    file = HealthFile(tmp_path)
    notices = tuple(f"{number} " + "x" * 1000 for number in range(9))
    file.write(Health(pid=1, state="paused", since="now", faults=("full",), notices=notices))
    size = (tmp_path / "health.json").stat().st_size
    read = read_health(tmp_path)
    assert read is not None
    assert (read.state, read.faults) == ("paused", ("full",))
    assert read.notices[-1].startswith("8 ")
    file.write(Health(pid=1, state="running", since="now"))
    assert (tmp_path / "health.json").stat().st_size == size


def test_a_fault_longer_than_the_health_file_is_told_from_both_ends(tmp_path: Path) -> None:
    faults = (f"claim: {'/é' * 4000}: full; free some space", "results: away; mount it")
    HealthFile(tmp_path).write(Health(pid=1, state="paused", since="now", faults=faults))
    read = read_health(tmp_path)
    assert read is not None
    assert (tmp_path / "health.json").stat().st_size == 4096
    assert read.state == "paused"
    assert read.faults[0].startswith("claim: /é/é")
    assert read.faults[0].endswith("é: full; free some space")
    assert read.faults[1] == faults[1]


def test_faults_of_an_earlier_daemon_are_not_told_of_one_that_starts(tmp_path: Path) -> None:
    with Office(office_settings(tmp_path)) as office:
        state = office.settings.state
        HealthFile(state).write(Health(pid=99, state="paused", since="yesterday", faults=("results: full",)))
        with lock.held(state), Service(office.site, office.worker):
            report = report_of(office.settings, last=1)
    assert report.daemon.startswith("starting since 2026-03-02")
    assert not report.problems


def test_no_health_file_is_no_error(tmp_path: Path) -> None:
    assert read_health(tmp_path) is None
    (tmp_path / "health.json").write_text("nonsense")
    assert read_health(tmp_path) is None


def test_logs_are_json_lines_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    logs.configure(Log()).info("page_read", sheet_id="x", name="\udcff")
    entry = json.loads(out.getvalue())
    assert (entry["event"], entry["sheet_id"], entry["level"]) == ("page_read", "x", "info")


def test_a_log_that_cannot_be_written_undoes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1, encoding="utf-8") as full:  # noqa: PTH123 - as stderr is opened
        monkeypatch.setattr("sys.stderr", full)
        log = logs.configure(Log())
        log.info("page_read", sheet_id="x")
        log.info("page_read", sheet_id="y")
        with pytest.raises(OSError, match="No space left"):
            full.flush()
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_without_systemd_python_lines_for_the_journal_carry_their_priority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "journal").open("w+") as out:
        status = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        monkeypatch.setattr("sys.stderr", out)
        monkeypatch.setitem(sys.modules, "systemd", None)  # as where it is not installed
        logs.configure(Log()).warning("intake_paused", reason="disk full")
        out.seek(0)
        assert out.read() == '<4>event=intake_paused reason="disk full"\n'


def test_a_listener_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        began_s = time.monotonic()
        for number in range(2000):  # the kernel keeps ten, or some hundred
            notifier.status(f"{number} pages wait")
        assert time.monotonic() - began_s < 10
