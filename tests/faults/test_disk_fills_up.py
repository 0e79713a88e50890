"""Disks that fill up, writes that go in by half, a share that vanishes in the middle of a claim.

Everything: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_disk_fills_up.py (5 minutes)
"""

from __future__ import annotations

import errno
import resource
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from sheetwatch.ledger import Ledger
from sheetwatch.service.site import LEDGER_NAME
from support.amount import amount
from support.disks import bound, fill, mount, mounted, needs_mounts, unmount
from support.office import Office as DeskOffice
from support.office import office_settings, row, sheet
from support.office_hours import Systemd, open_office
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until
from support.strace import attached, injected, needs_strace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.office_hours import Office

FOLDERS = ["results", "review", "archive", "state"]
ROUNDS = amount(1, 5)
FULL_S = amount(1, 35)  # until the pauses between two tries are as long as they get
FEW_ROWS = SETTINGS + "rolling: {max_rows: 3}\n"  # some rows find room in the file's last page; a new file does not
ROWS_TOGETHER = 20  # as many at most as two workers read between two steps
PAGES = 400  # decided twenty at a time, so that there are commits enough to make folding due

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def go_through(office: Office, folder: Path, count: int) -> None:
    """Fill a disk amid the work, see what the daemon says, give the space back."""
    office.drop(count)
    ballast = fill(folder)
    with office.quiet(FULL_S):
        office.wait_until_paused(str(folder))
        assert "No space left" in office.faults or "is full" in office.faults
        waiting = office.drop()
    assert {*waiting} <= {*office.place.names("inbox")}, "nothing is taken up meanwhile"
    ballast.unlink()
    print(f"{folder.name}: all was read {office.wait_until_done():.1f} s after there was space again")
    office.verify()


@needs_mounts
@pytest.mark.parametrize("name", FOLDERS)
def test_a_disk_fills_up_and_is_freed(tmp_path: Path, name: str) -> None:
    with mounted(tmp_path / name, size="1m"), open_office(tmp_path, FEW_ROWS) as office:
        for _ in range(ROUNDS):
            go_through(office, tmp_path / name, count=4)
        office.verify_commands()


@needs_mounts
def test_rows_that_fit_by_half_are_taken_back(tmp_path: Path) -> None:
    """A full disk takes the beginning of what is appended, up to the end of the file's last page, and no more."""
    results = tmp_path / "results"
    with mounted(results, size="64k"), open_office(tmp_path) as office:
        office.drop()
        office.wait_until_done()
        (csv,) = results.glob("*.csv")
        ballast = fill(results)
        office.drop(80)
        office.wait_until_paused(str(results), "No space left")
        held, longest = csv.read_bytes(), max(map(len, csv.read_bytes().splitlines()))
        assert held.endswith(b"\n")
        assert 0 < 4096 - len(held) <= ROWS_TOGETHER * longest, "the rows that did not fit began before the page's end"
        ballast.unlink()
        office.wait_until_done()
        office.verify()
        office.verify_commands()
        print(f"{len(held.splitlines()) - 1} rows fitted, {4096 - len(held)} bytes of the next ones were taken back")


def test_every_file_may_only_grow_to_half_of_what_is_needed(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes honest short writes everywhere, in SQLite too: the bytes up to the limit are written."""
    with open_office(tmp_path) as office:
        for number in range(amount(4, 40)):
            office.drop()
            office.wait_until_done()
            wal = (tmp_path / "state" / "sheetwatch.db-wal").stat().st_size
            limit = wal - 4096 + 977 * (number % 9)
            resource.prlimit(office.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            office.drop()
            with office.quiet(1):
                wait_until(lambda: bool(office.faults) or office.is_done)
            resource.prlimit(
                office.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )
            office.wait_until_done()
            office.verify()
        print(f"{number + 1} limits, {office.place.log.count('intake_paused')} pauses")
        assert "intake_paused" in office.place.log
        office.verify_commands()


def has_failed(log: Path) -> Callable[[], bool]:
    return lambda: bool(injected(log))


@needs_mounts
@needs_strace
def test_a_share_vanishes_while_a_scan_is_claimed(tmp_path: Path) -> None:
    """The scan was copied into work, and the share vanishes before it can be removed there: it is no second scan."""
    with bound(tmp_path, ["inbox"]), open_office(tmp_path) as office:
        for _ in range(ROUNDS):
            name = f"s{len(office.entered):03d}.tif"
            inbox = tmp_path / "inbox"
            with attached(office.process, "unlink:error=EIO:signal=SIGSTOP:when=1", [inbox / name]) as log:
                office.drop(1)
                wait_until(has_failed(log))
            wait_until(lambda: psutil.Process(office.process.pid).status() == psutil.STATUS_STOPPED)
            unmount(inbox, "--lazy")
            office.process.send_signal(signal.SIGCONT)
            office.wait_until_paused(str(inbox), "is not mounted")
            assert name in office.place.names("inbox-aside"), "the scan lies on the share still"
            mount("--bind", str(tmp_path / "inbox-aside"), str(inbox))
            print(f"claim cut short: read {office.wait_until_done():.1f} s after the share was back")
            office.verify()
        office.verify_commands()


@needs_mounts
def test_a_disk_that_is_full_at_the_start_is_waited_for(tmp_path: Path) -> None:
    """Even to look into the ledger, SQLite needs some space beside it."""
    with mounted(tmp_path / "state", size="1m"):
        place = Installation(tmp_path)
        Ledger.open(tmp_path / "state" / LEDGER_NAME).close()
        (tmp_path / "state" / "daemon.lock").touch()
        ballast = fill(tmp_path / "state")
        assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(60) == 75
        with Systemd(tmp_path / "notify2") as systemd:
            process = place.start(str(TEXT_DAEMON), str(place.config), NOTIFY_SOCKET=systemd.address)
            try:
                wait_until(lambda: "check the disk's space" in systemd.status)
                assert "READY=1" in systemd.heard
                told = place.command("status")
                assert told.returncode == 1
                assert "lies on a full disk" in " ".join(told.stdout.split())
                place.drop("a.tif", sheet(row(1)))
                ballast.unlink()
                wait_until(lambda: len(place.csv_lines()) == 1)
            finally:
                process.terminate()
                ended = process.wait(60)
            assert ended == 0


@needs_mounts
def test_a_log_that_cannot_be_folded_pauses_intake_and_undoes_nothing(tmp_path: Path) -> None:
    """The write-ahead log has room of its own on a full disk: commits go well, folding it into the ledger does not."""
    with mounted(tmp_path / "state", size="8m"), DeskOffice(office_settings(tmp_path)) as office:
        make_room_in_the_log(office.ledger)
        office.worker.fault = OSError(errno.EIO, "not yet")
        office.drop("a.jpg", sheet(*(row(number) for number in range(PAGES))))
        office.run_for(12)
        ballast = fill(tmp_path / "state")
        office.worker.fault = None
        office.run_for(40)
        assert office.service.faults.current[0].stage == "state"
        ballast.unlink()
        assert office.settle(60).rows == PAGES
        assert not office.service.faults.current
        assert len(office.csv_lines()) == len(office.logged("page_read")) == PAGES


def make_room_in_the_log(ledger: Ledger) -> None:
    """A log is written from its beginning again once it was folded."""
    with ledger.transaction() as tx:
        tx.execute("CREATE TABLE t (x)")
    for _ in range(80):
        with ledger.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (zeroblob(30000))")
