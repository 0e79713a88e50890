"""Two operators on the same pages at the same time, as real processes beside the real daemon: one row each, never two.

In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_operators_race.py
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.office import doubt, sheet
from support.processes import TEXT_DAEMON, Installation, environment, wait_until
from support.spreadsheets import rows_of, table

if TYPE_CHECKING:
    from pathlib import Path

OPERATORS = TEXT_DAEMON.with_name("operators.py")
FILES_PER_PAGE = 4


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def pages_in_review(place: Installation, count: int) -> list[str]:
    """Have pages put into review; their stems. The page of the roll number N is the Nth."""
    place.drop("exam.jpg", sheet(*(doubt(number) for number in range(count))))
    wait_until(lambda: len(place.names("review")) == count * FILES_PER_PAGE, timeout_s=200)
    stems = {name.partition(".review.")[0] for name in place.names("review") if name.endswith(".review.csv")}
    return sorted(stems, key=lambda stem: int(stem.rpartition("-p")[2]))


def start_operator(place: Installation, name: str, value: str, stems: list[str]) -> subprocess.Popen[str]:
    line = [sys.executable, str(OPERATORS), str(place.config), name, value, *stems]
    pipe = subprocess.PIPE
    operator = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment())
    assert operator.stdout
    assert operator.stdout.readline() == "ready\n"
    return operator


def go(operator: subprocess.Popen[str]) -> None:
    assert operator.stdin
    operator.stdin.write("go\n")
    operator.stdin.flush()


def said_to(operator: subprocess.Popen[str]) -> dict[str, str]:
    """What became of each of an operator's decisions."""
    output, errors = operator.communicate(timeout=200)
    assert operator.returncode == 0, errors
    told: dict[str, str] = json.loads(output)
    return told


def value_of_rows(place: Installation) -> dict[int, str]:
    """The value of q1 by roll number; fails where a sheet has two rows."""
    cells = [line.split(",") for line in place.csv_lines()]
    assert len({line[0] for line in cells}) == len(cells), "a sheet twice"
    return {int(line[5]): line[6] for line in cells}


def fill_in(place: Installation, stem: str, value: str) -> None:
    path = place.base / "review" / f"{stem}.review.csv"
    rows = [[*line[:3], value if line[0] == "q1" else line[3]] for line in rows_of(path)]
    path.write_bytes(table(rows, delimiter=";").encode("utf-8-sig"))


def is_settled(place: Installation, pages: int | None = None) -> bool:
    """Whether every page, and so many, is accounted for and nothing is owed or waits."""
    status = place.status()
    counts = status["accounting"]
    if not counts or status["inbox_files"] or counts["in_work"] or any(status["owed"].values()):
        return False
    assert counts["balanced"]
    return bool(pages is None or counts["pages_in"] == pages)


ANSWERS = [["field", "correct"], ["roll", ""], ["q1", "5"], ["total", ""], ["(whole sheet)", ""]]
WHAT_IS_OPEN = table(ANSWERS, delimiter=";").encode()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("values", [("5", "6"), ("5", "-")], ids=["two accept", "one discards"])
def test_two_terminals(place: Installation, values: tuple[str, str]) -> None:
    count = amount(20, 400)
    with place.daemon():
        stems = pages_in_review(place, count)
        operators = [start_operator(place, name, value, stems) for name, value in zip("ab", values, strict=True)]
        for operator in operators:
            go(operator)
        told = [said_to(operator) for operator in operators]
        for stem in stems:
            outcomes = [one[stem] for one in told]
            assert outcomes.count("mine") == 1
            assert "already " in outcomes[outcomes.index("mine") - 1], outcomes
        wait_until(lambda: is_settled(place, count) and not place.names("review"))
    rows = value_of_rows(place)
    won = {name: [roll for roll, stem in enumerate(stems) if one[stem] == "mine"] for name, one in enumerate(told)}
    assert rows == {
        **dict.fromkeys(won[0], values[0]),
        **({} if values[1] == "-" else dict.fromkeys(won[1], values[1])),
    }
    print(f"{count} pages, two terminals {values}: {len(won[0])} to {len(won[1])}, every loser told, 0 twice")


