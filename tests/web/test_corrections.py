"""A row is corrected after it was written: in the ledger, with who did it, and in its CSV unless that is somebody's."""

from __future__ import annotations

import csv
import io
import os
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.delivery import rolling
from sheetwatch.domain import Web
from sheetwatch.files import exchange
from sheetwatch.ledger import owed, rows_by_file
from sheetwatch.service.export import write_csvs
from sheetwatch.service.health import read_health
from sheetwatch.service.report import report_of
from sheetwatch.service.site import LEDGER_NAME
from support.office import doubt, office_settings, row, sheet
from web.web_office import WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from werkzeug.test import TestResponse

    from sheetwatch.delivery.rolling import Delivered, Known
    from web.web_office import Visitor


@pytest.fixture
def office(tmp_path: Path) -> Iterator[WebOffice]:
    """An office with three rows in its CSV."""
    with WebOffice(settings=replace(office_settings(tmp_path), web=Web(undo_s=0))) as office:
        office.drop("exam.jpg", sheet(row(1), row(2), row(3)))
        office.settle()
        yield office


def the_csv(office: WebOffice) -> Path:
    (path,) = office.settings.results.glob("*.csv")
    return path


def form_of(visitor: Visitor, number: int) -> dict[str, str]:
    """The form as a browser would send it back."""
    page = visitor.get(f"/results/{number}").text
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen is not None
    return {"seen": seen[1], **dict(re.findall(r'name="(v-\w+)" value="([^"]*)"', page))}


def correct(visitor: Visitor, number: int, **typed: str) -> TestResponse:
    values = {f"v-{name}": value for name, value in typed.items()}
    return visitor.post(f"/results/{number}/correct", {**form_of(visitor, number), **values})


def check_export(office: WebOffice, *, but: tuple[str, ...] = ()) -> None:
    """`export` is what the ledger says, and the files are what `export` makes."""
    out = office.settings.state.parent / "out"
    write_csvs(rows_by_file(office.ledger), out, lambda _: None)
    for path in out.iterdir():
        if path.name not in but:
            assert path.read_bytes() == (office.settings.results / path.name).read_bytes(), path.name


def test_a_corrected_row_stands_in_the_ledger_and_in_the_csv(office: WebOffice) -> None:
    path, ann = the_csv(office), office.operator()
    before = path.read_text().splitlines()
    shown = ann.follow(correct(ann, 2, q1="8½", total="8.5"))
    assert "Saved: q1 7 to 8.5, total 7 to 8.5" in shown
    assert "7 to 8.5, ann" in shown
    office.settle(3)
    after = path.read_text().splitlines()
    assert (after[0], after[1], after[3]) == (before[0], before[1], before[3])
    cells = after[2].split(",")
    assert cells[:4] == before[2].split(",")[:4], "the sheet, when it was read, its scan and its page stay"
    assert cells[4:] == ["corrected", "0002", "8.5", "8.5", "0.9991"], "as sure as what nobody has looked at"
    assert office.names(office.settings.results) == [path.name], "nothing was kept aside: nobody altered it"
    assert owed(office.ledger).nothing
    check_export(office)
    assert office.settle(40).rows == 3
    assert not office.logged("csv_made_again")
    assert len(office.logged("csv_corrected")) == 1


def test_every_change_is_kept_and_can_be_downloaded(office: WebOffice) -> None:
    ann, bob = office.operator("ann"), office.operator("=bob")
    correct(ann, 2, q1="8")
    correct(bob, 2, q1="9", total="-")
    lines = list(csv.DictReader(io.StringIO(ann.get("/results/corrections.csv").text)))
    assert [(one["by"], one["field"], one["was"], one["became"]) for one in lines] == [
        ("ann", "q1", "7", "8"),
        ("'=bob", "q1", "8", "9"),
        ("'=bob", "total", "7", ""),
    ]
    assert {one["sheet_id"] for one in lines} == {"20260302-00001-p1"}
    assert "<td>0002</td>" in ann.get("/results/?status=corrected").text
    assert "<td>0001</td>" not in ann.get("/results/?status=corrected").text
    assert "<td>0002</td>" not in ann.get("/results/?status=auto").text


def test_a_value_that_is_changed_back_leaves_the_file_as_it_was(office: WebOffice) -> None:
    path, ann = the_csv(office), office.operator()
    correct(ann, 2, q1="8")
    correct(ann, 2, q1="7")
    office.settle(3)
    assert path.read_text().splitlines()[2].split(",")[4:8] == ["corrected", "0002", "7", "7"]
    check_export(office)


