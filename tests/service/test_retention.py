"""What the settings no longer keep is forgotten whole, and the accounting still balances."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import Retention
from sheetwatch.files import remove_folder
from sheetwatch.ledger import all_sheets, open_reviews, pages, rows_by_file
from sheetwatch.service import deliveries
from support.office import Office, doubt, office_settings, row, sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 86_400


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    settings = replace(office_settings(tmp_path), retention=Retention(archive_days=30, ledger_days=30))
    with Office(settings=settings) as office:
        yield office


def test_old_days_are_forgotten_whole(office: Office) -> None:
    office.drop("old.jpg", sheet(row(1), "blank"))
    office.drop("old duplicate.jpg", sheet(row(1), "blank"))
    office.settle()
    (review,) = open_reviews(office.ledger)
    sheet_path = office.settings.review / f"{review.stem}.review.csv"
    sheet_path.write_text(sheet_path.read_text().replace("(whole sheet),,,", "(whole sheet),,,discard"))
    office.settle()
    (office.settings.archive / "notes").mkdir()
    office.clock.advance(20 * DAY_S)
    office.drop("young.jpg", sheet(row(2)))
    assert office.settle().pages_in == 5
    office.clock.advance(15 * DAY_S)
    office.drop("today.jpg", sheet(row(3)))
    counts = office.settle()
    assert (counts.pages_in, counts.rows) == (2, 2)
    assert [line.source_name for line in all_sheets(office.ledger)] == ["young.jpg", "today.jpg"]
    assert len(list(rows_by_file(office.ledger))) == 2
    assert len(list(office.settings.archive.iterdir())) == 3
    assert len(office.csv_lines()) == 3, "results are the office's own"


def test_what_waits_for_a_person_is_never_forgotten(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1), doubt(2)))
    office.settle()
    office.clock.advance(90 * DAY_S)
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.review) == (2, 1, 1)


def test_a_bug_of_ours_costs_one_page_only(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    record_row = pages.record_row

    def record(*args: object, **kwargs: object) -> str:
        if args[1] == 1:
            raise ValueError("a bug")
        return record_row(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(pages, "record_row", record)
    office.drop("a.jpg", sheet(row(1)))
    office.drop("b.jpg", sheet(row(2)))
    counts = office.settle()
    assert (counts.rows, counts.review) == (1, 1)
    assert office.logged("program_fault")


def test_a_day_that_is_a_link_is_somebodys_and_stays(office: Office, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = office.settings.archive / "2020-01-01"
    link.symlink_to(elsewhere)
    office.drop("a.jpg", sheet(row(1)))
    assert office.settle().rows == 1
    assert not office.service.faults.current
    assert link.is_symlink()


def test_a_day_that_cannot_be_removed_is_told_and_keeps_no_scan_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [office.settings.archive / f"2020-01-0{day}" for day in (1, 2)]
    for day in days:
        day.mkdir()

    def remove_unless_locked(folder: Path) -> None:
        if folder == days[0]:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        remove_folder(folder)

    monkeypatch.setattr(deliveries, "remove_folder", remove_unless_locked)
    office.run_for(3)
    office.drop("a.jpg", sheet(row(1)))
    assert office.settle(60).rows == 1
    assert [fault.stage for fault in office.service.faults.current] == ["retention"]
    assert not days[1].exists()
