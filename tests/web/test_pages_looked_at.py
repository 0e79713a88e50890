"""Today and results: what the ledger says, and nothing written by looking."""

from __future__ import annotations

import io
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import openpyxl
import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.domain import ReasonCode, Web
from sheetwatch.ledger.browse import RowSearch, find_rows
from sheetwatch.web import pictures, thumbnails
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.showing import ShownSheet
from support.office import doubt, office_settings, row, sheet
from web.painted import PaintingWorker, sheet_jpeg
from web.web_office import WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sheetwatch.domain import Limits


@pytest.fixture
def painted(tmp_path: Path) -> Iterator[WebOffice]:
    with WebOffice(settings=replace(office_settings(tmp_path), web=Web(undo_s=0)), worker=PaintingWorker()) as office:
        yield office


def test_today_counts_what_came_in_and_adds_up(office: WebOffice) -> None:
    office.drop("exam.jpg", sheet(row(1), row(2), doubt(3), "blank"))
    office.settle()
    text = office.operator().get("/").text
    assert "4 in = 2 rows + 1 review + 1 dropped + 0 in work" in " ".join(text.split())
    assert "<dt>Watcher</dt><dd>" in text
    assert "18:00: " not in text
    assert "2 rows, 1 in review, 1 dropped" in text, "the chart in words"
    office.clock.at += timedelta(days=2)
    text = " ".join(office.operator().get("/").text.split())
    assert "0 in = 0 rows" in text
    assert "1 from earlier days" in text
    assert "Since the beginning: 4 in = 2 + 1 + 1 + 0" in text


def test_who_polls_is_told_once_what_changed(office: WebOffice) -> None:
    office.in_review(doubt(3))
    ann = office.operator()
    first = ann.get("/live")
    assert first.status_code == 200
    tag = {"If-None-Match": first.headers["ETag"]}
    assert ann.get("/live", headers=tag).status_code == 304
    office.drop("more.jpg", sheet(row(1)))
    office.settle()
    assert ann.get("/live", headers=tag).status_code == 200


def test_looking_writes_nothing(office: WebOffice) -> None:
    office.in_review(doubt(3))
    ann = office.operator()
    ann.get("/")
    state = office.settings.state.parent
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*") if not path.name.endswith("-shm")}
    for path in ("/", "/live", "/review/all", "/review/1", "/results/"):
        ann.get(path)
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*") if not path.name.endswith("-shm")} == before


def test_a_fault_of_the_environment_stands_on_the_first_page(office: WebOffice) -> None:
    office.in_review(doubt(3))
    shutil.rmtree(office.settings.archive, ignore_errors=True)
    assert "is not there or cannot be read; mount it" in office.operator().get("/").text


def test_rows_are_found_by_what_stands_in_them(office: WebOffice) -> None:
    office.drop("room 3.jpg", sheet(*(row(number) for number in range(70))))
    office.settle(40)
    review = office.in_review(doubt(123), name="other_room.jpg")
    ann = office.operator()
    ann.post(f"/review/{review.review}/accept", {"v-q1": "8", "v-roll": "0123", "v-total": "7"})
    assert ann.get("/results/?q=0123").text.count("<tr") == 2
    assert ann.get("/results/?status=corrected").text.count("<tr") == 2
    assert ann.get("/results/?status=auto").text.count("<tr") == 51, "fifty on a page"
    assert ann.get("/results/?q=%25").text.count("No row fits") == 1, "a sign, not a pattern"
    assert ann.get("/results/?q=r_room").text.count("<tr") == 2
    older = ann.get("/results/").text.split("before=")[1].split('"')[0]
    assert ann.get(f"/results/?before={older}").text.count("<tr") == 22
    page = ann.get("/results/71").text
    assert "7 to 8, ann" in page
    assert ann.get("/results/999").status_code == 404


def test_downloads_say_what_the_files_say(office: WebOffice) -> None:
    office.drop("exam.jpg", sheet(row(1), row(2)))
    office.settle()
    ann = office.operator()
    (file,) = office.settings.results.glob("*.csv")
    answer = ann.get("/results/csv/1")
    assert answer.text == file.read_text()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file.name}"'
    book = openpyxl.load_workbook(io.BytesIO(ann.get("/results/xlsx?form=exam").data))
    assert [cell.value for cell in book["exam"]["F"]] == ["roll", "0001", "0002"]
    assert ann.get("/results/csv/9").status_code == 404
    assert ann.get("/results/xlsx?form=../../etc").status_code == 404