def test_a_csv_of_an_earlier_day_is_made_again_where_nobody_touched_it(office: WebOffice) -> None:
    path = the_csv(office)
    office.clock.advance(3 * 86400)
    office.settle(5)
    correct(office.operator(), 1, q1="9")
    office.settle(3)
    assert path.read_text().splitlines()[1].split(",")[6] == "9"
    check_export(office)
    health = read_health(office.settings.state)
    assert health is not None
    assert not health.notices


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("exam.jpg", "Exam A"))


def edit_keeping_its_looks(path: Path) -> None:
    status = path.stat()
    path.write_text(path.read_text().replace("exam.jpg", "mine.jpg"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def move(path: Path) -> None:
    path.rename(path.parent.parent / "moved.csv")


@pytest.mark.parametrize("touch", [edit, edit_keeping_its_looks, move])
def test_a_csv_of_an_earlier_day_that_somebody_touched_is_theirs(office: WebOffice, touch: object) -> None:
    path = the_csv(office)
    office.clock.advance(3 * 86400)
    office.settle(5)
    assert callable(touch)
    touch(path)
    theirs = path.read_bytes() if path.exists() else None
    correct(office.operator(), 1, q1="9")
    office.settle(40)
    assert (path.read_bytes() if path.exists() else None) == theirs
    assert office.names(office.settings.results) == ([path.name] if theirs else [])
    health = read_health(office.settings.state)
    assert health is not None
    (notice,) = health.notices
    assert f"a row of {path.name} was corrected later" in notice
    assert "sheetwatch export" in notice
    assert owed(office.ledger).nothing
    (file,) = rows_by_file(office.ledger)
    assert next(iter(file.lines)).split(",")[6] == "9", "export has it"


def test_todays_csv_that_somebody_edited_is_kept_aside_and_made_again_corrected(office: WebOffice) -> None:
    path = the_csv(office)
    edit(path)
    theirs = path.read_bytes()
    correct(office.operator(), 1, q1="9")
    office.settle(40)
    assert path.read_text().splitlines()[1].split(",")[6] == "9"
    assert path.with_name(f"{path.stem}.altered-1.csv").read_bytes() == theirs
    check_export(office)


def test_of_two_operators_the_first_wins_and_the_second_is_told(office: WebOffice) -> None:
    ann, bob = office.operator("ann"), office.operator("bob")
    seen_by_bob = form_of(bob, 2)
    correct(ann, 2, q1="8")
    answer = bob.post("/results/2/correct", {**seen_by_bob, "v-total": "9"})
    told = bob.follow(answer)
    assert "changed meanwhile" in told
    assert "by ann" in told
    assert "Nothing was changed by you" in told
    office.settle(3)
    assert office.csv_lines()[1].split(",")[6:8] == ["8", "7"]


def test_what_is_impossible_unchanged_or_a_taken_key_is_said(office: WebOffice) -> None:
    ann = office.operator()
    answer = correct(ann, 2, q1="11")
    assert answer.status_code == 422
    assert "not possible here: 0 to 10" in answer.text
    assert correct(ann, 2, roll="-").status_code == 422, "it must not be empty"
    assert "Nothing was changed" in ann.follow(correct(ann, 2))
    asked = correct(ann, 2, roll="0003")
    assert asked.status_code == 422
    assert "has 0003 already" in asked.text
    mark = asked.text.split('name="confirmed" value="')[1].split('"')[0]
    form = {**form_of(ann, 2), "v-roll": "0003"}
    assert ann.post("/results/2/correct", {**form, "confirmed": "made up"}).status_code == 422
    assert ann.post("/results/2/correct", {**form, "confirmed": mark}).status_code == 303
    assert ann.post("/results/99/correct", form).status_code == 404
    office.settle(3)
    assert [line.split(",")[5] for line in office.csv_lines()] == ["0001", "0003", "0003"]


def test_a_key_that_was_corrected_is_free_again(office: WebOffice) -> None:
    correct(office.operator(), 2, roll="0077")
    office.drop("again.jpg", sheet(row(2), row(77)))
    counts = office.settle()
    assert (counts.rows, counts.review) == (4, 1), "0002 is free, 0077 is taken"


def test_a_row_of_review_is_corrected_too(office: WebOffice) -> None:
    review = office.in_review(doubt(9), name="other.jpg")
    ann = office.operator()
    ann.post(f"/review/{review.review}/accept", {"v-q1": "7", "v-roll": "0009", "v-total": "7"})
    correct(ann, 4, total="8")
    office.settle(3)
    assert office.csv_lines()[3].split(",")[4:8] == ["corrected", "0009", "7", "8"]


def test_corrected_while_it_is_being_written(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the moment when the daemon asks for the line and the one when it notes it as delivered."""
    ann, deliver = office.operator(), rolling.deliver

    def meanwhile(path: Path, known: Known, lines: list[str]) -> Delivered:
        done = deliver(path, known, lines)
        if lines:
            assert correct(ann, 4, q1="3").status_code == 303
        return done

    monkeypatch.setattr(rolling, "deliver", meanwhile)
    office.drop("more.jpg", sheet(row(4)))
    office.settle()
    assert [line.split(",")[6] for line in office.csv_lines()] == ["7", "7", "7", "3"]
    assert not office.logged("csv_made_again")
    check_export(office)


def test_corrected_once_more_while_the_file_is_made_again(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, rewrite, typed = office.operator(), rolling.rewrite, ["9", "8"]
    correct(ann, 2, q1="6")

    def meanwhile(path: Path, before: bytes, after: bytes) -> Delivered | None:
        done = rewrite(path, before, after)
        if typed:
            correct(ann, 2, q1=typed.pop())
        return done

    monkeypatch.setattr(rolling, "rewrite", meanwhile)
    office.settle(5)
    assert [line.split(",")[6] for line in office.csv_lines()] == ["7", "9", "7"]
    assert not office.logged("csv_made_again")
    check_export(office)


def test_killed_after_the_file_was_made_again(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite = rolling.rewrite
    correct(office.operator(), 2, q1="6")

    def die(path: Path, before: bytes, after: bytes) -> Delivered | None:
        rewrite(path, before, after)
        raise KeyboardInterrupt

    monkeypatch.setattr(rolling, "rewrite", die)
    with pytest.raises(KeyboardInterrupt):
        office.service.step()
    monkeypatch.undo()
    assert owed(office.ledger).rows == 1
    office.restart()
    office.settle(5)
    assert office.csv_lines()[1].split(",")[6] == "6"
    assert office.names(office.settings.results) == [the_csv(office).name]
    assert owed(office.ledger).nothing


def test_what_somebody_saves_this_moment_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "exam.csv"
    path.write_bytes(b"before\n")

    def save_first(one: Path, other: Path) -> bool:
        monkeypatch.setattr(rolling, "exchange", exchange)
        path.write_bytes(b"theirs\n")
        return exchange(one, other)

    monkeypatch.setattr(rolling, "exchange", save_first)
    assert rolling.rewrite(path, b"before\n", b"after\n") is None
    assert [one.name for one in tmp_path.iterdir()] == ["exam.csv"]
    assert path.read_bytes() == b"theirs\n"


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_file_is_exchanged_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool) -> None:
    path = tmp_path / "exam.csv"
    path.write_bytes(b"before\n")
    monkeypatch.setattr(rolling, "exchange", exchange if can_exchange else lambda *_: False)
    done = rolling.rewrite(path, b"before\n", b"after\n")
    assert done is not None
    assert path.read_bytes() == b"after\n"
    assert rolling.rewrite(path, b"before\n", b"after\n") == done, "done twice is done once"
    assert rolling.rewrite(path, b"before\n", b"other\n") is None
    assert rolling.rewrite(tmp_path / "none.csv", b"before\n", b"after\n") is None
    assert [one.name for one in tmp_path.iterdir()] == ["exam.csv"]


def test_status_looks_at_a_ledger_that_an_older_program_made(office: WebOffice) -> None:
    office.close()
    with closing(sqlite3.connect(office.settings.state / LEDGER_NAME)) as tables:
        tables.execute("DROP INDEX rows_rewritten")
        tables.execute("ALTER TABLE rows DROP COLUMN written")
    assert report_of(office.settings, last=5).owed.nothing
    office._open()
    office.clock.at += timedelta(seconds=1)
    assert correct(office.operator(), 1, q1="6").status_code == 303
    office.settle(3)
    assert office.csv_lines()[0].split(",")[6] == "6"
