"""Files that vanish, are replaced, renamed or linked while the daemon is at them; names that nobody should give.

pytest tests/faults/test_mischief.py -s
SHEETWATCH_FAULTS=full pytest tests/faults/test_mischief.py -s
"""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import random
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sheetwatch import files
from sheetwatch.intake import claim
from support.amount import amount
from support.office import Office, office_settings, row, sheet
from support.processes import Installation, wait_until
from support.scans import ScanWorker

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from sheetwatch.worker import Probe

GIVE_UP_S = 60.0
QUICK = "version: 1\nwatch: {settle_s: 0.1, rescan_s: 0.5, incomplete_after_s: 3}\nlog: {format: json}\n"


def rolls(lines: list[str]) -> list[int]:
    return sorted(int(cells[5]) for cells in csv.reader(lines))


def unlink(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    path.with_suffix(".tmp").write_bytes(sheet(row(2)))
    path.with_suffix(".tmp").replace(path)


def rewrite(path: Path) -> None:
    """Other content of the same length, in place."""
    with path.open("r+b") as file:
        file.write(sheet(row(2)))


def append(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(sheet(row(1), row(2)))


def cut(path: Path) -> None:
    os.truncate(path, 12)


def rename(path: Path) -> None:
    path.rename(path.with_name("b.jpg"))


def into_folder(path: Path) -> None:
    (path.parent / "sub").mkdir()
    path.rename(path.parent / "sub" / path.name)


def link(path: Path) -> None:
    path.with_name("b.jpg").hardlink_to(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def symlink_instead(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere.jpg"
    elsewhere.write_bytes(sheet(row(3)))
    path.unlink()
    path.symlink_to(elsewhere)


MISCHIEF: dict[Callable[[Path], None], list[int]] = {
    unlink: [],
    replace: [2],
    rewrite: [2],
    append: [1, 2],
    cut: [],
    rename: [1],
    into_folder: [1],
    link: [1],
    folder_instead: [],
    symlink_instead: [],
}
"""What it does to a.jpg, which holds roll 1, and the rows that may come of it."""


@dataclass
class Moment:
    """Does something once, when told that its moment has come; a file that is gone is nobody's any more."""

    action: Callable[[Path], None]
    path: Path
    done: bool = False

    def __call__(self) -> None:
        if not self.done:
            self.done = True
            with contextlib.suppress(FileNotFoundError):
                self.action(self.path)


@dataclass
class Watched(ScanWorker):
    """Has things happen just before, or just after, a scan is opened."""

    before: Callable[[], None] = field(default=lambda: None)
    after: Callable[[], None] = field(default=lambda: None)

    def __post_init__(self) -> None:
        super().__init__()

    def probe(self, path: Path) -> Future[Probe]:
        self.before()
        probe = super().probe(path)
        self.after()
        return probe


def office_with(base: Path, patch: pytest.MonkeyPatch, moment: Moment, when: str) -> Office:
    """An office in which the moment comes before or after the opening, or the claim's rename, or its copy."""
    real_rename, real_copy = os.rename, files.copy_atomically

    def renaming(source: Path, target: Path) -> None:
        ours = source == moment.path and "state" in target.parts
        if ours and when == "before the claim":
            moment()
        if "copied" in when and "inbox" in source.parts:
            raise OSError(errno.EXDEV, "as between file systems")
        real_rename(source, target)
        if ours and when == "after the claim":
            moment()

    def copying(source: Path, target: Path) -> None:
        if when == "before it is copied":
            moment()
        real_copy(source, target)
        if when == "when it was copied":
            moment()

    patch.setattr(os, "rename", renaming)
    patch.setattr(claim, "copy_atomically", copying)
    points = {"before the opening": "before", "after the opening": "after"}
    worker = Watched(**{points[when]: moment}) if when in points else Watched()
    return Office(office_settings(base), worker=worker)


MOMENTS = [
    "before the opening",
    "after the opening",
    "before the claim",
    "after the claim",
    "before it is copied",
    "when it was copied",
]


@pytest.mark.parametrize("when", MOMENTS)
@pytest.mark.parametrize("action", MISCHIEF, ids=lambda action: action.__name__)
def test_a_file_is_never_half_read_and_never_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Path], None], when: str
) -> None:
    moment = Moment(action, tmp_path / "inbox" / "a.jpg")
    with office_with(tmp_path, monkeypatch, moment, when) as office:
        office.drop("a.jpg", sheet(row(1)))
        counts = office.settle(GIVE_UP_S + 20)
        assert moment.done
        found = rolls(office.csv_lines())
        if when == "after the claim":  # it was ours by then; what came under its name later is another scan
            assert found == ([1, 2] if action is replace else [1])
        elif when == "when it was copied" and action in {unlink, rename, into_folder}:  # what we have is whole
            assert found == [1]
        else:
            assert found == MISCHIEF[action]
        assert counts.rows == len(found)
        assert counts.in_work == 0
        assert office.nothing_owed
        assert not office.service.faults.current
        assert not office.logged("program_fault")
    if action is symlink_instead and moment.path.is_symlink():
        assert (tmp_path / "elsewhere.jpg").exists()


LONG_NAMES = [f"{'n' * 251}.jpg", f"{'ü' * 100}.{'y' * 50}", f"a.{'y' * 253}"]


@pytest.mark.parametrize("name", ["a.jpg", "job 1/a.jpg", *LONG_NAMES])
def test_a_scan_written_to_while_it_is_claimed_goes_back_and_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The client has the file open still; its folder goes, or its name is taken again at once."""
    path = tmp_path / "inbox" / name
    handles: list[int] = []

    def late(_: Path) -> None:
        os.pwrite(handles[0], sheet(row(1), row(2)), 0)
        if path.parent.name == "job 1":
            path.parent.rmdir()
        else:
            path.write_bytes(sheet(row(3)))

    with office_with(tmp_path, monkeypatch, Moment(late, path), "after the claim") as office:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sheet(row(1)))
        handles.append(os.open(path, os.O_RDWR))
        office.run_for(30)
        os.close(handles[0])
        assert not office.service.faults.current
        assert office.check().in_work == 0
        assert rolls(office.csv_lines()) in ([1, 2], [1, 2, 3])


NAMES = [
    b"\xff\xfe\x80.jpg",
    "räumlich-日本.jpg".encode(),
    "räumlich.jpg".encode("latin-1"),
    b"two\nlines.jpg",
    b"\x1b[31mred\r.jpg",
    b"-rf.jpg",
    b"=cmd|' calc'!A0.jpg",
    b'"quoted",.jpg',
    b"no suffix",
    b"dots...jpg.",
    b"CON.jpg",
    b" .jpg",
    b"%s%n.jpg",
    b"a.jpg.sheetwatch",
    b"n" * 251 + b".jpg",
    "ü".encode() * 125 + b".jpg",
    b"x" * 120 + b"." + b"y" * 120,
    "\u2028line\u202eleft.jpg".encode(),
]


@pytest.mark.timeout(200)
def test_names_in_any_bytes_are_read_once(tmp_path: Path) -> None:
    place = Installation(tmp_path, QUICK)
    inbox = os.fsencode(place.base / "inbox")
    with place.daemon() as process:
        for number, name in enumerate(NAMES):
            folder = os.path.join(inbox, NAMES[number % 4] + b" folder")  # noqa: PTH118 - these are bytes
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103 - same
            for place_number, where in enumerate((inbox, folder)):
                descriptor = os.open(os.path.join(where, name), os.O_WRONLY | os.O_CREAT)  # noqa: PTH118 - same
                os.write(descriptor, sheet(row(2 * number + place_number)))
                os.close(descriptor)
        wait_until(lambda: len(place.csv_lines()) == 2 * len(NAMES), timeout_s=100)
        status = place.command("status")
    assert process.returncode == 0
    assert status.returncode == 0, status.stderr
    assert rolls(place.csv_lines()) == list(range(2 * len(NAMES)))
    assert len(place.names("archive")) == 2 * len(NAMES)
    assert not place.names("inbox")
    for line in place.log.splitlines():
        json.loads(line)
    print(f"\n{len(NAMES)} names, each in the inbox and in a folder with such a name: {2 * len(NAMES)} rows")


@dataclass
class Hands:
    """Somebody who moves files about while the daemon takes them up, and knows what may come of each."""

    inbox: Path
    chance: random.Random
    rolls: set[int] = field(default_factory=set)
    maybe: set[int] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)

    def drop(self, roll: int) -> Path:
        path = self.inbox / f"{roll % 3}" / f"{roll}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sheet(row(roll)))
        self.rolls.add(roll)
        return path

    def disturb(self, path: Path, roll: int) -> None:
        """What the system says of the attempt decides what may come of the file: nothing here is a guess."""
        action = self.chance.choice([self._unlink, self._rename, self._replace, self._link])
        try:
            action(path, roll)
            self.done[action.__name__] += 1
        except FileNotFoundError:
            self.done["too late"] += 1
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def _unlink(self, path: Path, roll: int) -> None:
        path.unlink()
        self.rolls.remove(roll)

    def _rename(self, path: Path, roll: int) -> None:
        path.rename(self.inbox / f"renamed {roll}.jpg")

    def _replace(self, path: Path, roll: int) -> None:
        """The old content is read if the daemon was quicker, else it is gone; the new one is read in any case."""
        new = self.inbox / f"{roll}.tmp"
        new.write_bytes(sheet(row(roll + 5000)))
        self.rolls.add(roll + 5000)
        self.rolls.remove(roll)
        self.maybe.add(roll)
        path.parent.mkdir(exist_ok=True)
        new.replace(path)

    def _link(self, path: Path, roll: int) -> None:
        (self.inbox / f"link {roll}.jpg").hardlink_to(path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_files_moved_about_while_they_are_taken_up(tmp_path: Path) -> None:
    files, seed = amount(200, 4000), 20
    place, pause = Installation(tmp_path, QUICK), threading.Event()
    hands = Hands(place.base / "inbox", random.Random(seed))  # noqa: S311 - a seed makes it the same again
    recent: deque[tuple[Path, int]] = deque()
    with place.daemon() as process:
        for roll in range(files):
            recent.append((hands.drop(roll), roll))
            pause.wait(hands.chance.uniform(0, 0.04))
            if len(recent) > 12:
                hands.disturb(*recent.popleft())
        wait_until(lambda: hands.rolls <= set(rolls(place.csv_lines())), timeout_s=300)
    assert process.returncode == 0
    found = rolls(place.csv_lines())
    assert len(found) == len(set(found)), "a row twice"
    assert hands.rolls <= set(found) <= hands.rolls | hands.maybe
    assert place.status()["accounting"]["balanced"]
    assert "program_fault" not in place.log
    assert min(hands.done.values()) > 0, hands.done
    print(f"\nseed {seed}: {files} files, {dict(hands.done)}: {len(found)} rows, none lost, none twice")
