"""Scanners that are slow, that stop half-way, and whose clocks are wrong: in the contract's own seconds.

    pytest tests/faults/test_scanner.py -s
    SHEETWATCH_FAULTS=full pytest tests/faults/test_scanner.py -s

The office of these tests runs in the test's process, with a clock that the test moves: settle_s is 5, a gap of 4 s is
4 s. Its files are real, and the real decoder opens them. The same over Samba, on real time: test_samba.py.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.amount import amount
from support.office import Office, doubt, office_settings, row, sheet
from support.scans import Growing, ScanWorker, growing_text, growing_tiff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sheetwatch.domain import Watch

SETTLE_S, GIVE_UP_S = 5.0, 60.0
LONGEST_GAP_S = 4.0
DAY_S = 86_400.0


def office_in(base: Path, **watch: float) -> Office:
    plain = office_settings(base)
    changed: Watch = replace(plain.watch, **watch)  # type: ignore[arg-type] # every value here is a number of seconds
    return Office(replace(plain, watch=changed), worker=ScanWorker())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_in(tmp_path) as place:
        yield place


def rolls(office: Office) -> list[int]:
    return sorted(int(line.split(",")[5]) for line in office.csv_lines())


def apply(path: Path, scan: Growing, stage: int) -> None:
    """Open the file, write what is new, close it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    for offset, data in scan.patches(stage):
        os.pwrite(descriptor, data, offset)
    os.close(descriptor)


gaps = st.lists(st.floats(0.1, LONGEST_GAP_S), min_size=1, max_size=5)


@settings(max_examples=amount(15, 400), suppress_health_check=list(HealthCheck))
@given(gaps_s=gaps, real=st.booleans(), rescan_s=st.sampled_from([1.0, 2.0, 30.0]))
def test_any_gaps_of_up_to_four_seconds_make_one_scan(gaps_s: list[float], real: bool, rescan_s: float) -> None:  # noqa: FBT001 - hypothesis names it
    scan = (growing_tiff if real else growing_text)(tuple(range(1, len(gaps_s) + 2)))
    with tempfile.TemporaryDirectory() as base, office_in(Path(base), rescan_s=rescan_s) as office:
        for stage, gap_s in enumerate([*gaps_s, 0.0]):
            apply(office.inbox / "a.tif", scan, stage)
            office.run_for(gap_s)
            assert rolls(office) == [], f"a row after {stage + 1} of {len(scan.rolls)} pages"
        counts = office.settle(20)
        assert rolls(office) == list(scan.rolls)
        assert (counts.pages_in, counts.rows, counts.in_work) == (len(scan.rolls), len(scan.rolls), 0)


