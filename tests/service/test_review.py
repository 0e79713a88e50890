"""The three ways out of review; all end in the same ledger entry."""

from __future__ import annotations

import csv
import errno
import io
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.ledger import OpenReview, open_reviews
from sheetwatch.service import decisions, lock
from sheetwatch.service.deliveries import Deliveries
from sheetwatch.service.terminal import Desk
from support.office import TEMPLATE, Office, doubt, row, sheet

if TYPE_CHECKING:
    from collections.abc import Mapping


def in_review(office: Office, *pages: str) -> OpenReview:
    office.drop("exam.jpg", sheet(*pages))
    office.settle()
    return open_reviews(office.ledger)[0]


def answer(office: Office, review: OpenReview, said: Mapping[str, str], delimiter: str = ",", bom: str = "") -> Path:
    path = office.settings.review / f"{review.stem}.review.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    for line in rows:
        writer.writerow({**line, "correct": said.get(line["field"], line["correct"])})
    path.write_bytes((bom + text.getvalue()).encode())
    return path


@pytest.mark.parametrize(("delimiter", "bom"), [(",", ""), (";", "\ufeff"), ("\t", "\ufeff")])
def test_values_typed_into_the_sheet_make_a_corrected_row(office: Office, delimiter: str, bom: str) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "7,5" if delimiter != "," else "7½"}, delimiter, bom)
    counts = office.settle()
    assert (counts.rows, counts.review, counts.pages_in) == (1, 0, 1)
    (line,) = office.csv_lines()
    assert line.split(",")[4:] == ["corrected", "0003", "7.5", "7", "0.9991"]
    assert not office.names(office.settings.review)
    assert len(office.names(office.settings.archive)) == 1


def test_names_and_commands_stand_on_one_line_as_a_shell_takes_them(office: Office) -> None:
    name = "Exam 3; room (B) & C - the group of the winter term 2025 that came late because of the snow.jpg"
    office.drop(name, sheet(doubt(3)))
    office.settle()
    (review,) = open_reviews(office.ledger)
    text = (office.settings.review / f"{review.stem}.review.txt").read_text()
    stem = shlex.quote(review.stem)
    for unbroken in (
        f'"{name}"',
        str(review.page_name),
        f"{review.stem}.review.csv",
        f"sheetwatch review accept {stem} q1=VALUE",
        f"sheetwatch review discard {stem}",
    ):
        assert unbroken in text


def test_an_untouched_or_unfinished_sheet_is_no_answer(office: Office) -> None:
    review = in_review(office, doubt(3))
    path = answer(office, review, {})
    assert "?" in path.read_text()
    assert office.settle(30).review == 1
    answer(office, review, {"total": "8"})
    assert office.settle(30).review == 1
    assert not office.logged("answer_refused")


def test_ok_confirms_and_a_dash_says_nothing_is_there(office: Office) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "ok", "total": "-"})
    office.settle()
    assert office.csv_lines()[0].split(",")[4:8] == ["corrected", "0003", "7", ""]


@pytest.mark.parametrize("wrong", ["11", "7.3", "seven", "-1"])
def test_an_impossible_value_is_explained_beside_the_page(office: Office, wrong: str) -> None:
    review = in_review(office, doubt(3))
    path = answer(office, review, {"q1": wrong})
    assert office.settle().review == 1
    text = (office.settings.review / f"{review.stem}.review.txt").read_text()
    assert "COULD NOT BE TAKEN" in text
    assert f"q1: '{wrong}'" in text
    assert wrong in path.read_text(), "what the operator typed stays"
    answer(office, review, {"q1": "6"})
    assert office.settle().rows == 1


def test_leading_zeros_lost_by_a_spreadsheet_are_noticed(office: Office) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "ok", "roll": "12"})
    office.settle()
    assert "2 digits, not 4" in (office.settings.review / f"{review.stem}.review.txt").read_text()
    answer(office, review, {"q1": "ok", "roll": "'0012"})
    assert office.settle().rows == 1
    assert ",0012," in office.csv_lines()[0]