@pytest.mark.timeout(600)
def test_a_sheet_and_a_terminal(place: Installation) -> None:
    count = amount(24, 400)
    with place.daemon():
        stems = pages_in_review(place, count)
        operator = start_operator(place, "ann", "6", list(reversed(stems)))
        for stem in stems:
            fill_in(place, stem, "5")
        wait_until(lambda: "review_corrected" in place.log)
        go(operator)
        told = said_to(operator)
        wait_until(lambda: len(place.csv_lines()) == count and is_settled(place, count))
        wait_until(lambda: not [name for name in place.names("review") if ".too-late" not in name])
    rows = value_of_rows(place)
    late = {name for name in place.names("review") if name.endswith(".csv")}
    for roll, stem in enumerate(stems):
        if told[stem] == "mine":
            assert rows[roll] == "6"
            assert f"{stem}.too-late.csv" in late, "the sheet's writer is told"
        else:
            assert "already corrected by" in told[stem]
            assert "review CSV" in told[stem]
            assert rows[roll] == "5"
    won = sum(outcome == "mine" for outcome in told.values())
    assert len(late) == won
    print(f"{count} pages, sheet against terminal: {count - won} to {won}, every loser told, 0 twice")


@pytest.mark.timeout(600)
def test_a_sheet_and_the_page_moved_back(place: Installation) -> None:
    """Where the sheet wins, the page comes in as a duplicate; where the page wins, it is read, and asked, again.

    A sheet that is saved only then answers what was asked again.
    """
    count = amount(16, 200)
    with place.daemon():
        stems = pages_in_review(place, count)
        at_once, later = stems[::2], stems[1::2]
        for stem in at_once:
            fill_in(place, stem, "5")
            move_back(place, stem)
        for stem in later:
            move_back(place, stem)
        wait_until(lambda: place.log.count("scan_claimed") > 2)
        for stem in later:
            save_what_is_open(place, stem)
        wait_until(lambda: is_settled(place) and not lies_there(place, WHAT_IS_OPEN))
    rows = value_of_rows(place)
    late = {name.partition(".too-late")[0] for name in place.names("review") if name.endswith(".too-late.csv")}
    asked_again = {name.partition(".review")[0] for name in place.names("review") if name.endswith(".review.csv")}
    read_again = opened_again(place)
    for roll, stem in enumerate(stems):
        if roll in rows:
            assert rows[roll] == "5"
            told = any(other.startswith(f"{stem}-") for other in asked_again)
            assert told or stem in read_again, "whoever moved the page is told"
        else:
            assert stem in asked_again
            assert stem in late, "the sheet's writer is told"
    print(f"{count} pages, sheet against moving the page back: {len(rows)} to {len(late)}, every loser told, 0 twice")


def move_back(place: Installation, stem: str) -> None:
    (page,) = [path for path in (place.base / "review").glob(f"{stem}.*") if ".review." not in path.name]
    page.rename(place.base / "inbox" / page.name)


def save_what_is_open(place: Installation, stem: str) -> None:
    """A program that has had the sheet open saves it, whether or not it is still there."""
    (place.base / "review" / f"{stem}.review.csv").write_bytes(WHAT_IS_OPEN)


def opened_again(place: Installation) -> set[str]:
    """The stems of pages that were put into the review folder more than once."""
    opened = Counter(re.findall(r'"stem": "([^"]+)", "event": "review_opened"', place.log))
    return {stem for stem, count in opened.items() if count > 1}


def lies_there(place: Installation, answer: bytes) -> bool:
    """Whether a sheet with this answer waits to be taken."""
    sheets = [path for path in (place.base / "review").glob("*.review.csv") if not path.name.startswith(".")]
    return any(answer == _content(path) for path in sheets)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


@pytest.mark.timeout(300)
def test_commands_in_two_terminals(place: Installation) -> None:
    """The command itself, with what it says and its exit code."""
    count = amount(2, 40)
    with place.daemon():
        for stem in pages_in_review(place, count):
            line = [sys.executable, "-m", "sheetwatch", "--config", str(place.config), "review"]
            ways = (["accept", stem, "q1=5", "--by", "ann"], ["discard", stem, "--by", "bob"])
            both = [
                subprocess.Popen([*line, *way], stderr=subprocess.PIPE, text=True, env=environment()) for way in ways
            ]
            errors = [one.communicate(timeout=60)[1] for one in both]
            assert sorted(one.returncode for one in both) == [0, 64]
            loser = next(number for number, one in enumerate(both) if one.returncode)
            assert "already discarded by bob, terminal" in errors[0] or "already corrected by ann, term" in errors[1]
            assert errors[loser].startswith("sheetwatch: ")
        wait_until(lambda: is_settled(place, count))
    print(f"{count} pages, two commands each: one exit 0, one exit 64 that names the other")
