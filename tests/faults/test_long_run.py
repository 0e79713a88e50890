"""Long runs: a daemon that works for weeks neither grows nor slows, and each row is in the file of its day.

In full, with 10,000 sheets through one daemon, a ledger of 200,000 sheets, and 240 pages through one real worker:

    SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_long_run.py
"""

from __future__ import annotations

import csv
import itertools
import re
import shutil
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import cv2
import psutil
import pytest

from sheetwatch.domain import Retention, Rolling, Settings
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.ledger import accounting, last_sheets, rows_by_file
from sheetwatch.service import voice
from sheetwatch.service.notify import Notifier
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template
from sheetwatch.worker import PageTask
from sheetwatch.worker.pool import WorkerPool
from support.amount import amount
from support.big_ledger import Effort, effort_of, fill, plan_of
from support.ledger_view import accounting_of, all_done
from support.office import Office, doubt, office_settings, row, sheet
from support.processes import Installation, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sheetwatch.ledger import Accounting, Ledger

MIB = 1 << 20
WAVE = 100
MOST_GROWTH = 0.05
BIG_TABLE = re.compile(r"^SCAN (scans|pages|rows|reviews|corrections)\b")
OWED_ONLY = ("rows_owed", "rows_rewritten")
"""Indexes of the rows that are not in their CSV as they are: to look through them is to look at what is to be done."""

SUMMER = "CET-1CEST,M3.5.0,M10.5.0/3"  # as in Berlin: at 2:00 to 3:00, at 3:00 to 2:00
MIDNIGHT = "<-04>4<-03>,M9.1.0/0,M4.1.0/0"  # as in Santiago: at 0:00 to 1:00, at 0:00 back to 23:00
PAST_MIDNIGHT = "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01"  # as once in St John's: a day ends, begins again and ends again


@dataclass(frozen=True, slots=True)
class Size:
    """What a process holds."""

    rss_bytes: int
    files: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Size:
        with process.oneshot():
            return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def __str__(self) -> str:
        return f"{self.rss_bytes / MIB:.1f} MiB, {self.files} files, {self.threads} threads"


def some_sheet(number: int) -> bytes:
    """Mostly rows; now and then a blank, and one for review."""
    if number % 50 == 7:
        return sheet(doubt(number))
    return sheet("blank", row(number)) if number % 10 == 3 else sheet(row(number))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_daemon_of_thousands_of_sheets_does_not_grow(tmp_path: Path) -> None:
    sheets, warm = amount(600, 10_000), amount(300, 500)
    place, pages, before = Installation(tmp_path), 0, None
    with place.daemon() as daemon:
        process, began_s = psutil.Process(daemon.pid), time.monotonic()
        for first in range(0, sheets, WAVE):
            scans = [some_sheet(number) for number in range(first, first + WAVE)]
            for number, data in enumerate(scans, first):
                place.drop(f"{number:05}.jpg", data)
            pages += sum(len(data.splitlines()) - 2 for data in scans)
            wait_until(lambda: all_done(place, pages), 120)  # noqa: B023 - waited for here
            if first + WAVE == warm:
                before = Size.of(process)
        after, seconds = Size.of(process), time.monotonic() - began_s
    counts = accounting_of(place)
    assert before is not None
    assert counts is not None
    print(f"\n{sheets} scans in {seconds:.0f} s; after {warm}: {before}; at the end: {after}; {counts}")
    assert counts.balanced
    assert len({line.split(",")[0] for line in place.csv_lines()}) == counts.rows == len(place.csv_lines())
    assert after.rss_bytes < (1 + MOST_GROWTH) * before.rss_bytes
    assert (after.files, after.threads) == (before.files, before.threads)


def a_day_at_the_office(office: Office) -> None:
    """Everything that steps do: rows, doubts, blanks, duplicates, answers, a page that comes back, doing nothing."""
    for number in range(4):
        office.drop(f"{number}.jpg", sheet(row(f"n{number}"), doubt(f"d{number}"), "blank"))
    office.drop("again.jpg", sheet(row("n0"), doubt("d0"), "blank"))
    office.drop("damaged.jpg", b"no sheet")
    office.run_for(20)
    reviews = sorted(office.settings.review.glob("*.review.csv"))
    for path, answer in zip(reviews, itertools.cycle(("discard", "ok")), strict=False):
        path.write_text(path.read_text().replace("(whole sheet),,,", f"(whole sheet),,,{answer}"))
    page = next(path for path in sorted(office.settings.review.glob("*.jpg")))
    page.rename(office.inbox / page.name)
    office.run_for(40)