def test_discard_in_the_last_line_drops_the_page(office: Office) -> None:
    review = in_review(office, "foreign")
    answer(office, review, {"(whole sheet)": "discard"})
    assert office.settle().dropped_by == {"discarded": 1}
    assert len(office.names(office.settings.archive)) == 1


def test_a_key_that_another_sheet_has_is_confirmed_with_its_value(office: Office) -> None:
    office.drop("first.jpg", sheet(row(1)))
    office.settle()
    office.drop("again.jpg", sheet(row(1), row(2)))
    office.settle()
    waiting = {review.page_index: review for review in open_reviews(office.ledger)}
    assert sorted(waiting) == [0]
    assert [reason.field for reason in waiting[0].reasons] == ["roll"]
    answer(office, waiting[0], {"roll": "0001"})
    office.settle()
    assert "write: ok 0001" in (office.settings.review / f"{waiting[0].stem}.review.txt").read_text()
    answer(office, waiting[0], {"roll": "ok 0001"})
    assert office.settle().rows == 3


def test_ok_is_enough_where_the_review_said_that_the_key_is_there_twice(office: Office) -> None:
    office.drop("first.jpg", sheet(row(1)))
    office.settle()
    review = in_review(office, row(1), row(2))
    answer(office, review, {"roll": "ok"})
    assert office.settle().rows == 3


def test_ok_for_an_unclear_key_hides_no_other_sheet_with_it(office: Office) -> None:
    review = in_review(office, row(1).replace("row", "unclear-roll", 1))
    office.drop("later.jpg", sheet(row(1, "9")))
    assert office.settle().rows == 1
    answer(office, review, {"roll": "ok"})
    counts = office.settle()
    assert (counts.rows, counts.review) == (1, 1)
    assert "write: ok 0001" in (office.settings.review / f"{review.stem}.review.txt").read_text()


def test_a_sheet_without_doubtful_fields_needs_one_ok(office: Office) -> None:
    office.worker.template = replace(TEMPLATE, key=None)
    office.drop("first.jpg", sheet(row(1)))
    office.settle()
    review = in_review(office, row(1))
    sheet_file = answer(office, review, {"q1": "8"})
    assert sheet_file.read_text().count("?") == 1
    assert office.settle().rows == 1, "the one word is still missing"
    answer(office, review, {"(whole sheet)": "ok"})
    assert office.settle().rows == 2


def test_the_page_moved_back_is_read_again_and_counted_once(office: Office) -> None:
    review = in_review(office, row(1), doubt(3), row(2))
    page = office.settings.review / str(review.page_name)
    page.rename(office.inbox / page.name)
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.review) == (3, 2, 1), "read again, in doubt again"
    (again,) = open_reviews(office.ledger)
    assert (again.sheet_id, again.stem) == (review.sheet_id, review.stem)
    page.unlink()
    (office.inbox / page.name).write_bytes(sheet(row(3)))
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.review) == (3, 3, 0)
    assert not office.names(office.settings.review)
    assert len(office.names(office.settings.archive)) == 2, "the scan, and the better page; not the unchanged one"
    assert not list(office.site.work.iterdir())


def test_a_page_moved_back_under_another_name_is_known_by_its_content(office: Office) -> None:
    review = in_review(office, doubt(3))
    (office.settings.review / str(review.page_name)).rename(office.inbox / "Copy of it.jpg")
    counts = office.settle()
    assert (counts.pages_in, counts.review) == (1, 1)


def test_everything_moved_back_leaves_no_litter(office: Office) -> None:
    review = in_review(office, doubt(3))
    for path in list(office.settings.review.iterdir()):
        path.rename(office.inbox / path.name)
    counts = office.settle()
    assert (counts.pages_in, counts.review) == (1, 1)
    assert len(office.names(office.settings.review)) == 4
    assert not office.names(office.inbox)
    assert review.stem == open_reviews(office.ledger)[0].stem


def test_an_answer_moved_back_with_its_page_is_kept(office: Office) -> None:
    review = in_review(office, doubt(3))
    filled_in = answer(office, review, {"q1": "5"}).rename(office.inbox / f"{review.stem}.review.csv").read_bytes()
    for path in list(office.settings.review.iterdir()):
        path.rename(office.inbox / path.name)
    office.settle()
    (kept,) = office.settings.review.glob("*.too-late.csv")
    assert kept.read_bytes() == filled_in
    assert "NOT" in kept.with_suffix(".txt").read_text()
    assert not office.names(office.inbox)