def test_the_picture_of_a_page_in_review_is_the_workers_own_file(painted: WebOffice) -> None:
    review = painted.in_review(doubt(3))
    ann = painted.operator()
    page = ann.get(f"/review/{review.review}").text
    assert f'<image href="/review/{review.review}/sheet.jpg"' in page
    picture = ann.get(f"/review/{review.review}/sheet.jpg")
    assert picture.content_type == "image/jpeg"
    assert picture.data.startswith(b"\xff\xd8")
    assert ann.get("/review/99/sheet.jpg").status_code == 404


def test_a_row_shows_its_scan_from_the_archive(painted: WebOffice) -> None:
    painted.drop("exam.jpg", sheet(row(1)))
    painted.settle()
    ann = painted.operator()
    (scan,) = (path for path in painted.settings.archive.rglob("*") if path.is_file())
    assert ann.get("/results/1/sheet.jpg").status_code == 404, "what cannot be decoded is no picture"
    scan.write_bytes(sheet_jpeg({"roll": "0001"}))
    assert ann.get("/results/1/sheet.jpg").data.startswith(b"\xff\xd8")
    scan.unlink()
    assert ann.get("/results/1/sheet.jpg").status_code == 200, "decoded once"


def test_the_last_sheets_have_small_pictures_and_lead_to_where_they_are_handled(painted: WebOffice) -> None:
    painted.drop("first.jpg", sheet(row(1)))
    painted.drop("second.jpg", sheet(row(2)))
    painted.settle()
    review = painted.in_review(doubt(3), name="third.jpg")
    (first,) = painted.settings.archive.rglob("first.jpg")
    for scan in (first, painted.settings.state / "work" / review.folder / "scan.jpg"):
        scan.write_bytes(sheet_jpeg({"roll": "0001"}))
    ann = painted.operator()
    page = ann.get("/").text
    assert '<a href="/results/1">first.jpg</a>' in page
    assert f'<a href="/review/{review.review}">third.jpg</a>' in page
    pictures = [ann.get(source) for source in re.findall(r'<img class="small-sheet" src="([^"]+)"', page)]
    shown = {"image/jpeg": b"\xff\xd8", "image/svg+xml": b"<svg"}
    assert [picture.content_type for picture in pictures] == [
        "image/jpeg",
        "image/svg+xml; charset=utf-8",
        "image/jpeg",
    ]
    assert all(picture.data.startswith(shown[picture.mimetype or ""]) for picture in pictures)
    assert all(len(picture.data) < 20_000 for picture in pictures)
    assert ann.get("/sheets/99/small.jpg").mimetype == "image/svg+xml"


def test_a_page_that_ends_the_process_spoils_no_other_small_picture(
    painted: WebOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted.drop("first.jpg", sheet(row(1)))
    painted.drop("second.jpg", sheet(row(2)))
    painted.settle()

    def decoded(files: list[tuple[Path, int]], _limits: Limits) -> list[bytes | None]:
        if any("second" in file.name for file, _ in files):
            raise WorkerFailure(ReasonCode.UNREADABLE_FILE, "it crashed")
        return [b"picture" for _ in files]

    monkeypatch.setattr(thumbnails, "small_pictures", decoded)
    ann = painted.operator()
    assert ann.get("/sheets/1/small.jpg").data == b"picture"
    assert ann.get("/sheets/2/small.jpg").mimetype == "image/svg+xml"


def test_where_the_fields_lie_is_told_once_the_sheet_was_laid_onto_its_form(
    painted: WebOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = ((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12))
    shown = ShownSheet(jpeg=b"picture", width_px=100, height_px=200, boxes=boxes)
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(pictures, "_shown", pictures._Shown())

    def show(*how: object) -> ShownSheet:
        asked.append(how)
        return shown

    monkeypatch.setattr(pictures, "show_sheet", show)
    painted.drop("exam.jpg", sheet(row(1)))
    painted.settle()
    ann = painted.operator()
    told = ann.get("/results/1/boxes").json
    assert told == {"width": 100, "height": 200, "boxes": {name: list(box) for name, box in zip(
        ("roll", "q1", "total"), boxes, strict=True)}}  # fmt: skip
    assert ann.get("/results/1/sheet.jpg").data == b"picture"
    assert len(asked) == 1, "decoded once for both"
    shown = replace(shown, boxes=())
    monkeypatch.setattr(pictures, "_shown", pictures._Shown())
    assert ann.get("/results/1/boxes").json == {"width": 100, "height": 200, "boxes": {}}
    assert ann.get("/results/9/boxes").status_code == 404


def test_a_ledger_of_an_older_program_gains_what_is_missing(office: WebOffice) -> None:
    office.in_review(doubt(3))
    with office.ledger.transaction() as tx:
        tx.execute("ALTER TABLE pages DROP COLUMN sheet")
    office.restart()
    assert office.operator().get("/review/1").status_code == 200
    assert find_rows(office.ledger, RowSearch(), 5) == []
    assert office.check().review == 1
