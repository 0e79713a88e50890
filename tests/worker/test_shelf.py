"""Scans that a worker of a cluster holds in memory."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from sheetwatch.domain import Limits
from sheetwatch.worker.shelf import NotHeldError, Shelf, passing
from sheetwatch.worker.whole import bytes_of


def test_the_longest_unused_goes_first_and_what_is_read_stays() -> None:
    shelf = Shelf(most_bytes=250)
    for name in ("a", "b"):
        shelf.put(name, name.encode() * 100)
    with shelf.opened("a") as read_now:
        shelf.put("c", b"c" * 100)
        with pytest.raises(NotHeldError):
            shelf.opened("b").__enter__()
        shelf.put("large", b"l" * 1000)
        assert read_now.read_bytes() == b"a" * 100
    with pytest.raises(NotHeldError):
        shelf.opened("a").__enter__()
    with shelf.opened("large") as alone:
        assert alone.stat().st_size == 1000
    shelf.close()


def held_open() -> int:
    files = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum("sheetwatch-scan" in path.readlink().name for path in files)


def test_what_is_held_already_is_not_held_twice() -> None:
    shelf = Shelf(most_bytes=250)
    for _ in range(3):
        shelf.put("a", b"a" * 100)
    assert held_open() == 1
    shelf.close()
    assert held_open() == 0


def test_a_child_process_reads_it_like_a_file() -> None:
    with passing(b"scan" * 1000) as path, multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(bytes_of, (path, Limits())) == b"scan" * 1000
    assert not Path(path).exists()