def efforts_with_a_past_of(folder: Path, sheets: int) -> tuple[Effort, Effort]:
    """What a day, and the list of the last sheets, cost the database after so many; no step looks through all."""
    with Office(settings=office_settings(folder)) as office:
        fill(office.ledger, sheets, office.clock.at.date().isoformat())
        with effort_of(office.ledger) as day:
            a_day_at_the_office(office)
        statements = {re.sub(r"'[^']*'|\d+", "?", statement): statement for statement in day.statements}
        scans = {
            statement: line
            for statement in statements.values()
            if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))
            for line in plan_of(office.ledger, statement)
            if BIG_TABLE.match(line) and not any(index in line for index in OWED_ONLY)
        }
        assert not scans
        with effort_of(office.ledger) as listing:
            last_sheets(office.ledger, 10)
        began_s = time.perf_counter()
        counts = accounting(office.ledger)
        took_ms = (time.perf_counter() - began_s) * 1000
    assert counts.balanced
    assert counts.pages_in >= sheets
    print(
        f"\n{sheets} sheets before: {len(statements)} kinds of statements, {day.steps} steps of the database in a day, "
        f"{listing.steps} for the last ten sheets; the accounting takes {took_ms:.0f} ms"
    )
    return day, listing


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_work_of_a_step_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    young_day, young_list = efforts_with_a_past_of(tmp_path / "young", 1_000)
    old_day, old_list = efforts_with_a_past_of(tmp_path / "old", amount(20_000, 200_000))
    assert young_day.steps > 0
    assert old_day.steps < 1.2 * young_day.steps
    assert old_list.steps < 1.2 * young_list.steps + 500


class Listener(Notifier):
    """Somebody listens, and keeps nothing."""

    is_heard = True

    def _send(self, message: str, *, patience_s: float = 0.0) -> None:
        """Heard."""


def test_counting_for_the_status_line_takes_a_small_part_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_s, counted_at = 0.5, []

    def slow_accounting(ledger: Ledger) -> Accounting:
        counted_at.append(office.clock.monotonic)
        office.clock.advance(took_s)
        return accounting(ledger)

    monkeypatch.setattr(voice, "accounting", slow_accounting)
    with Office(settings=office_settings(tmp_path)) as office:
        speaker = voice.Voice(office.site, office.service.faults, Listener({}), office.service._lookout)
        for number in range(300):
            with office.ledger.transaction() as tx:
                tx.execute("INSERT INTO forms (template, revision, form) VALUES (?, 'r', '')", (str(number),))
            speaker.tell(0)
            office.clock.advance(1)
    share = took_s * len(counted_at) / 300
    print(f"\ncounted {len(counted_at)} times in 300 s of changes, {share:.1%} of the time")
    assert len(counted_at) >= 5
    assert share < 0.03


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_old_is_forgotten_in_time_that_grows_with_what_is_forgotten(tmp_path: Path) -> None:
    sheets = amount(10_000, 200_000)
    settings = replace(office_settings(tmp_path), retention=Retention(ledger_days=5))
    with Office(settings=settings) as office:
        fill(office.ledger, sheets, office.clock.at.date().isoformat())
        began_s = time.monotonic()
        with effort_of(office.ledger) as effort:
            office.run_for(3)
        seconds, left = time.monotonic() - began_s, accounting(office.ledger).pages_in
        (forgotten,) = (int(str(entry["scans"])) for entry in office.logged("ledger_entries_removed"))
    steps_each = effort.steps / forgotten
    print(
        f"\n{forgotten} of {sheets} sheets forgotten in {seconds:.1f} s, {steps_each:.0f} steps each; {left} are left"
    )
    assert forgotten + left == sheets
    assert 2_000 <= left <= 3_000
    assert steps_each < 2_000


def test_with_retention_the_ledger_stays_bounded_and_knows_what_it_still_keeps(tmp_path: Path) -> None:
    days, keep, per_day = amount(30, 300), 7, 3
    settings = replace(office_settings(tmp_path), retention=Retention(ledger_days=keep))
    sizes = []
    with Office(settings=settings) as office:
        for day in range(days):
            for number in range(per_day):
                office.drop(f"{day}-{number}.jpg", sheet(row(f"{day}x{number}")))
            take_in(office)
            sizes.append(accounting(office.ledger).pages_in)
            office.clock.advance(86_400)
        yesterday, long_ago = sheet(row(f"{days - 1}x0")), sheet(row("0x0"))
        office.drop("yesterday, again.jpg", yesterday)
        office.drop("long ago, again.jpg", long_ago)
        take_in(office)
        sheets = {line.source_name: line for line in last_sheets(office.ledger, 2)}
    print(f"\n{days} days of {per_day} sheets, kept {keep} days: at most {max(sizes)} sheets in the ledger")
    assert max(sizes) <= per_day * (keep + 2)
    assert {reason.code.value for reason in sheets["yesterday, again.jpg"].reasons} >= {"duplicate-scan"}
    assert sheets["long ago, again.jpg"].became.startswith("row"), "what was forgotten is new"