def test_a_huge_file_in_place_of_a_decided_sheet_is_kept_unread(office: Office) -> None:
    review = in_review(office, doubt(3))
    with Desk.open(office.settings) as desk:
        desk.accept(review.stem, {"q1": "6"}, by="ann")
    with (office.settings.review / f"{review.stem}.review.csv").open("wb") as file:
        file.truncate(1 << 42)
    assert office.settle().rows == 1
    (kept,) = office.settings.review.glob("*.too-late.csv")
    assert kept.stat().st_size == 1 << 42


def test_a_whole_scan_in_place_of_one_that_could_not_be_opened(office: Office) -> None:
    office.drop("exam.pdf", b"broken")
    office.settle()
    (review,) = open_reviews(office.ledger)
    (office.settings.review / str(review.page_name)).unlink()
    (office.inbox / str(review.page_name)).write_bytes(sheet(row(1), row(2)))
    counts = office.settle()
    assert (counts.pages_in, counts.rows, counts.review) == (3, 2, 0)
    assert counts.dropped_by == {"replaced": 1}


def test_files_that_somebody_deleted_from_review_come_back(office: Office) -> None:
    in_review(office, doubt(3))
    names = office.names(office.settings.review)
    for path in list(office.settings.review.iterdir()):
        path.unlink()
    assert office.settle(60).review == 1
    assert office.names(office.settings.review) == names


def test_a_stale_copy_of_a_decided_page_makes_no_second_row(office: Office) -> None:
    review = in_review(office, row(1), doubt(3))
    page = office.settings.review / str(review.page_name)
    copy = page.read_bytes()
    answer(office, review, {"q1": "ok"})
    assert office.settle().rows == 2
    (office.inbox / page.name).write_bytes(copy)
    counts = office.settle()
    assert (counts.rows, counts.review, counts.pages_in) == (2, 1, 3)


def test_the_terminal_decides_beside_the_daemon_and_the_first_decision_wins(office: Office) -> None:
    review = in_review(office, doubt(3))
    with lock.held(office.settings.state), Desk.open(office.settings) as desk:
        assert desk.accept(review.stem, {"q1": "7"}, by="ann").startswith("exam-")
        with pytest.raises(UsageError, match="already corrected by ann, terminal"):
            desk.discard(review.stem, by="bob")
    assert not office.csv_lines(), "the daemon delivers"
    assert office.settle(2).rows == 1
    assert len(office.csv_lines()) == 1


def test_the_terminal_delivers_when_no_daemon_runs(office: Office) -> None:
    review = in_review(office, doubt(3))
    with Desk.open(office.settings) as desk:
        desk.accept(review.stem, {"q1": "-"}, by="ann")
    assert office.csv_lines()[0].split(",")[4:7] == ["corrected", "0003", ""]
    assert not office.names(office.settings.review)
    assert office.nothing_owed


