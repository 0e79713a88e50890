"""Files that somebody has open for writing, as the kernel's leases tell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sheetwatch.intake.listing import Seen
from sheetwatch.intake.writers import Writers, is_open_for_writing
from support.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

OPEN_AND_CLOSE = "import sys\nwhile True: open(sys.argv[1], 'ab').close()"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    with path.open("ab"):
        if not is_open_for_writing(path):
            pytest.skip(f"the file system of {tmp_path} grants no leases, or refuses none")
    return path


def test_a_writer_is_seen_while_it_has_the_file_open(scan: Path) -> None:
    assert not is_open_for_writing(scan)
    for mode in ("ab", "r+b"):
        with scan.open(mode):
            assert is_open_for_writing(scan)
        assert not is_open_for_writing(scan)


def test_a_writer_is_seen_after_the_file_was_renamed(scan: Path) -> None:
    with scan.open("ab"):
        moved = scan.rename(scan.with_name("b.tif"))
        assert is_open_for_writing(moved)


def test_who_only_reads_holds_nothing_up(scan: Path) -> None:
    with scan.open("rb"):
        assert not is_open_for_writing(scan)


@pytest.mark.parametrize("kind", ["gone", "folder", "link", "pipe"])
def test_what_is_no_file_is_left_to_whoever_opens_it(scan: Path, kind: str) -> None:
    other = scan.with_name(kind)
    if kind == "folder":
        other.mkdir()
    elif kind == "link":
        other.symlink_to(scan)
    elif kind == "pipe":
        os.mkfifo(other)
    with scan.open("ab"):
        assert not is_open_for_writing(other)


def test_a_writer_that_opens_it_while_the_lease_is_ours_does_no_harm(scan: Path) -> None:
    """The kernel signals the holder of a lease; by default, that would end the process."""
    with subprocess.Popen([sys.executable, "-c", OPEN_AND_CLOSE, str(scan)]) as writer:
        wait_until(lambda: is_open_for_writing(scan))  # it has begun
        answers = Counter(is_open_for_writing(scan) for _ in range(5_000))
        assert writer.poll() is None
        writer.kill()
    print(f"open for writing at {answers[True]} of 5000 questions")
    assert answers[True]


def test_patience_ends_and_begins_anew_after_the_file_was_closed(scan: Path) -> None:
    seen, writers = Seen.of(scan, scan.stat()), Writers(60)
    assert writers.is_new(seen)
    with scan.open("ab"):
        assert [writers.hold(seen, now_s=at_s) for at_s in (0.0, 59.0, 60.0)] == [True, True, False]
        assert not writers.is_new(seen)
    assert not writers.hold(seen, now_s=61)
    with scan.open("ab"):
        assert writers.hold(seen, now_s=62)
    writers.forget_gone(lambda _: False)
    assert writers.is_new(seen)