def take_in(office: Office) -> None:
    """The steps of a minute in which files settle, are read and delivered."""
    for seconds in (0.5, 6, 0.5, 0.5, 0.5, 0.5):
        office.service.step()
        office.clock.advance(seconds)


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A time zone, by its rules: no data base is needed."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        (SUMMER, datetime(2026, 3, 28, 20, 3, tzinfo=UTC)),
        (SUMMER, datetime(2026, 10, 24, 19, 3, tzinfo=UTC)),
        (MIDNIGHT, datetime(2026, 9, 6, 1, 3, tzinfo=UTC)),
        (MIDNIGHT, datetime(2026, 4, 5, 0, 3, tzinfo=UTC)),
        (PAST_MIDNIGHT, datetime(2026, 10, 31, 23, 33, tzinfo=UTC)),
    ],
    indirect=["zone"],
    ids=["spring", "autumn", "no midnight", "midnight twice", "yesterday again"],
)
def test_every_row_is_in_the_file_of_its_local_day(tmp_path: Path, zone: str, begin: datetime) -> None:
    max_rows, rounds = 5, amount(40, 160)
    settings = replace(office_settings(tmp_path), rolling=Rolling(max_rows=max_rows))
    dropped = 0
    with Office(settings=settings) as office:
        office.clock.at = begin
        for number in range(rounds):
            for _ in range(number % 4):
                office.drop(f"{dropped}.jpg", sheet(row(dropped)))
                dropped += 1
            take_in(office)
            office.clock.advance(timedelta(hours=8).total_seconds() / rounds)
        take_in(office)
        assert office.nothing_owed
        kept = {file.name: [file.header, *file.lines] for file in rows_by_file(office.ledger)}
    files = {path.name: path.read_text().splitlines(keepends=True) for path in settings.results.glob("*.csv")}
    assert files == kept
    check_days(files, max_rows, dropped)
    offsets = {line["read_at"][19:] for lines in files.values() for line in csv.DictReader(lines)}
    print(f"\n{zone}: {dropped} rows in {len(files)} files, offsets {sorted(offsets)}")
    assert len(offsets) == 2, "the change of the clocks is in it"


def check_days(files: dict[str, list[str]], max_rows: int, dropped: int) -> None:
    """Each row once, in a file of its day, none too long, and a new one only when the last was full."""
    rolls: Counter[str] = Counter()
    by_day: dict[str, list[int]] = {}
    for name in sorted(files, key=_day_and_number):
        day, _ = _day_and_number(name)
        rows = list(csv.DictReader(files[name]))
        assert {line["read_at"][:10] for line in rows} == {day}, name
        rolls.update(line["roll"] for line in rows)
        by_day.setdefault(day, []).append(len(rows))
    assert rolls == Counter(f"{number:0>4}" for number in range(dropped))
    assert len(by_day) == 2
    for lengths in by_day.values():
        assert all(length == max_rows for length in lengths[:-1])
        assert 0 < lengths[-1] <= max_rows


def _day_and_number(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"exam-(\d{4}-\d\d-\d\d)(?:-(\d+))?\.csv", name)
    assert match, name
    return match[1], int(match[2] or 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_worker_does_not_grow(tmp_path: Path) -> None:
    pages = amount(12, 240)  # a worker is replaced after 500 tasks, two for each page
    folder = shipped_folder("config") / "templates" / "meter-reading"
    shutil.copytree(folder, tmp_path / "templates" / folder.name)
    files = list(some_slips(tmp_path, folder, 4))
    pool = WorkerPool(Settings(workers=1, templates=(tmp_path / "templates",)))
    try:
        pool.start()
        (worker,) = (child for child in psutil.Process().children() if "resource_tracker" not in str(child.cmdline()))
        sizes = [size_after_reading(pool, worker, path) for path in itertools.islice(itertools.cycle(files), pages)]
    finally:
        pool.stop()
    warm = sizes[pages // 3]
    print(f"\n{pages} pages; at first: {sizes[0]}; after {pages // 3}: {warm}; at the end: {sizes[-1]}")
    assert sizes[-1].rss_bytes < (1 + MOST_GROWTH) * warm.rss_bytes
    assert (sizes[-1].files, sizes[-1].threads) == (warm.files, warm.threads)


def some_slips(folder: Path, template: Path, count: int) -> Iterable[Path]:
    for seed in range(count):
        path = folder / f"{seed}.jpg"
        cv2.imwrite(str(path), generate_sheet(load_template(template), seed, difficulty="easy", device="clean").grey)
        yield path


def size_after_reading(pool: WorkerPool, worker: psutil.Process, path: Path) -> Size:
    assert pool.probe(path).result().page_count == 1
    assert pool.read(PageTask(scan_file=path, page=0, page_count=1, draw=True)).result().reading.fields
    return Size.of(worker)
