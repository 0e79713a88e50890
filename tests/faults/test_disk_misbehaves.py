"""The disk refuses: ENOSPC, EDQUOT, EIO, EROFS, EACCES at every kind of call, on the running daemon, for a while.

strace makes the calls fail that touch the files of one folder, or the N-th to the N+2-th call of one kind anywhere in
the installation. fsync is left out: after a failed fsync the process must stop.

Everything: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_disk_misbehaves.py (40 minutes)
"""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.office_hours import Office, open_office
from support.processes import SETTINGS, wait_until
from support.strace import attached, injected, needs_strace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ERRORS = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES"]
WRITING = "write,pwrite64,ftruncate,rename,renameat2,unlink,mkdir,rmdir,utimensat"
KINDS = ["openat", "write", "pwrite64", "rename", "renameat2", "unlink", "mkdir", "ftruncate", "utimensat",
         "newfstatat", "getdents64", "pread64", "read",
         "unlinkat", "statfs", "access", "faccessat2", "lseek"]  # fmt: skip
BURST = 3
FAULT_S = amount(2, 20)

pytestmark = [needs_strace, pytest.mark.slow, pytest.mark.timeout(3600)]


def files_of(office: Office, folder: str, scans: int) -> list[Path]:
    """Every file and folder that the next scans may touch there; strace matches whole paths only.

    But for health.json, which has its place on the disk already: where that cannot be written either, `status` does not
    know of the fault, and only systemd and the log do.
    """
    base, day = office.base, f"{dt.datetime.now().astimezone():%Y-%m-%d}"
    first = len(office.entered)
    names = [f"s{number:03d}" for number in range(first, first + scans)]
    ids = [f"{day.replace('-', '')}-{number:05d}" for number in range(first, first + scans + 20)]
    stems = [f"{name}-{scan}-p{page}" for name in names for scan in ids for page in (0, 1)]
    ends = [".png", ".tif", ".review.png", ".review.txt", ".review.csv"]
    pictures = ["scan.tif", *(f"page-{page:04d}{end}" for page in (0, 1) for end in (".png", ".review.png"))]
    inside = {
        "inbox": ["", *(f"{name}.tif" for name in names)],
        "results": ["", f"exam-{day}.csv"],
        "review": ["", *(f"{stem}{end}" for stem in stems for end in ends)],
        # strace looks at the first path of a rename: that of the scan on its way to the archive
        "archive": ["", day, *(f"{day}/{name}.tif" for name in names), *(f"../state/work/{it}/scan.tif" for it in ids)],
        "state": ["", "sheetwatch.db", "sheetwatch.db-wal", "sheetwatch.db-shm", "work",
                  *(f"work/{scan}" for scan in ids), *(f"work/{scan}/{name}" for scan in ids for name in pictures)],
    }  # fmt: skip
    paths = [Path(os.path.normpath(base / folder / name)) for name in inside[folder]]
    return [*paths, *(path.with_name(f".sheetwatch-{path.name}") for path in paths if path.suffix)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as office:
        office.drop()
        office.wait_until_done()
        yield office


@pytest.mark.parametrize(
    ("folder", "errors"),
    [
        ("results", ["ENOSPC"]),
        ("review", ["EDQUOT"]),
        ("archive", ["EIO"]),
        ("state", ["EIO"]),
    ],
)
def test_a_folder_refuses_every_change_for_a_while(office: Office, folder: str, errors: list[str]) -> None:
    for error in amount_of(errors, ERRORS):
        with attached(office.process, f"{WRITING}:error={error}", files_of(office, folder, 10)) as log:
            office.drop(4)
            with office.quiet(FAULT_S):
                office.wait_until_paused(str(office.base / folder))
                waiting = office.drop()
                assert any(reason in office.faults for reason in reasons_of(error)), office.faults
            assert {*waiting} <= {*office.place.names("inbox")}, "nothing is taken up meanwhile"
            failed = len(injected(log))
        after_s = office.wait_until_done()
        print(f"{folder}: {error} at {failed} calls; all was read {after_s:.1f} s after the last")
        office.verify()
    office.verify_commands()


def amount_of(few: list[str], every: list[str]) -> list[str]:
    return every if amount(0, 1) else few


def reasons_of(error: str) -> list[str]:
    """The words that say it, of a file or of the ledger."""
    return [os.strerror(getattr(errno, error)), "disk I/O error", "database or disk is full", "readonly database"]


def test_a_burst_of_refusals_at_any_call(tmp_path: Path) -> None:
    """The N-th call of each kind and the next two fail, for every N in turn, with each error in turn."""
    settings = SETTINGS + "rolling: {max_rows: 3}\n"
    with open_office(tmp_path, settings) as office:
        counts = {kind: count_calls(office, kind) for kind in KINDS}
        bursts = [(kind, number) for kind, count in counts.items() for number in range(1, count + 1, BURST)]
        step = max(1, len(bursts) // amount(8, 400))
        failed = 0
        slowest_s = 0.0
        chosen = bursts[step // 2 :: step]
        for turn, (kind, number) in enumerate(chosen):
            error = ERRORS[turn % len(ERRORS)]
            inject = f"{kind}:error={error}:when={number}..{number + BURST - 1}"
            with attached(office.process, inject, everything(office)) as log:
                office.drop()
                wait_until(is_over(office, log), timeout_s=100)
                failed += len(injected(log))
            slowest_s = max(slowest_s, office.wait_until_done())
            office.verify()
        print(f"{len(chosen)} bursts of {sum(counts.values())} calls, {failed} calls failed, slowest {slowest_s:.1f} s")
        print(", ".join(f"{kind} {count}" for kind, count in counts.items()))
        assert failed >= len(chosen)
        office.verify_commands()


def is_over(office: Office, log: Path) -> Callable[[], bool]:
    return lambda: office.is_done or len(injected(log)) == BURST


def count_calls(office: Office, kind: str) -> int:
    """How many calls of a kind two scans cost, from their arrival to the archive."""
    with attached(office.process, f"{kind}:error=EIO:when=65535", everything(office)) as log:
        office.drop()
        office.wait_until_done()
        return len(re.findall(rf"\b{kind}\(", log.read_text()))


def everything(office: Office) -> list[Path]:
    return [path for folder in ("inbox", "results", "review", "archive", "state")
            for path in files_of(office, folder, 2)]  # fmt: skip
