"""A decision of the pages is in the ledger at once, carried out after a while, and taken back until then."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.domain import UsageError, Web
from sheetwatch.ledger import Ledger, accounting, held, open_reviews
from sheetwatch.ledger.retention import forget_before
from sheetwatch.service import decisions
from sheetwatch.service.report import report_of
from sheetwatch.service.site import LEDGER_NAME
from sheetwatch.service.terminal import Desk
from sheetwatch.settings import load_settings
from sheetwatch.web.app import create_app
from support.office import doubt, office_settings, row, sheet
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until
from web.web_office import ADDRESS, Visitor, WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sheetwatch.ledger import OpenReview

VALUES = {"v-q1": "7.5", "v-total": "7"}
UNDO_S = 30


@pytest.fixture
def office(tmp_path: Path) -> Iterator[WebOffice]:
    settings = replace(office_settings(tmp_path), web=Web(undo_s=UNDO_S))
    with WebOffice(settings=settings) as office:
        yield office


def accept(visitor: Visitor, review: OpenReview, **values: str) -> str:
    """Decide a page; returns what is shown next."""
    typed = {**VALUES, "v-roll": review.readings["roll"].value, **values}
    return visitor.follow(visitor.post(f"/review/{review.review}/accept", typed))


def decision_on(page: str) -> str:
    found = re.search(r'name="decision" value="(\d+)"', page)
    assert found is not None, page
    return found[1]


def states(office: WebOffice) -> list[tuple[str, str, str]]:
    with office.ledger.reading() as tx:
        return [tuple(one) for one in tx.execute("SELECT resolution, decided_by, state FROM decisions ORDER BY id")]


def test_a_decision_is_held_counted_and_carried_out_when_its_time_has_come(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    page = accept(ann, review)
    assert "Saved: exam-" in page
    assert "becomes a row of exam" in page
    assert f"for {UNDO_S} s" in page
    counts = office.settle(UNDO_S - 2)
    assert (counts.pages_in, counts.rows, counts.review, counts.decided) == (1, 0, 1, 1)
    assert not office.csv_lines()
    assert len(office.names(office.settings.review)) == 4, "its files are there until nobody can take it back"
    assert "1 decided, to be carried out" in ann.get("/").text
    counts = office.settle(4)
    assert (counts.pages_in, counts.rows, counts.review, counts.decided) == (1, 1, 0, 0)
    (line,) = office.csv_lines()
    assert line.split(",")[4:8] == ["corrected", "0003", "7.5", "7"]
    assert not office.names(office.settings.review)
    assert len(office.names(office.settings.archive)) == 1
    assert states(office) == [("corrected", "ann", "done")]


def test_what_is_undone_waits_again_and_both_stay_on_record(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    page = accept(ann, review)
    assert "q1 7.5" in page
    shown = ann.follow(ann.post("/undo", {"decision": decision_on(page)}))
    assert "Undone: this page waits again" in shown
    assert f"/review/{review.review}/accept" in shown
    counts = office.settle(UNDO_S + 5)
    assert (counts.rows, counts.review, counts.decided) == (0, 1, 0)
    accept(ann, review, **{"v-q1": "7"})
    assert office.settle(UNDO_S + 5).rows == 1
    assert office.csv_lines()[0].split(",")[6] == "7"
    assert states(office) == [("corrected", "ann", "undone"), ("corrected", "ann", "done")]


def test_a_page_that_makes_no_row_is_undone_too(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    page = ann.follow(ann.post(f"/review/{review.review}/discard", {"cause": "blank"}))
    assert "no row (blank)" in page
    ann.post("/undo", {"decision": decision_on(page)})
    assert office.settle(UNDO_S + 5).review == 1
    ann.post(f"/review/{review.review}/discard", {"cause": "blank"})
    assert office.settle(UNDO_S + 5).dropped_by == {"blank": 1}


def test_who_comes_too_late_is_told_and_so_is_who_undoes_for_others(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann, bob = office.operator("ann"), office.operator("bob")
    number = decision_on(accept(ann, review))
    assert "already corrected by ann, web" in bob.follow(bob.post("/undo", {"decision": number}))
    assert "Undo" not in bob.get("/review/all").text
    assert accounting(office.ledger).decided == 1
    office.settle(UNDO_S + 5)
    told = ann.follow(ann.post("/undo", {"decision": number}))
    assert "cannot be undone any more" in told
    assert "already corrected by ann, web" in told
    assert office.check().rows == 1
    assert "there is no such decision" in ann.follow(ann.post("/undo", {"decision": "99"}))
    for nonsense in ("", "x", "-1", "9" * 30):
        assert ann.post("/undo", {"decision": nonsense}).status_code == 400


def test_a_held_page_is_decided_already_for_everybody_else(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann, bob = office.operator("ann"), office.operator("bob")
    accept(ann, review)
    assert not open_reviews(office.ledger)
    assert "already corrected by ann, web" in accept(bob, review, **{"v-q1": "1"})
    assert "already corrected by ann, web" in bob.follow(bob.get(f"/review/{review.review}"))
    with Desk.open(office.settings) as desk, pytest.raises(UsageError, match="already corrected by ann, web"):
        desk.accept(review.stem, {"q1": "1"}, by="root")
    assert office.settle(UNDO_S + 5).rows == 1
    assert office.csv_lines()[0].split(",")[6] == "7.5"


def answer_sheet(office: WebOffice, review: OpenReview, q1: str) -> None:
    path = office.settings.review / f"{review.stem}.review.csv"
    path.write_text(path.read_text().replace(",?", f",{q1}", 1))


@pytest.mark.parametrize(("undone", "became"), [(True, "6"), (False, "7.5")])
def test_a_sheet_that_is_answered_meanwhile_counts_only_if_the_decision_is_undone(
    office: WebOffice, *, undone: bool, became: str
) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    number = decision_on(accept(ann, review))
    answer_sheet(office, review, "6")
    office.settle(12)
    assert accounting(office.ledger).decided == 1
    if undone:
        ann.post("/undo", {"decision": number})
    office.settle(UNDO_S + 5)
    assert [line.split(",")[6] for line in office.csv_lines()] == [became]
    late = [name for name in office.names(office.settings.review) if "too-late" in name]
    assert bool(late) is not undone, "an answer that nobody took is kept aside"


def test_a_page_moved_back_meanwhile_is_no_second_row(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    accept(office.operator(), review)
    page = office.settings.review / str(review.page_name)
    data = page.read_bytes()
    page.unlink()
    (office.inbox / page.name).write_bytes(data)
    counts = office.settle(UNDO_S + 15)
    assert (counts.pages_in, counts.rows, counts.review) == (2, 1, 1)
    (again,) = open_reviews(office.ledger)
    assert "duplicate-scan" in {reason.code.value for reason in again.reasons}


def test_a_key_that_is_held_is_taken(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    accept(office.operator(), review)
    office.drop("second.jpg", sheet(row(3)))
    counts = office.settle(UNDO_S + 15)
    assert (counts.rows, counts.review) == (1, 1), "the second sheet with this number goes to review"
    (again,) = open_reviews(office.ledger)
    assert "duplicate-key" in {reason.code.value for reason in again.reasons}


def test_a_clock_that_is_set_back_holds_nothing_for_years(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    accept(office.operator(), review)
    office.clock.at -= timedelta(days=365)
    office.service.step()
    assert office.check().rows == 1


def test_undo_and_delivery_at_the_very_same_moment(office: WebOffice) -> None:
    pages = 12
    office.in_review(*(doubt(number) for number in range(1, pages + 1)))
    ann = office.operator()
    for review in open_reviews(office.ledger):
        accept(ann, review)
    office.clock.advance(UNDO_S)
    with office.ledger.reading() as tx:
        numbers = [one.decision for one in held.held_by(tx, "ann")]
    start, undone = threading.Barrier(2), []

    def take_back() -> None:
        with Ledger.open(office.settings.state / LEDGER_NAME) as ledger:
            site = replace(office.site, ledger=ledger)
            start.wait()
            for number in numbers:
                try:
                    undone.append(decisions.undo(site, number, "ann"))
                except UsageError as error:
                    assert "already corrected by ann" in str(error)  # noqa: PT017 - some do, some do not

    thread = threading.Thread(target=take_back)
    thread.start()
    start.wait()
    decisions.carry_out_due(office.site)
    thread.join()
    counts = office.settle(12)
    print(f"\n{len(undone)} undone, {counts.rows} carried out")
    assert (counts.rows, counts.review, counts.decided) == (pages - len(undone), len(undone), 0)
    assert sorted(one.review for one in open_reviews(office.ledger)) == sorted(undone)
    assert len(office.csv_lines()) == counts.rows


def test_old_decisions_are_forgotten_with_their_pages(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    ann.post("/undo", {"decision": decision_on(accept(ann, review))})
    accept(ann, review)
    office.settle(UNDO_S + 5)
    with office.ledger.transaction() as tx:
        assert forget_before(tx, (office.clock.at + timedelta(days=2)).date()) == 1
    assert not states(office)


def test_a_ledger_of_an_older_program_is_told_of_before_anybody_opened_it_for_writing(office: WebOffice) -> None:
    office.in_review(doubt(3))
    office.close()
    with closing(sqlite3.connect(office.settings.state / LEDGER_NAME)) as tables:
        tables.execute("DROP TABLE decisions")
    assert report_of(office.settings, last=5).accounting.review == 1
    office._open()
    assert office.settle(2).review == 1


@pytest.mark.slow
def test_killed_while_it_is_held_nothing_is_lost(tmp_path: Path) -> None:
    """The daemon is killed; runs of `--once` leave the decision until its time has come, and the next one takes it."""
    undo_s = 5
    place = Installation(tmp_path, f"{SETTINGS}web: {{undo_s: {undo_s}}}\n")
    with place.daemon() as daemon:
        place.drop("exam.jpg", sheet(doubt(3)))
        wait_until(lambda: "review_opened" in place.log)
        with Ledger.open_for_reading(tmp_path / "state" / LEDGER_NAME) as ledger:
            (review,) = open_reviews(ledger)
        ann = Visitor(create_app(load_settings(place.config), ADDRESS, None).test_client())
        ann.log_in()
        assert "Saved: " in accept(ann, review)
        daemon.kill()
        daemon.wait()
    once = (str(TEXT_DAEMON), str(place.config), "--once")
    assert place.start(*once).wait(60) == 0
    status = place.status()
    assert status["accounting"]["balanced"]
    if not place.csv_lines():  # it was quick: the time had not come
        assert status["accounting"]["decided"] == 1
        assert "work is left over" in str(status["problems"])
    wait_until(lambda: place.start(*once).wait(60) == 0 and bool(place.csv_lines()))
    assert [line.split(",")[6] for line in place.csv_lines()] == ["7.5"]
    assert not place.names("review")
    assert place.status()["healthy"]
