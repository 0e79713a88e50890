"""Thousands of scans dropped at once: nothing missed, nothing twice, and the crowd slows nobody down.

    pytest tests/faults/test_crowd.py -s                          # 1,000 files
    SHEETWATCH_FAULTS=full pytest tests/faults/test_crowd.py -s   # 20,000 files

The tiny event queue needs root, for fs.inotify.max_queued_events; it is set back as soon as the daemon has its queue.
"""

from __future__ import annotations

import cProfile
import pstats
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from support.amount import amount
from support.office import Office, office_settings, row, sheet
from support.processes import Installation, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
FILES = amount(400, 20_000)
MIB = 1 << 20
WATCH = "version: 1\nwatch: {settle_s: 0.5, rescan_s: 3, incomplete_after_s: 60}\nlog: {format: json}\n"


@contextmanager
def event_queue_of(length: int) -> Iterator[None]:
    """inotify queues that are made within the block are this short. Skips where that cannot be."""
    before = QUEUE.read_text()
    try:
        QUEUE.write_text(str(length))
    except OSError as error:
        pytest.skip(f"{QUEUE} cannot be set here: {error}")
    try:
        yield
    finally:
        QUEUE.write_text(before)


def drop_crowd(inbox: Path, count: int, first: int = 0) -> None:
    """Files in the inbox and in a tree of subfolders; every hundredth gets another name."""
    for number in range(first, first + count):
        folder = inbox / f"{number % 5}" / f"{number % 3}" if number % 2 else inbox
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(sheet(row(number)))
        if not number % 100:
            (folder / f"{number}.jpg").rename(folder / f"{number} again.jpg")


@dataclass
class Memory:
    """Watches how much of the memory a process uses, from a thread of its own."""

    process: psutil.Process
    peak: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            self.peak = max(self.peak, self.process.memory_info().rss)


def lines_in(results: Path) -> int:
    """Header included; counted again and again, so quickly."""
    return sum(path.read_bytes().count(b"\n") for path in results.glob("*.csv"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_crowd_that_no_event_told_of_is_read_once(tmp_path: Path) -> None:
    place = Installation(tmp_path, WATCH)
    with event_queue_of(16):
        daemon = place.daemon()
        process = daemon.__enter__()
        place.drop("first.jpg", sheet(row(FILES)))
        wait_until(lambda: len(place.csv_lines()) == 1)
    try:
        watched = psutil.Process(process.pid)
        before, memory = watched.memory_info().rss, Memory(watched)
        with memory.watched():
            process.send_signal(signal.SIGSTOP)  # so that nobody empties the queue meanwhile
            drop_crowd(place.base / "inbox", FILES)
            process.send_signal(signal.SIGCONT)
            started_s, busy_s = time.monotonic(), sum(watched.cpu_times()[:2])
            wait_until(lambda: lines_in(place.base / "results") > FILES + 1, timeout_s=3000)
            took_s, busy_s = time.monotonic() - started_s, sum(watched.cpu_times()[:2]) - busy_s
    finally:
        daemon.__exit__(None, None, None)
    counts = place.status()["accounting"]
    assert sorted(int(line.split(",")[5]) for line in place.csv_lines()) == list(range(FILES + 1))
    assert (counts["pages_in"], counts["rows"], counts["balanced"]) == (FILES + 1, FILES + 1, True)
    assert '"events_lost"' in place.log, "the queue was not too short"
    grown = (memory.peak - before) / MIB
    cost = f"{took_s:.0f} s, {busy_s / FILES * 1000:.1f} ms of the processor each"
    print(f"\n{FILES} files at once, queue of 16 events: {cost}; memory {before / MIB:.0f} + {grown:.1f} MiB")


def calls_per_page(base: Path, crowd: int, pages: int = 60) -> float:
    """Function calls of the daemon for a page read while so many files wait, looks not counted."""
    plain = office_settings(base)
    with Office(replace(plain, watch=replace(plain.watch, rescan_s=10_000))) as office:
        drop_crowd(office.inbox, crowd)
        office.run_for(6)  # the first look, and the one that finds them settled
        profile = cProfile.Profile()
        done = len(office.csv_lines())
        profile.enable()
        while len(office.csv_lines()) < done + pages:
            office.service.step()
        profile.disable()
        calls: int = vars(pstats.Stats(profile))["total_calls"]  # typeshed does not know it
        return calls / (len(office.csv_lines()) - done)


def test_looks_leave_most_of_the_time_for_reading(tmp_path: Path) -> None:
    plain = office_settings(tmp_path)
    with Office(replace(plain, watch=replace(plain.watch, rescan_s=30))) as office:
        arrivals, look_s, looking_s = office.service.arrivals, 3.0, 0.0
        look = arrivals.look

        def slow_look() -> None:
            nonlocal looking_s
            look()
            looking_s += look_s
            office.clock.advance(look_s)

        arrivals.look = slow_look  # type: ignore[method-assign]
        begun_s = office.clock.monotonic
        while office.clock.monotonic < begun_s + 600:
            office.service._lookout.hint()  # something happens all the time
            office.service.step()
            office.clock.advance(0.1)
        share = looking_s / (office.clock.monotonic - begun_s)
    print(f"\nlooks of {look_s:g} s, hints all the time: {share:.0%} of the time is spent looking")
    assert 0.1 < share <= 0.2


def test_a_page_costs_as_little_while_thousands_wait(tmp_path: Path) -> None:
    few = calls_per_page(tmp_path / "few", 200)
    many = calls_per_page(tmp_path / "many", FILES)
    print(f"\nfunction calls for a page while 200 files wait: {few:.0f}; while {FILES} wait: {many:.0f}")
    assert many < 1.2 * few
