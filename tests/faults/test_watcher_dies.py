"""The watcher dies, goes deaf or loses events: found and mended within 30 s, and every scan is read.

The daemon listens in its only thread, so there is no watcher that could die alone. What is left to go wrong: a watched
folder is replaced, unmounted or moved, the kernel's queue overflows, watches run out, reading events fails. With
`rescan_s: 3600` no regular look can hide that the daemon is deaf.

Everything: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_watcher_dies.py (2 minutes)
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from support.amount import amount
from support.disks import mount_memory, mounted, needs_mounts, unmount
from support.office import row, sheet
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until
from support.promises import check
from support.strace import attached, needs_strace

if TYPE_CHECKING:
    from pathlib import Path

DEAF_S = 30.0
BY_EVENTS_ONLY = SETTINGS.replace("rescan_s: 0.5", "rescan_s: 3600")
ROUNDS = amount(1, 10)
QUEUE = 16384  # fs.inotify.max_queued_events, unless somebody raised it

pytestmark = pytest.mark.slow


class Inbox:
    """Drops scans that only an event can tell of, and counts how long each took to become a row."""

    def __init__(self, base: Path) -> None:
        self.place = Installation(base, BY_EVENTS_ONLY)
        self.folder = base / "inbox"
        self.entered: list[bytes] = []
        self.waited_s: list[float] = []

    def drop(self, where: str = ".") -> None:
        """Drop a scan, the folders above it at the same moment."""
        folder = self.folder / where
        folder.mkdir(parents=True, exist_ok=True)
        self.entered.append(sheet(row(len(self.entered))))
        (folder / f"{len(self.entered)}.jpg").write_bytes(self.entered[-1])

    def read_next(self, where: str = ".") -> None:
        self.drop(where)
        self.wait()

    def wait(self) -> None:
        """Wait until everything dropped is a row; fail when that takes longer than deafness may last."""
        started_s = time.monotonic()
        wait_until(lambda: len(self.place.csv_lines()) == len(self.entered), timeout_s=DEAF_S)
        self.waited_s.append(time.monotonic() - started_s)

    def verify(self, what: str) -> None:
        """Check what holds for every run, and print the figures."""
        wait_until(lambda: len(self.place.names("archive")) == len(self.entered))
        check(self.place, self.entered)
        print(f"{what}: {len(self.entered)} scans, the slowest read after {max(self.waited_s):.1f} s")


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def test_a_watched_folder_is_replaced_in_an_instant(inbox: Inbox) -> None:
    folder, aside = inbox.folder, inbox.folder.with_name("aside")
    with inbox.place.daemon(OPENBLAS_NUM_THREADS="1") as process:
        for _ in range(ROUNDS):
            inbox.read_next()
            folder.rename(aside)
            folder.mkdir()
            inbox.read_next()
            folder.rmdir()
            aside.rename(folder)
            inbox.read_next()
            folder.rename(aside)
            aside.rename(folder)
            inbox.read_next()
            folder.rmdir()
            folder.mkdir()
            inbox.read_next()
        threads = psutil.Process(process.pid).num_threads()
    inbox.verify("replaced, made anew, renamed and back")
    assert threads == 1, "a watcher thread could die alone; then this file must kill it"


def test_subfolders_come_and_go(inbox: Inbox) -> None:
    folder, aside = inbox.folder, inbox.folder.with_name("aside")
    with inbox.place.daemon():
        for number in range(ROUNDS):
            inbox.read_next(f"a{number}/b/c")
            inbox.read_next(f"a{number}/b/c")
            (folder / f"a{number}").rename(folder / f"z{number}")
            inbox.read_next(f"z{number}/b/c")
            (folder / f"z{number}").rename(aside)
            shutil.copytree(aside, folder / f"y{number}")
            inbox.read_next(f"y{number}/b")
            aside.rename(folder / f"x{number}")
            inbox.read_next(f"x{number}/b/c")
    inbox.verify("subfolders made, renamed, moved out and in")


def test_a_folder_away_for_long_is_heard_again(inbox: Inbox) -> None:
    with inbox.place.daemon():
        inbox.read_next()
        inbox.folder.rename(inbox.folder.with_name("aside"))
        wait_until(lambda: "is not there" in inbox.place.log)
        inbox.folder.with_name("aside").rename(inbox.folder)
        inbox.read_next()
        inbox.read_next()
    inbox.verify("away until it was noticed, and back")


@needs_mounts
def test_an_inbox_unmounted_and_mounted_again_is_heard(inbox: Inbox) -> None:
    with mounted(inbox.folder), inbox.place.daemon():
        for number in range(2 * ROUNDS):
            inbox.read_next()
            unmount(inbox.folder)
            if number % 2:
                wait_for_one_more(inbox.place, "is not mounted; mount it again")
            mount_memory(inbox.folder)
            inbox.read_next()
    inbox.verify("unmounted and mounted again, at once and after a while")


def wait_for_one_more(place: Installation, words: str) -> None:
    seen = place.log.count(words)
    wait_until(lambda: place.log.count(words) > seen)


def test_a_queue_that_overflows_is_found(inbox: Inbox) -> None:
    with inbox.place.daemon() as process:
        inbox.read_next()
        for number in range(ROUNDS):
            process.send_signal(signal.SIGSTOP)
            flood(inbox.folder / ".flood")
            inbox.drop(f"{number}/unheard/of")
            process.send_signal(signal.SIGCONT)
            inbox.wait()
            inbox.read_next(f"{number}/unheard/of")
        assert inbox.place.log.count('"events_lost"') == ROUNDS
    inbox.verify(f"{QUEUE} events unheard")


def flood(path: Path) -> None:
    """More events than the queue holds. Two equal ones in a row count as one, so two files take turns."""
    descriptors = [os.open(f"{path}{number}", os.O_CREAT | os.O_WRONLY) for number in range(2)]
    for number in range(QUEUE + 100):
        os.fchmod(descriptors[number % 2], 0o600)
    for descriptor in descriptors:
        os.close(descriptor)


@needs_strace
def test_events_that_cannot_be_read_are_listened_to_afresh(inbox: Inbox) -> None:
    with inbox.place.daemon() as process:
        inbox.read_next()
        with attached(process, "read:error=EIO:when=1..2", ["anon_inode:inotify"]):
            inbox.read_next()
        inbox.read_next()
        assert '"events_lost"' in inbox.place.log
    inbox.verify("reading events failed")


def without_watches(*command: str) -> list[str]:
    """A command in a user namespace of its own that is allowed a single watch: the machine's own limit stays."""
    limit = "echo 1 > /proc/sys/user/max_inotify_watches"
    return ["unshare", "--user", "--map-root-user", "sh", "-c", f'{limit} && exec "$@"', "sh", *command]


