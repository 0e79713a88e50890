"""Scans in, rows, review and archive out, with fake workers and a clock that is told the time."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import Pages
from sheetwatch.ledger import all_sheets, open_reviews
from support.office import Office, doubt, office_settings, row, sheet

if TYPE_CHECKING:
    from pathlib import Path


def test_a_clear_sheet_becomes_one_row_and_is_archived(office: Office) -> None:
    office.drop("scan 1.jpg", sheet(row(12)))
    counts = office.settle()
    assert (counts.pages_in, counts.rows) == (1, 1)
    day = office.clock.now().astimezone().date().isoformat()
    assert office.names(office.settings.results) == [f"exam-{day}.csv"]
    (line,) = office.csv_lines()
    cells = line.split(",")
    assert cells[0].endswith("-00001-p0")
    assert cells[2:] == ["scan 1.jpg", "0", "auto", "0012", "7", "7", "0.9991"]
    assert office.names(office.settings.archive) == [f"{day}/scan 1.jpg"]
    assert not office.names(office.inbox)
    assert not list(office.site.work.iterdir())
    assert office.nothing_owed


def test_nothing_is_read_before_it_has_settled(office: Office) -> None:
    path = office.drop("a.jpg", sheet(row(1)))
    for size in range(1, 6):
        office.run_for(4)
        path.write_bytes(sheet(*[row(page) for page in range(size)]))
    assert not office.worker.tasks
    assert office.settle().rows == 5


def test_a_doubtful_page_goes_to_review_with_its_files(office: Office) -> None:
    office.drop("b.png", sheet(doubt(3)))
    assert office.settle().review == 1
    (review,) = open_reviews(office.ledger)
    stem = review.stem
    assert office.names(office.settings.review) == sorted(
        [f"{stem}.png", f"{stem}.review.csv", f"{stem}.review.png", f"{stem}.review.txt"]
    )
    assert (office.settings.review / f"{stem}.png").read_bytes() == sheet(doubt(3))
    text = (office.settings.review / f"{stem}.review.txt").read_text()
    assert "q1" in text
    assert "not clear" in text
    assert not office.csv_lines()
    assert not office.names(office.settings.archive), "a scan with an open page is not archived"


def test_every_page_of_a_scan_is_accounted_for(office: Office) -> None:
    office.drop("many.pdf", sheet(row(1), "blank", "foreign", doubt(2), "damaged", row(3)))
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.review, counts.dropped) == (6, 2, 3, 1)
    assert counts.dropped_by == {"blank": 1}
    pages = {review.page_index: review for review in open_reviews(office.ledger)}
    assert sorted(pages) == [2, 3, 4]
    page = office.settings.review / str(pages[3].page_name)
    assert page.read_bytes() == sheet(doubt(2)), "the page alone, not the whole scan"
    damaged = office.settings.review / str(pages[4].page_name)
    assert damaged.name.endswith(".pdf"), "a page that cannot be decoded is shown as the scan it is in"


@pytest.mark.parametrize(
    ("data", "code"), [(b"", "unreadable-file"), (b"hello", "unreadable-file"), (b"SHEETS\nrow", "incomplete-file")]
)
def test_what_cannot_be_opened_counts_as_one_page_in_review(office: Office, data: bytes, code: str) -> None:
    office.drop("bad.jpg", data)
    counts = office.settle(90)
    assert (counts.pages_in, counts.review) == (1, 1)
    (review,) = open_reviews(office.ledger)
    assert [reason.code.value for reason in review.reasons] == [code]
    assert (office.settings.review / f"{review.stem}.jpg").read_bytes() == data


def test_an_incomplete_file_waits_for_its_rest(office: Office) -> None:
    path = office.drop("slow.tif", sheet(row(1), row(2))[:-8])
    office.run_for(50)
    assert office.check().pages_in == 0
    path.write_bytes(sheet(row(1), row(2)))
    assert office.settle().rows == 2


def test_a_crashing_page_is_tried_once_more_alone_and_then_given_to_a_person(office: Office) -> None:
    office.drop("poison.pdf", sheet(row(1), "crash", row(2)))
    counts = office.settle()
    assert (counts.rows, counts.review) == (2, 1)
    (review,) = open_reviews(office.ledger)
    assert review.reasons[0].code.value == "worker-crashed"
    assert sum(task.page == 1 for task in office.worker.tasks) == 2


def test_a_scan_that_crashes_the_opening_costs_only_itself(office: Office) -> None:
    office.drop("a.jpg", sheet("probe-crash"))
    office.drop("b.jpg", sheet(row(2)))
    counts = office.settle(30)
    assert (counts.rows, counts.review, counts.pages_in) == (1, 1, 2)


def test_the_same_content_again_goes_to_review(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    office.drop("b.jpg", sheet(row(1)))
    counts = office.settle()
    assert (counts.rows, counts.review) == (1, 1)
    (review,) = open_reviews(office.ledger)
    assert {reason.code.value for reason in review.reasons} == {"duplicate-scan", "duplicate-key"}
    assert review.picture, "an accepted page that goes to review is drawn after all"


def test_the_same_content_again_is_dropped_where_that_is_configured(tmp_path: Path) -> None:
    with Office(settings=replace(office_settings(tmp_path), duplicates="drop")) as office:
        for name in ("a.jpg", "b.jpg"):
            office.drop(name, sheet(row(1), row(2)))
            counts = office.settle()
        assert (counts.pages_in, counts.rows, counts.dropped) == (4, 2, 2)
        assert len(office.names(office.settings.archive)) == 2


def test_pages_without_a_template_are_dropped_where_that_is_configured(tmp_path: Path) -> None:
    with Office(settings=replace(office_settings(tmp_path), pages=Pages(no_template="drop"))) as office:
        office.drop("booklet.pdf", sheet(row(1), "foreign", "foreign"))
        assert office.settle().dropped_by == {"no-template": 2}


def test_a_second_sheet_with_the_same_key_goes_to_review(office: Office) -> None:
    office.drop("a.jpg", sheet(row(7, "1", "1")))
    office.drop("b.jpg", sheet(row(7, "2", "2")))
    assert (office.settle().rows, office.check().review) == (1, 1)
    (review,) = open_reviews(office.ledger)
    (reason,) = review.reasons
    assert (reason.code.value, reason.field) == ("duplicate-key", "roll")


def test_names_from_hell_are_read_and_harm_no_csv(office: Office) -> None:
    names = [
        "new\nline.jpg",
        "-rf.jpg",
        "=cmd().jpg",
        "\U0001f600.jpg",
        os.fsdecode(b"\xff\xfe.jpg"),
        'a,b".jpg',
        "'.jpg",
    ]
    for index, name in enumerate(names):
        office.drop(name, sheet(row(index)))
    assert office.settle().rows == len(names)
    lines = office.csv_lines()
    assert len(lines) == len(names)
    assert not any(cell.startswith(("=", "-", "+", "@")) for line in lines for cell in line.replace('"', "").split(","))
    assert len(office.names(office.settings.archive)) == len(names)


def test_what_is_no_scan_is_left_alone_and_said_once(office: Office) -> None:
    (office.inbox / "folder.jpg").mkdir()
    (office.inbox / "link.jpg").symlink_to("/etc/hostname")
    os.mkfifo(office.inbox / "pipe.jpg")
    for name in ("half.tmp", "half.jpg.part", ".hidden.jpg", "~$lock.jpg", "Thumbs.db"):
        office.drop(name, sheet(row(1)))
    assert office.settle(60).pages_in == 0
    said = sorted(str(entry["path"]).rpartition("/")[2] for entry in office.logged("left_alone"))
    assert said == ["folder.jpg", "link.jpg", "pipe.jpg"]


def test_subfolders_are_watched_and_equal_names_do_not_clash(office: Office) -> None:
    for index in range(3):
        folder = office.inbox / f"desk {index}"
        folder.mkdir()
        (folder / "scan.jpg").write_bytes(sheet(row(index)))
    assert office.settle().rows == 3
    archived = office.names(office.settings.archive)
    assert [name.partition("/")[2] for name in archived] == ["scan-2.jpg", "scan-3.jpg", "scan.jpg"]


def test_a_name_used_again_is_another_scan(office: Office) -> None:
    for index in range(3):
        office.drop("scan.jpg", sheet(row(index)))
        office.settle()
    assert office.check().rows == 3
    assert {line.source_name for line in all_sheets(office.ledger)} == {"scan.jpg"}


def test_idle_writes_nothing(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1), doubt(2)))
    office.settle()
    office.run_for(30)
    before = _disk(office)
    office.run_for(120)
    assert _disk(office) == before


def _disk(office: Office) -> dict[str, int]:
    base = office.settings.state.parent
    return {str(path): path.stat().st_mtime_ns for path in base.rglob("*") if not path.name.endswith("-shm")}
