"""When people are told, and when they are left alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from sheetwatch.domain import Notices
from sheetwatch.ledger import Accounting, Owed
from sheetwatch.service.notices import Matter, Memory, decide, is_quiet, keep_memory, load_memory, matters
from sheetwatch.service.report import StatusReport

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=timezone(timedelta(hours=1)))
FULL = Matter(key="disk", text="a disk is nearly full", ends_with="there is room again")
WAITING = Matter(key="review", text="3 pages wait in review")
EVERY = timedelta(minutes=5)


def report(**other: object) -> StatusReport:
    counts = Accounting(pages_in=5, rows=2, review=3, dropped=0, in_work=0, dropped_by={})
    owed = Owed(claims=0, rows=0, reviews=0, archive=0)
    plain = StatusReport(
        polls=False,
        daemon="running since ever",
        accounting=counts,
        owed=owed,
        inbox_files=0,
        last=(),
        problems=(),
        notices=(),
    )
    return replace(plain, **other)  # type: ignore[arg-type]


@dataclass
class Timer:
    """Looks every five minutes, as the timer does, and keeps what was said."""

    notices: Notices = field(default_factory=Notices)
    now: datetime = NOON
    memory: Memory = field(default_factory=dict)
    said: list[tuple[timedelta, str]] = field(default_factory=list)
    reachable: bool = True

    def look(self, *found: Matter, minutes: int = 5) -> None:
        for _ in range(minutes // 5):
            lines, if_sent, if_not = decide(found, self.memory, self.notices, self.now)
            self.memory = if_sent if self.reachable else if_not
            if self.reachable:
                self.said += [(self.now - NOON, line) for line in lines]
            self.now += EVERY

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.said]


def test_a_problem_is_told_once_and_so_is_its_end() -> None:
    timer = Timer()
    timer.look(FULL, minutes=60)
    timer.look(minutes=60)
    assert timer.said == [(EVERY, FULL.text), (timedelta(minutes=60), "there is room again")]


def test_what_is_over_at_the_next_look_concerns_nobody() -> None:
    timer = Timer()
    timer.look(FULL)
    timer.look(minutes=60)
    assert timer.said == []


def test_what_goes_on_is_told_again_after_again_h() -> None:
    timer = Timer(notices=Notices(again_h=6))
    timer.look(WAITING, minutes=20 * 60)
    assert [at for at, _ in timer.said] == [EVERY + timedelta(hours=6 * times) for times in range(4)]


def test_what_comes_and_goes_is_told_once_an_hour_at_most() -> None:
    timer = Timer()
    for _ in range(12):
        timer.look(FULL, minutes=10)
        timer.look(minutes=10)
    told = [at for at, line in timer.said if line == FULL.text]
    assert len(told) == 4
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(told))
    assert timer.lines.count("there is room again") == len(told)


def test_pages_that_were_decided_are_not_announced() -> None:
    timer = Timer()
    timer.look(WAITING, minutes=15)
    timer.look(minutes=15)
    assert timer.lines == [WAITING.text]


def test_several_matters_come_in_one_look() -> None:
    timer = Timer()
    timer.look(FULL, WAITING, minutes=10)
    assert timer.said == [(EVERY, FULL.text), (EVERY, WAITING.text)]


def test_quiet_hours_are_quiet_and_what_lasts_is_told_afterwards() -> None:
    timer = Timer(notices=Notices(quiet="12:00-13:00"))
    timer.look(FULL, minutes=180)
    assert timer.said == [(timedelta(hours=1), FULL.text)]


def test_what_nobody_took_is_told_again_at_the_next_look() -> None:
    timer = Timer(reachable=False)
    timer.look(FULL, minutes=30)
    timer.reachable = True
    timer.look(FULL, minutes=30)
    assert timer.said == [(timedelta(minutes=30), FULL.text)]


@pytest.mark.parametrize(
    ("span", "quiet", "loud"),
    [("22:00-06:30", ["22:00", "00:00", "06:29"], ["06:30", "21:59"]), ("08:00-09:00", ["08:30"], ["07:59", "09:00"])],
)
def test_a_span_may_go_over_midnight(span: str, quiet: list[str], loud: list[str]) -> None:
    assert all(is_quiet(span, datetime.fromisoformat(f"2026-03-14T{at}").time()) for at in quiet)
    assert not any(is_quiet(span, datetime.fromisoformat(f"2026-03-14T{at}").time()) for at in loud)
    assert not is_quiet("", NOON.time())


def test_memory_survives_and_is_written_only_when_it_is_new(tmp_path: Path) -> None:
    timer = Timer()
    timer.look(FULL, minutes=10)
    keep_memory(tmp_path, timer.memory, {})
    assert load_memory(tmp_path) == timer.memory
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    keep_memory(tmp_path, timer.memory, load_memory(tmp_path))
    assert file.stat().st_mtime_ns == before
    file.write_text("nonsense")
    assert load_memory(tmp_path) == {}


def test_what_matters() -> None:
    room = {Path("/srv"): 10**12}
    assert [matter.key for matter in matters(report(), room, Notices(review_pages=4))] == []
    assert [matter.text for matter in matters(report(), room, Notices())] == ["3 pages wait in review"]
    assert [matter.key for matter in matters(report(), room, Notices(review_pages=0))] == []
    paused = report(problems=("inbox: /srv/inbox is not there",), daemon="not running")
    texts = {matter.key: matter.text for matter in matters(paused, {Path("/srv"): 3 * 10**8}, Notices())}
    assert set(texts) == {"problem", "stopped", "review", "disk"}
    assert "/srv/inbox is not there" in texts["problem"]
    assert "/srv has 300 MB left" in texts["disk"]