def test_a_decision_of_the_terminal_stands_though_it_cannot_deliver(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = in_review(office, doubt(3))

    def refuse(_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch, Desk.open(office.settings) as desk:
        patch.setattr(Deliveries, "everything", refuse)
        assert desk.accept(review.stem, {"q1": "7"}, by="ann").startswith("exam-")
    assert office.settle().rows == 1
    assert len(office.csv_lines()) == 1


def test_the_terminal_of_another_user_leaves_the_folders_to_the_daemon(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = in_review(office, doubt(3))
    before = office.names(office.settings.state.parent)
    with monkeypatch.context() as patch, Desk.open(office.settings) as desk:
        patch.setattr("os.geteuid", lambda: office.settings.state.stat().st_uid + 1)
        desk.accept(review.stem, {"q1": "-"}, by="ann")
    assert office.names(office.settings.state.parent) == before
    office.restart()
    assert office.settle().rows == 1
    assert len(office.csv_lines()) == 1


def test_a_page_that_no_template_fits_is_given_one_in_the_terminal(office: Office) -> None:
    review = in_review(office, "foreign")
    with Desk.open(office.settings) as desk:
        with pytest.raises(UsageError, match="--template NAME"):
            desk.accept(review.stem, {"roll": "0001"}, by="ann")
        desk.accept(review.stem, {"roll": "0001", "q1": "3", "total": "-"}, by="ann", template=TEMPLATE)
    (line,) = office.csv_lines()
    assert line.split(",")[4:] == ["corrected", "0001", "3", "", "1"]


def test_a_page_that_was_read_is_given_no_other_template(office: Office) -> None:
    review = in_review(office, doubt(3))
    with Desk.open(office.settings) as desk, pytest.raises(UsageError, match=r"read as exam; leave out --template"):
        desk.accept(review.stem, {"q1": "7"}, by="ann", template=replace(TEMPLATE, name="other"))


def test_a_doubtful_field_must_be_given_in_the_terminal_too(office: Office) -> None:
    review = in_review(office, doubt(3))
    with Desk.open(office.settings) as desk, pytest.raises(Exception, match="q1: write the value"):
        desk.accept(review.stem, {"total": "9"}, by="ann")


def test_an_answer_that_a_passing_fault_kept_back_is_taken_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "5"})

    def refuse(*_: Any) -> Any:
        raise EnvironmentFault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(decisions, "accept", refuse)
        assert office.settle(20).review == 1
        assert office.service.faults.current
    assert office.settle(40).rows == 1


def test_an_answer_that_cannot_be_read_is_explained_and_keeps_no_other_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("exam.jpg", sheet(doubt(3), doubt(4)))
    office.settle()
    locked, other = open_reviews(office.ledger)
    locked_file = answer(office, locked, {"q1": "5"})
    answer(office, other, {"q1": "6"})
    read_bytes = Path.read_bytes

    def read_unless_locked(path: Path) -> bytes:
        if path == locked_file:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", read_unless_locked)
        assert office.settle(20).rows == 1
    assert not office.service.faults.current
    assert "correct its rights" in (office.settings.review / f"{locked.stem}.review.txt").read_text()
    answer(office, locked, {"q1": "7½"})
    assert office.settle(20).rows == 2


def test_an_answer_that_the_program_has_a_bug_for_ends_no_daemon(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "5"})

    def stumble(*_: Any) -> Any:
        raise KeyError("q1")

    monkeypatch.setattr(decisions, "accept", stumble)
    assert office.settle(20).review == 1
    assert len(office.logged("program_fault")) == 1


@pytest.mark.parametrize("end", [".review.png", ".review.txt", ".review.csv"])
def test_strange_things_under_our_names_keep_no_scan_waiting(office: Office, end: str) -> None:
    office.drop("exam.jpg", sheet(doubt(3), doubt(4), doubt(5)))
    office.settle()
    folder, dangling, decided = (
        office.settings.review / f"{review.stem}{end}" for review in open_reviews(office.ledger)
    )
    folder.unlink()
    (folder / "mine").mkdir(parents=True)
    dangling.unlink()
    dangling.symlink_to("nowhere")
    with Desk.open(office.settings) as desk:
        for path in (folder, dangling, decided):
            desk.discard(path.name.removesuffix(end), by="ann")
    office.drop("next.jpg", sheet(row(6)))
    assert office.settle(20).rows == 1
    assert not office.service.faults.current
    assert office.nothing_owed
    assert [path.name for path in office.settings.review.iterdir()] == [folder.name]


def test_a_link_in_place_of_a_sheet_is_no_answer(office: Office) -> None:
    review = in_review(office, doubt(3))
    path = answer(office, review, {"q1": "5"})
    for target in (path.rename(path.with_name("elsewhere")), path.with_name("nowhere")):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        assert office.settle(20).review == 1
        assert not office.service.faults.current


def test_an_answer_after_the_decision_changes_nothing(office: Office) -> None:
    review = in_review(office, doubt(3))
    answer(office, review, {"q1": "5"})
    office.run_for(3)
    with Desk.open(office.settings) as desk:
        desk.discard(review.stem, by="ann")
    counts = office.settle()
    assert (counts.rows, counts.dropped) == (0, 1)
