"""Review on the page: the same decisions as in the terminal, saved before they are shown as saved."""

from __future__ import annotations

import json
import statistics
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from sheetwatch.domain import Alternative, EnvironmentFault, Reading, State
from sheetwatch.ledger import open_reviews
from sheetwatch.service import decisions, lock
from sheetwatch.service.terminal import Desk
from sheetwatch.web.place import VIA
from support.office import TEMPLATE, doubt, row, sheet

if TYPE_CHECKING:
    from web.web_office import Visitor, WebOffice

ACCEPT = "/review/{}/accept"


def corrections(office: WebOffice) -> list[tuple[str, ...]]:
    with office.ledger.reading() as tx:
        return [
            tuple(one) for one in tx.execute("SELECT field, was, became, corrected_by, via FROM corrections").fetchall()
        ]


def test_a_value_typed_on_the_page_makes_a_corrected_row(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    page = ann.follow(ann.get("/review/"))
    assert "exam.jpg" in page
    answer = ann.post(ACCEPT.format(review.review), {"v-q1": "7½", "v-roll": "0003", "v-total": "7"})
    assert "Saved: exam-" in ann.follow(answer)
    (line,) = office.csv_lines()
    assert line.split(",")[4:] == ["corrected", "0003", "7.5", "7", "0.9991"]
    assert corrections(office) == [("q1", "7", "7.5", "ann", "web")]


def test_the_daemon_delivers_what_the_page_decided(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    with lock.held(office.settings.state):
        answer = ann.post(ACCEPT.format(review.review), {"v-q1": "7", "v-roll": "0003", "v-total": "7"})
        assert answer.status_code == 303
        assert not office.csv_lines(), "only the holder of the lock writes into the folders"
    assert office.settle(2).rows == 1
    assert len(office.csv_lines()) == 1


def test_an_open_field_and_an_impossible_value_are_asked_for_again(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    for typed, words in [("", "Write the value"), ("11", "not possible here: 0 to 10"), ("x", "is not a number")]:
        answer = ann.post(ACCEPT.format(review.review), {"v-q1": typed, "v-roll": "0003", "v-total": "7"})
        assert answer.status_code == 422
        assert words in answer.text
    assert office.check().review == 1


def test_what_was_read_for_certain_can_be_corrected_or_emptied(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    ann.post(ACCEPT.format(review.review), {"v-q1": "ok", "v-roll": "0004", "v-total": ""})
    assert office.csv_lines()[0].split(",")[4:8] == ["corrected", "0004", "7", ""]
    assert sorted(corrections(office)) == [
        ("q1", "7", "7", "ann", "web"),
        ("roll", "0003", "0004", "ann", "web"),
        ("total", "7", "", "ann", "web"),
    ]


def test_the_first_of_two_operators_wins_and_the_second_is_told(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann, bob = office.operator("ann"), office.operator("bob")
    values = {"v-q1": "7", "v-roll": "0003", "v-total": "7"}
    assert ann.post(ACCEPT.format(review.review), values).status_code == 303
    told = bob.follow(bob.post(ACCEPT.format(review.review), {**values, "v-q1": "1"}))
    assert "already corrected by ann, web" in told
    assert "What you typed was not used" in told
    assert [line.split(",")[6] for line in office.csv_lines()] == ["7"]
    assert "already corrected by ann" in bob.follow(bob.get(f"/review/{review.review}"))


def test_two_at_the_very_same_moment_make_one_row(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    start, codes = threading.Barrier(2), []

    def decide(name: str, value: str) -> None:
        visitor = office.operator(name)
        start.wait()
        values = {"v-q1": value, "v-roll": "0003", "v-total": "7"}
        codes.append(visitor.post(ACCEPT.format(review.review), values).status_code)

    threads = [threading.Thread(target=decide, args=one) for one in (("ann", "7"), ("bob", "1"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [303, 303]
    assert office.settle().rows == 1
    assert len(office.csv_lines()) == 1
    assert len(corrections(office)) == 1


def test_a_page_that_came_back_meanwhile_is_not_decided_by_the_older_answer(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    page = office.settings.review / str(review.page_name)
    page.unlink()
    (office.inbox / page.name).write_bytes(sheet(doubt(5)))
    office.settle()
    (again,) = open_reviews(office.ledger)
    assert again.stem == review.stem
    told = ann.follow(ann.post(ACCEPT.format(review.review), {"v-q1": "7", "v-roll": "0003", "v-total": "7"}))
    assert "already returned by inbox" in told
    assert office.check().review == 1


@pytest.mark.parametrize(
    ("cause", "counted"), [("discarded", "discarded"), ("blank", "blank"), ("no-template", "no-template")]
)
def test_a_page_is_dropped_with_its_cause(office: WebOffice, cause: str, counted: str) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    assert "makes no row" in ann.follow(ann.post(f"/review/{review.review}/discard", {"cause": cause}))
    assert office.settle().dropped_by == {counted: 1}
    assert ann.post(f"/review/{review.review}/discard", {"cause": "fun"}).status_code == 400


def test_a_key_that_another_sheet_has_is_confirmed_before_it_is_saved(office: WebOffice) -> None:
    office.drop("first.jpg", sheet(row(1)))
    office.settle()
    review = office.in_review(row(1), row(2))
    ann = office.operator()
    values = {"v-roll": "0001", "v-q1": "7", "v-total": "7"}
    asked = ann.post(ACCEPT.format(review.review), values)
    assert asked.status_code == 422
    assert "has 0001 already" in asked.text
    assert ann.post(ACCEPT.format(review.review), {**values, "confirmed": "made up"}).status_code == 422
    mark = asked.text.split('name="confirmed" value="')[1].split('"')[0]
    assert ann.post(ACCEPT.format(review.review), {**values, "confirmed": mark}).status_code == 303
    assert office.settle().rows == 3


def test_a_page_without_a_doubtful_value_is_looked_at_first(office: WebOffice) -> None:
    office.worker.template = replace(TEMPLATE, key=None)
    office.drop("first.jpg", sheet(row(1)))
    office.settle()
    review = office.in_review(row(1))
    ann = office.operator()
    values = {"v-roll": "0001", "v-q1": "7", "v-total": "7"}
    assert "Tick this" in ann.post(ACCEPT.format(review.review), values).text
    assert office.check().review == 1
    assert ann.post(ACCEPT.format(review.review), {**values, "looked": "yes"}).status_code == 303


def test_the_values_are_checked_while_they_are_typed(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    url = f"/review/{review.review}/check"
    told = json.loads(ann.post(url, {"v-q1": "99", "v-roll": "0003", "v-total": "7"}).text)
    assert "not possible here" in told["problems"]["q1"]
    told = json.loads(ann.post(url, {"v-q1": "", "v-roll": "0003", "v-total": "7"}).text)
    assert told["open"] == ["q1"]
    assert not told["problems"]
    assert office.check().review == 1


def test_skipping_goes_round_the_queue_in_either_order(office: WebOffice) -> None:
    office.in_review(doubt(1), doubt(2), doubt(3))
    first, second, third = (one.review for one in open_reviews(office.ledger))
    ann = office.operator()
    for here, following in [(first, second), (second, third), (third, first)]:
        assert f'data-skip="/review/{following}"' in ann.get(f"/review/{here}").text
    assert "order=worst" in ann.get(f"/review/{first}?order=worst").text


def test_nothing_that_cannot_be_committed_is_shown_as_saved(office: WebOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()

    def refuse(*_: object, **__: object) -> str:
        raise EnvironmentFault("the disk is full")

    monkeypatch.setattr(decisions, "accept", refuse)
    answer = ann.post(ACCEPT.format(review.review), {"v-q1": "7", "v-roll": "0003", "v-total": "7"})
    assert answer.status_code == 503
    assert "the disk is full" in answer.text
    assert "Saved" not in ann.get("/review/all").text
    assert office.check().review == 1


def test_an_answer_in_the_sheet_and_one_on_the_page_end_in_the_same_ledger(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    ann = office.operator()
    with Desk.open(office.settings) as desk:
        desk.accept(review.stem, {"q1": "7"}, by="root")
    assert "already corrected by root, terminal" in ann.follow(ann.get(f"/review/{review.review}"))
    assert VIA == "web"


def test_runners_up_are_offered_under_letters_never_under_digits(office: WebOffice) -> None:
    review = office.in_review(doubt(3))
    readings = {
        **review.readings,
        "q1": Reading(
            value="7",
            state=State.WRITTEN,
            probability=0.62,
            alternatives=(Alternative(value="1", probability=0.31), Alternative(value="", probability=0.02)),
        ),
    }
    with office.ledger.transaction() as tx:
        tx.execute("UPDATE pages SET readings = ? WHERE id = ?", (encoded(readings), review.page))
    page = office.operator().get(f"/review/{review.review}").text
    assert 'data-key="a" data-text="7"' in page
    assert 'data-key="b" data-text="1"' in page
    assert 'data-key="c" data-text="-"' in page
    assert 'data-key="1"' not in page


def encoded(readings: dict[str, Reading]) -> str:
    import msgspec  # noqa: PLC0415

    return msgspec.json.encode(readings).decode()


def test_with_500_pages_waiting_each_page_comes_at_once(office: WebOffice) -> None:
    office.in_review(*(doubt(roll) for roll in range(500)))
    office.run_for(90)
    assert office.check().review == 500
    ann = office.operator()
    for path in ("/review/", "/review/all", "/"):
        took_ms = statistics.median(served_ms(ann, path) for _ in range(9))
        print(f"\n{path} with 500 pages waiting: {took_ms:.0f} ms")
        assert took_ms < 200


def served_ms(visitor: Visitor, path: str) -> float:
    began_s = time.perf_counter()
    answer = visitor.get(path)
    assert "Sheetwatch" in (visitor.follow(answer) if answer.status_code in {302, 303} else answer.text)
    return (time.perf_counter() - began_s) * 1000
