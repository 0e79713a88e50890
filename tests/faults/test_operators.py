"""Review sheets as programs save them, and two operators on one page: taken right or asked again; the first one wins.

In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_operators.py
"""

from __future__ import annotations

import csv
import itertools
from typing import TYPE_CHECKING

import pytest

from sheetwatch.delivery.answers import Answer, AnswerError, Discard, answer_sheet, interpret, read_answer
from sheetwatch.domain import Field, FieldKind, Reading, Reason, ReasonCode, State, UsageError
from sheetwatch.ledger import OpenReview, open_reviews
from sheetwatch.ledger.records import Decider
from sheetwatch.service import decisions
from sheetwatch.service.terminal import Desk
from support.amount import amount
from support.office import FIELDS, Office, doubt, office_settings, row, sheet
from support.spreadsheets import Rows, rows_of, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READINGS = {
    "roll": Reading(value="0012", state=State.WRITTEN, probability=0.999),
    "q1": Reading(value="7", state=State.WRITTEN, probability=0.6),
    "total": Reading(value="", state=State.EMPTY, probability=0.99),
}
REASONS = (Reason(code=ReasonCode.LOW_CONFIDENCE, field="q1", detail="7 or 1"),)
PLAIN = [line.split(",") for line in answer_sheet(FIELDS, READINGS, REASONS).splitlines()]


def answered(said: dict[str, str]) -> Rows:
    return [PLAIN[0]] + [[*line[:3], said.get(line[0], line[3])] for line in PLAIN[1:]]


def read(data: bytes) -> Answer | Discard | None:
    return read_answer(data, FIELDS, READINGS, REASONS)


# What an operator may mean, with every way in which a program may save it.
MEANT = {
    "7.5": ("7.5", "7,5", "=7,5", '="7,5"', "7½", " 7.50 ", "07.5", "'7.5"),
    "10": ("10", "10.0", "10,00", "=10", "010"),
    "0": ("0", "0,0", "00"),
    "0.5": ("½", "0,5", "0½"),
    "7": ("ok", "OK", "Ok"),
    "": ("-",),
}
LAYOUTS: dict[str, tuple[list[int], list[str]]] = {
    "as it was": ([0, 1, 2, 3], []),
    "reordered": ([3, 2, 0, 1], []),
    "a column deleted": ([0, 3], []),
    "columns added": ([0, 1, 2, 3], ["", "by", "ann's note"]),
}


def saved(rows: Rows, layout: str, *, delimiter: str, line_end: str, quoting: int, encoding: str, tail: int) -> bytes:
    order, more = LAYOUTS[layout]
    laid_out = [[line[place] for place in order] for line in rows]
    wide = [laid_out[0] + more] + [line + ["" for _ in more] for line in laid_out[1:]]
    empty = [["" for _ in wide[0]] for _ in range(tail)]
    return table(wide + empty, delimiter=delimiter, line_end=line_end, quoting=quoting).encode(encoding)


def test_every_way_of_saving_a_sheet_gives_the_values_that_were_typed() -> None:
    formats = list(
        itertools.product(
            LAYOUTS,
            (",", ";", "\t"),
            ("\r\n", "\n", "\r"),
            (csv.QUOTE_MINIMAL, csv.QUOTE_ALL),
            ("utf-8", "utf-8-sig", "utf-16", "cp1252"),
            (0, 9),
        )
    )
    cases = 0
    for value, spellings in MEANT.items():
        for spelling in spellings:
            rows = answered({"q1": spelling, "total": "19"})
            for layout, delimiter, line_end, quoting, encoding, tail in formats[:: amount(3, 1)]:
                data = saved(
                    rows,
                    layout,
                    delimiter=delimiter,
                    line_end=line_end,
                    quoting=quoting,
                    encoding=encoding,
                    tail=tail,
                )
                answer = read(data)
                assert isinstance(answer, Answer), data
                assert answer.values == {"roll": "0012", "q1": value, "total": "19"}, data
                cases += 1
    print(f"{cases} saved sheets: {cases} taken right")


