"""When a file is ready: properties over any sequence of looks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.intake.listing import Seen
from sheetwatch.intake.tracker import Tracker

SETTLE_S = 5.0
GIVE_UP_S = 60.0


def seen(name: str = "a.jpg", size: int = 10, inode: int = 1) -> Seen:
    return Seen(path=Path("/inbox") / name, device=1, inode=inode, size_bytes=size, mtime_ns=size, blocks=8)


def tracker() -> Tracker:
    return Tracker(settle_s=SETTLE_S, incomplete_after_s=GIVE_UP_S)


looks = st.lists(
    st.tuples(
        st.floats(0.1, 20),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(st.integers(0, 3), st.integers(1, 2))),
    ),
    max_size=30,
)


@given(looks)
def test_a_file_is_ready_exactly_when_it_was_the_same_for_the_settle_time(
    history: list[tuple[float, dict[str, tuple[int, int]]]],
) -> None:
    tracked, now_s = tracker(), 0.0
    since: dict[Seen, float] = {}
    for pause_s, files in history:
        now_s += pause_s
        current = {seen(name, size, inode) for name, (size, inode) in files.items()}
        since = {file: since.get(file, now_s) for file in current}
        tracked.observe(current, now_s=now_s)
        expected = {file for file, first_s in since.items() if now_s - first_s >= SETTLE_S}
        assert set(tracked.ready(now_s=now_s)) == expected
        assert tracked.waiting == len(current)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=10))
def test_an_incomplete_file_is_given_up_only_long_after_its_last_change(pauses: list[float]) -> None:
    tracked, now_s = tracker(), 0.0
    for size, pause_s in enumerate(pauses):
        tracked.observe([seen(size=size)], now_s=now_s)
        tracked.incomplete(seen(size=size))
        last_change_s = now_s
        now_s += pause_s
        given_up = tracked.given_up(now_s=now_s)
        assert bool(given_up) == (now_s - last_change_s >= GIVE_UP_S)


def test_a_file_being_opened_is_not_ready_twice() -> None:
    tracked = tracker()
    tracked.observe([seen()], now_s=0)
    tracked.probing(seen())
    tracked.observe([seen()], now_s=10)
    assert not tracked.ready(now_s=10)
    assert tracked.is_current(seen())


def test_a_change_while_it_is_opened_starts_the_wait_again() -> None:
    tracked = tracker()
    tracked.observe([seen()], now_s=0)
    tracked.probing(seen())
    tracked.observe([seen(size=11)], now_s=3)
    assert not tracked.is_current(seen())
    tracked.incomplete(seen())
    tracked.observe([seen(size=11)], now_s=8)
    assert tracked.ready(now_s=8) == [seen(size=11)]


def test_the_name_used_again_is_another_file() -> None:
    tracked = tracker()
    tracked.observe([seen(inode=1)], now_s=0)
    tracked.observe([seen(inode=2)], now_s=4)
    assert not tracked.ready(now_s=6)
    assert tracked.ready(now_s=9) == [seen(inode=2)]


def test_a_file_set_aside_is_tried_again_much_later() -> None:
    tracked = tracker()
    tracked.observe([seen()], now_s=0)
    tracked.set_aside(seen(), now_s=6)
    assert tracked.settling == 0
    assert not tracked.ready(now_s=60)
    assert tracked.ready(now_s=66) == [seen()]


def test_the_oldest_is_first_and_the_next_due_is_known() -> None:
    tracked = tracker()
    tracked.observe([seen("b")], now_s=0)
    tracked.observe([seen("b"), seen("a")], now_s=1)
    assert tracked.next_due_s() == 5
    tracked.observe([seen("b"), seen("a")], now_s=5)
    assert tracked.next_due_s() == 6, "what is due already needs no further look"
    assert [file.path.name for file in tracked.ready(now_s=9)] == ["b", "a"]
    tracked.taken(seen("b"))
    assert not tracked.is_current(seen("b"))
    tracked.probing(seen("a"))
    tracked.incomplete(seen("a"))
    tracked.observe([seen("a")], now_s=9)
    assert tracked.next_due_s() == 61