def can_limit_watches() -> bool:
    try:
        return subprocess.run(without_watches("true"), capture_output=True, check=False, timeout=20).returncode == 0
    except OSError:
        return False


def held(pid: int) -> tuple[int, int]:
    """How many descriptors and threads a process has."""
    process = psutil.Process(pid)
    return process.num_fds(), process.num_threads()


@pytest.mark.skipif(not can_limit_watches(), reason="no user namespace can be made here (unshare --user)")
def test_without_watches_left_the_rescan_finds_every_scan(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.place.config.write_text(SETTINGS)
    (inbox.folder / "deep").mkdir()
    daemon = without_watches(sys.executable, str(TEXT_DAEMON), str(inbox.place.config))
    process = inbox.place.start("-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *daemon)
    try:
        wait_until(lambda: '"started"' in inbox.place.log)
        inbox.read_next("deep")
        before = held(process.pid)
        for _ in range(5 * ROUNDS):
            inbox.read_next("deep")
            inbox.read_next()
        # At any one moment a file may be open; what leaks stays.
        wait_until(lambda: all(now <= then for now, then in zip(held(process.pid), before, strict=True)))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert inbox.place.log.count('"no_watch_left"') == 1, "said once"
    assert "raise fs.inotify.max_user_watches" in inbox.place.log
    inbox.verify("one watch for three folders")
