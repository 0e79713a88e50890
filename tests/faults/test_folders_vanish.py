"""Folders and disks vanish, turn read-only or fill up under the running daemon, and come back: intake pauses, says so,
leaves every scan where it is, and resumes by itself within 30 s.

Real file systems in memory, so most of it needs root. Everything: SHEETWATCH_FAULTS=full python -m pytest -s
tests/faults/test_folders_vanish.py (5 minutes)
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.disks import bound, mount, needs_mounts, unmount
from support.office_hours import Office, open_office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDERS = ["inbox", "results", "review", "archive", "state"]
ROUNDS = amount(1, 4)
SOME = amount(2, 1)  # every second folder, or each
PAUSE_S = amount(1, 35)  # how long a folder is away: until the pauses between two tries are as long as they get

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as office:
        yield office


def go_through(
    office: Office,
    name: str,
    reason: str,
    away: Callable[[Path], object],
    back: Callable[[Path], object],
    *,
    pause_s: float = PAUSE_S,
) -> None:
    """Take a folder away amid the work, see what the daemon says, bring it back."""
    folder = office.base / name
    office.drop()
    away(folder)
    with office.quiet(pause_s):
        office.wait_until_paused(str(folder), reason)
        if name != "inbox":
            waiting = office.drop()
    if name != "inbox":
        assert {*waiting} <= {*office.place.names("inbox")}, "nothing is taken up meanwhile"
    back(folder)
    after_s = office.wait_until_done()
    print(f"{name}: {reason}: all was read {after_s:.1f} s after it came back")
    office.verify()


def aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-aside")


def test_a_folder_is_renamed_and_back(office: Office) -> None:
    for _ in range(ROUNDS):
        for name in FOLDERS:
            go_through(office, name, "is not there", lambda it: it.rename(aside(it)), lambda it: aside(it).rename(it))
    office.verify_commands()


def test_the_results_are_deleted_and_made_again(office: Office) -> None:
    for _ in range(ROUNDS):
        long_s = max(PAUSE_S, 12)  # long enough to tell growing pauses from a daemon that tries all the time
        go_through(office, "results", "is not there", shutil.rmtree, lambda it: it.mkdir(), pause_s=long_s)
    office.verify_commands()


@needs_mounts
def test_a_folder_is_unmounted_and_mounted(tmp_path: Path) -> None:
    with bound(tmp_path, FOLDERS), open_office(tmp_path) as office:
        for _ in range(ROUNDS):
            for name in FOLDERS[::SOME]:
                go_through(office, name, "is not mounted; mount it again", detach, rebind)
        office.verify_commands()


@needs_mounts
def test_a_folder_turns_read_only_and_back(tmp_path: Path) -> None:
    with bound(tmp_path, FOLDERS), open_office(tmp_path) as office:
        for _ in range(ROUNDS):
            for name in FOLDERS[
                SOME - 1 : -1 : SOME
            ]:  # the kernel refuses it for state/, where files are open for writing
                go_through(office, name, "read-only; mount it for writing", remount("ro"), remount("rw"))
        office.verify_commands()


def detach(folder: Path) -> None:
    """As when a cable is pulled: what is open stays open."""
    unmount(folder, "--lazy")


def rebind(folder: Path) -> None:
    mount("--bind", str(aside(folder)), str(folder))


def remount(how: str) -> Callable[[Path], None]:
    return lambda folder: mount("-o", f"remount,bind,{how}", str(folder))