def test_a_sheet_cut_anywhere_gives_all_values_or_none() -> None:
    """Saved half, in any encoding; and cut and filled up with zeros, as a crash leaves a file on some disks."""
    cases = taken = 0
    for encoding, delimiter, line_end, quoting in itertools.product(
        ("utf-8", "utf-8-sig", "utf-16", "cp1252"), (",", ";", "\t"), ("\r\n", "\n"), (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    ):
        rows = answered({"q1": "7½", "total": "10", "roll": "0013"})
        whole = saved(
            rows, "as it was", delimiter=delimiter, line_end=line_end, quoting=quoting, encoding=encoding, tail=0
        )
        for length in range(0, len(whole), amount(3, 1)):
            for data in (whole[:length], whole[:length].ljust(len(whole), b"\0"), whole[:length] + b"\n"):
                cases += 1
                try:
                    answer = read(data)
                except AnswerError:
                    continue
                if answer is not None:
                    assert isinstance(answer, Answer), data
                    assert answer.values == {"roll": "0013", "q1": "7.5", "total": "10"}, data
                    taken += 1
    print(f"{cases} cut sheets: {taken} held everything still and were taken, {cases - taken} asked again")
    assert taken < cases / 50


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"field,read,probability,correct,correct\nroll,,,,\nq1,7,0.6,5,\ntotal,,,,\n(whole sheet),,,,\n", "each once"),
        (b"field,read,correct,note\nroll,,,\nq1,7,7,5,\ntotal,,,\n(whole sheet),,,\n", "write 7.5, not 7,5"),
        (b"field,read,correct,note\nroll,,,\nq1,7,7,5\ntotal,,,\n(whole sheet),,,\n", "write 7.5, not 7,5"),
        (b"field,correct,read,probability\nroll,,,\nq1,7,5,,\ntotal,,,\n(whole sheet),,,\n", "write 7.5, not 7,5"),
        (b"field;correct\nroll;\nq1;07. Mai\ntotal;\n(whole sheet);\n", "is not a number"),
        (b"field;correct\nroll;1,2E+11\nq1;7\ntotal;\n(whole sheet);\n", "not a row of digits"),
        (b"field;correct\nroll;12\nq1;7\ntotal;\n(whole sheet);\n", "2 digits, not 4"),
        (b"field;correct\nroll;\nq1;7\n(whole sheet);\n", "lines are missing"),
        (b"field;correct\n01. Jan;\nq1;7\ntotal;\n(whole sheet);\n", "there is no field 01. Jan"),
        ("field;correct\nroll;\nq1;7½\ntotal;\n(whole sheet);\n".encode("cp850"), "is not a number"),
        ("field;correct\nroll;\nq1;7\n".encode("utf-16-le"), "must name the columns"),
        (b"\nfield;correct\nroll;\nq1;7\ntotal;\n(whole sheet);\n", "first line is empty"),
        (b"field,correct\nroll,\nq1,5\ntotal,\n(whole sheet),\n(whole sheet),\n", "there twice"),
        (b"field|correct\nroll|\nq1|5\n", "must name the columns"),
        (b"'field','correct'\n'q1','5'\n", "must name the columns"),
        (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0", "must name the columns"),
    ],
)
def test_what_could_be_taken_wrong_is_asked_again(data: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        read(data)


def test_zeros_that_a_spreadsheet_ate_are_asked_for_where_a_number_has_no_fixed_length() -> None:
    fields = (Field(name="case", kind=FieldKind.DIGITS),)
    readings = {"case": Reading(value="0012", state=State.WRITTEN, probability=0.6)}
    with pytest.raises(AnswerError, match="may have lost its zeros in a spreadsheet"):
        interpret({"case": "13"}, fields, readings, ["case"])
    for said, value in (("'0013", "0013"), ("ok 13", "13"), ("12345", "12345"), ("ok", "0012")):
        assert interpret({"case": said}, fields, readings, ["case"]).values == {"case": value}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(settings=office_settings(tmp_path)) as office:
        yield office


def in_review(office: Office) -> OpenReview:
    office.drop("exam.jpg", sheet(doubt(3)))
    office.settle()
    (review,) = open_reviews(office.ledger)
    return review


def fill_in(folder: Path, stem: str, value: str) -> bytes:
    """Type a value into a sheet of the review folder, and save it as German Excel does."""
    path = folder / f"{stem}.review.csv"
    rows = [[*line[:3], value if line[0] == "q1" else line[3]] for line in rows_of(path)]
    data = table(rows, delimiter=";").encode("utf-8-sig")
    path.write_bytes(data)
    return data


def too_late(office: Office, review: OpenReview) -> tuple[bytes, str]:
    """The answer that was kept, and what its writer is told."""
    (kept,) = office.settings.review.glob("*.too-late*.csv")
    assert kept.name.startswith(review.stem)
    return kept.read_bytes(), " ".join(kept.with_suffix(".txt").read_text().split())


@pytest.mark.parametrize("saved_after_s", [-3, 0, 60])
def test_a_sheet_after_the_terminal_is_told(office: Office, saved_after_s: int) -> None:
    """Saved a moment before the other's decision, at once after it, and by a program that had it open for long."""
    review = in_review(office)
    path = office.settings.review / f"{review.stem}.review.csv"
    original = path.read_bytes()
    if saved_after_s < 0:
        data = fill_in(office.settings.review, review.stem, "5")
        office.run_for(-saved_after_s)
    with Desk.open(office.settings) as desk:
        desk.accept(review.stem, {"q1": "6"}, by="ann")
    if saved_after_s >= 0:
        office.run_for(saved_after_s)
        path.write_bytes(original)
        data = fill_in(office.settings.review, review.stem, "5")
    assert office.settle(20).rows == 1
    assert ",corrected,0003,6,7," in office.csv_lines()[0]
    kept, text = too_late(office, review)
    assert kept == data
    assert f"the page {review.stem} was already corrected by ann, terminal on 20" in text
    assert "NOT used" in text
    assert not path.exists()


def test_the_terminal_after_a_sheet_is_told(office: Office) -> None:
    review = in_review(office)
    fill_in(office.settings.review, review.stem, "5")
    office.settle()
    with Desk.open(office.settings) as desk, pytest.raises(Exception, match=r"already corrected by \S+, review CSV on"):
        desk.accept(review.stem, {"q1": "6"}, by="ann")
    assert ",corrected,0003,5,7," in office.csv_lines()[0]
    assert not office.names(office.settings.review)


def test_whoever_loses_by_an_instant_hears_of_the_winner_not_of_a_key_that_is_there_twice(office: Office) -> None:
    review = in_review(office)
    assert review.form
    answer = interpret({"q1": "5"}, review.form.fields, review.readings, ["q1"])
    who = Decider(at=office.clock.now(), by="ann", via="terminal")
    decisions.accept(office.site, review, review.form, answer, who)
    with pytest.raises(UsageError, match="already corrected by ann, terminal"):
        decisions.accept(office.site, review, review.form, answer, who)


def test_a_sheet_after_the_page_was_moved_back_is_told(office: Office) -> None:
    review = in_review(office)
    page = office.settings.review / str(review.page_name)
    page.unlink()
    (office.inbox / page.name).write_bytes(sheet(row(3, "8")))
    office.run_for(4)
    data = fill_in(office.settings.review, review.stem, "5")
    assert office.settle(20).rows == 1
    assert ",auto,0003,8,7," in office.csv_lines()[0]
    kept, text = too_late(office, review)
    assert kept == data
    assert "was already returned by inbox on" in text


def test_a_sheet_saved_while_the_page_is_read_again_is_told_and_asked_anew(office: Office) -> None:
    """The page comes back into review under its own name, with a new sheet in the place of the older answer."""
    review = in_review(office)
    folder = office.settings.review
    sheet_file = folder / f"{review.stem}.review.csv"
    older = sheet_file.read_bytes()
    (folder / str(review.page_name)).rename(office.inbox / str(review.page_name))
    office.worker.fault = OSError(5, "busy")
    office.run_for(12)
    assert not sheet_file.exists(), "read again, not yet in review again"
    sheet_file.write_bytes(older)
    data = fill_in(folder, review.stem, "5")
    office.worker.fault = None
    assert office.settle(20).review == 1
    assert sheet_file.read_bytes() == older
    kept, text = too_late(office, review)
    assert kept == data
    assert "answers an older sheet" in text or "was already returned" in text


def test_a_page_moved_back_after_the_sheet_was_taken_is_told_as_a_duplicate(office: Office) -> None:
    review = in_review(office)
    page = office.settings.review / str(review.page_name)
    fill_in(office.settings.review, review.stem, "5")
    office.run_for(4)
    page.rename(office.inbox / page.name)
    counts = office.settle(20)
    assert (counts.pages_in, counts.rows, counts.review) == (2, 1, 1)
    assert ",corrected,0003,5,7," in office.csv_lines()[0]
    (again,) = open_reviews(office.ledger)
    assert ReasonCode.DUPLICATE_SCAN in {reason.code for reason in again.reasons}
    assert not office.logged("answer_too_late"), "it was taken"


def test_the_same_answer_saved_twice_is_no_second_one(office: Office) -> None:
    review = in_review(office)
    data = fill_in(office.settings.review, review.stem, "5")
    office.settle()
    (office.settings.review / f"{review.stem}.review.csv").write_bytes(data)
    office.settle(20)
    assert not office.names(office.settings.review)
    assert not office.logged("answer_too_late")


def test_decisions_while_no_daemon_runs_are_met_at_the_next_start(office: Office) -> None:
    office.drop("exam.jpg", sheet(doubt(3), doubt(4), doubt(5)))
    office.settle()
    by_sheet, by_both, moved = open_reviews(office.ledger)
    folder = office.settings.review
    office.close()
    fill_in(folder, by_sheet.stem, "5")
    data = fill_in(folder, by_both.stem, "5")
    with Desk.open(office.settings) as desk:
        desk.accept(by_both.stem, {"q1": "6"}, by="ann")
    (folder / str(moved.page_name)).unlink()
    (office.inbox / str(moved.page_name)).write_bytes(sheet(row(5, "8")))
    office._open()
    assert office.settle(20).rows == 3
    assert sorted(line.split(",")[5:7] for line in office.csv_lines()) == [["0003", "5"], ["0004", "6"], ["0005", "8"]]
    (kept,) = folder.glob("*.too-late.csv")
    assert kept.read_bytes() == data


@pytest.mark.parametrize("name", ["{}.review.xlsx", "{}.review (1).csv", "{}.review.csv.txt"])
def test_an_answer_saved_under_another_name_is_pointed_out(office: Office, name: str) -> None:
    review = in_review(office)
    (office.settings.review / name.format(review.stem)).write_bytes(b"PK")
    (office.settings.review / f".~lock.{review.stem}.review.csv#").write_bytes(b",ann")
    assert office.settle(20).review == 1
    text = " ".join((office.settings.review / f"{review.stem}.review.txt").read_text().split())
    assert f"is not read; save the answer as CSV, as {review.stem}.review.csv" in text
    assert len(office.logged("answer_refused")) == 1
    fill_in(office.settings.review, review.stem, "5")
    assert office.settle().rows == 1


def test_a_sheet_that_is_replaced_this_moment_pauses_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    review = in_review(office)
    fill_in(office.settings.review, review.stem, "5")

    def vanish(_: object) -> bytes:
        raise FileNotFoundError(2, "gone")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.read_bytes", vanish)
        office.run_for(8)
    assert not office.logged("intake_paused")
    assert office.settle(20).rows == 1