def test_a_file_that_stays_half_is_given_up_after_its_time_and_not_before(office: Office) -> None:
    whole = growing_tiff((1, 2)).stages[-1]
    office.drop("half.tif", whole[: len(whole) // 2])
    office.drop("no-end.jpg", sheet(row(3))[:-2])
    office.drop("empty.jpg", b"")
    office.run_for(GIVE_UP_S - 2)
    assert office.check().pages_in == 0
    assert {str(event["path"]).rpartition("/")[2] for event in office.logged("scan_incomplete")} == {
        "half.tif",
        "no-end.jpg",
        "empty.jpg",
    }
    counts = office.settle(10)
    assert (counts.pages_in, counts.rows, counts.review) == (3, 0, 3)
    assert [event["reasons"] for event in office.logged("page_read")] == [["incomplete-file"]] * 3
    assert not office.names(office.inbox)


@pytest.mark.parametrize("wait_s", [1.0, 20.0, GIVE_UP_S - 10])
def test_an_empty_file_that_grows_later_is_read_once(office: Office, wait_s: float) -> None:
    office.drop("a.tif", b"")
    office.run_for(wait_s)
    office.drop("a.tif", growing_tiff((1, 2, 3)).stages[-1])
    assert office.settle(15).rows == 3
    assert rolls(office) == [1, 2, 3]


def test_a_whole_scan_after_its_half_was_given_up_is_read_once(office: Office) -> None:
    whole = growing_tiff((1, 2, 3)).stages[-1]
    office.drop("a.tif", whole[:5000])
    assert office.settle(GIVE_UP_S + 10).review == 1
    office.drop("a.tif", whole)
    counts = office.settle(15)
    assert (counts.rows, counts.review, counts.in_work) == (3, 1, 0)


def test_holes_are_waited_for(office: Office) -> None:
    """The final size first: what is not written yet reads as zeros, as black pixels in an uncompressed TIFF."""
    scan = growing_tiff((1, 2, 3)).stages[-1]
    path = office.inbox / "a.tif"
    with path.open("wb") as file:
        file.truncate(len(scan))
        file.write(scan[:4096])
        file.flush()
        office.run_for(20)
        assert office.check().pages_in == 0
        file.write(scan[4096:])
    assert office.settle(15).rows == 3


def test_a_sparse_file_that_stays_sparse_is_reported(office: Office) -> None:
    with (office.inbox / "a.jpg").open("wb") as file:
        file.write(sheet(row(1)))
        file.truncate(1 << 24)
    counts = office.settle(GIVE_UP_S + 10)
    assert (counts.rows, counts.review) == (0, 1)


@pytest.mark.parametrize("gap_s", [1.0, 10.0, 40.0])
def test_a_file_that_is_kept_open_between_pages_is_one_scan(office: Office, gap_s: float) -> None:
    """Longer than any file needs to settle: the kernel knows that somebody means to go on."""
    scan = growing_tiff((1, 2, 3))
    with (office.inbox / "a.tif").open("w+b", buffering=0) as file:
        for stage in range(3):
            for offset, data in scan.patches(stage):
                os.pwrite(file.fileno(), data, offset)
            office.run_for(gap_s)
            assert office.check().pages_in == 0
    counts = office.settle(15)
    assert (counts.pages_in, counts.rows) == (3, 3)
    assert rolls(office) == [1, 2, 3]
    assert not office.logged("scan_changed")


def test_a_page_that_is_copied_back_slowly_is_not_missing(office: Office) -> None:
    office.drop("a.jpg", sheet(doubt(1)))
    assert office.settle().review == 1
    (page,) = (path for path in office.settings.review.iterdir() if path.name.endswith(".jpg"))
    data = page.read_bytes()
    page.unlink()
    with (office.inbox / page.name).open("wb", buffering=0) as file:
        file.write(data)
        office.run_for(4 * SETTLE_S)
        assert not page.exists()
        assert office.check().pages_in == 1
    counts = office.settle(15)
    assert (counts.pages_in, counts.review) == (1, 1)


def test_a_file_that_is_never_closed_is_read_after_its_time(office: Office) -> None:
    with (office.inbox / "a.jpg").open("wb", buffering=0) as file:
        file.write(sheet(row(1)))
        office.run_for(GIVE_UP_S)
        assert office.check().pages_in == 0
        assert len(office.logged("scan_still_open")) == 1
        assert office.settle(3 * SETTLE_S).rows == 1


MOMENTS_S = {
    "1938": -1_000_000_000,
    "the epoch": 0,
    "2001": 1_000_000_000,
    "tomorrow": 1_772_528_400 + DAY_S,
    "2038": (1 << 31) + 10,
    "2300": 10_413_792_000,
    "the end of ext4": (1 << 34) - (1 << 31) - 1,
}


@pytest.mark.parametrize("moment", MOMENTS_S)
def test_a_file_of_any_time_is_read_once(office: Office, moment: str) -> None:
    path = office.drop("a.jpg", sheet(row(7)))
    os.utime(path, (MOMENTS_S[moment], MOMENTS_S[moment]))
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.in_work) == (1, 1, 0), office.logged("program_fault")
    assert not office.logged("scan_changed")


def test_times_set_again_and_again_hold_a_file_back_only_so_long(office: Office) -> None:
    path = office.drop("a.jpg", sheet(row(7)))
    for second in range(10):
        os.utime(path, (second, second))
        office.run_for(3)
        assert office.check().pages_in == 0
    assert office.settle().rows == 1


@pytest.mark.parametrize("days", [-4000, -1, -1 / 24, 1 / 24, 1, 4000])
def test_the_clock_jumps(office: Office, days: float) -> None:
    """Waiting is by the clock that cannot jump: nothing is taken early, nothing waits for a time to come again."""
    office.drop("before.jpg", sheet(row(1)))
    assert office.settle().rows == 1
    office.drop("while.jpg", sheet(row(2)))
    office.run_for(2)
    office.clock.at += timedelta(days=days)
    office.run_for(2)
    assert office.check().pages_in == 1, "settled too early"
    office.drop("half.jpg", sheet(row(3))[:-2])
    office.drop("after.jpg", sheet(row(4)))
    counts = office.settle(15)
    assert (counts.rows, counts.pages_in) == (3, 3)
    office.clock.at -= timedelta(days=days)
    counts = office.settle(GIVE_UP_S)
    assert (counts.rows, counts.review, counts.in_work) == (3, 1, 0)
    assert rolls(office) == [1, 2, 4]
    office.restart()
    assert office.settle().rows == 3
    assert office.nothing_owed


def test_a_folder_deeper_than_anybody_looks_is_reported(office: Office) -> None:
    folder = office.inbox.joinpath(*(["deep"] * 40))
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(sheet(row(1)))
    (office.inbox / "deep" / "deep" / "b.jpg").write_bytes(sheet(row(2)))
    assert office.settle().rows == 1
    (left,) = office.logged("left_alone")
    assert "deep" in str(left["reason"])
    assert (folder / "a.jpg").exists()


def test_an_unfinished_name_that_nobody_renames_is_reported_once(office: Office) -> None:
    office.drop("a.jpg.part", sheet(row(1)))
    office.drop("b.tmp", sheet(row(2)))
    office.drop("Thumbs.db", b"x")
    office.run_for(GIVE_UP_S - 2)
    assert not office.logged("left_alone")
    office.run_for(2 * GIVE_UP_S)
    left = [str(event["path"]).rpartition("/")[2] for event in office.logged("left_alone")]
    assert sorted(left) == ["a.jpg.part", "b.tmp"]
    assert office.check().pages_in == 0
    (office.inbox / "a.jpg.part").rename(office.inbox / "a.jpg")
    assert office.settle().rows == 1
