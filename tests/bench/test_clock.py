"""Ratios are of the same round, and stages do not count what they call."""

from __future__ import annotations

import os

from bench.clock import Spread, Timings, by_turns, one_core, timed
from bench.stages import StageWatch


class Hand:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_moment_of_noise_hits_both_halves_of_a_ratio() -> None:
    timings = Timings(samples={"floor": (10.0, 40.0, 10.0), "page": (20.0, 80.0, 20.0)})
    assert timings.ratio("page", "floor") == Spread(median=2, lower=2, upper=2)
    assert timings.least_ratio("page", "floor") == 2


def test_each_round_runs_everything_once_after_one_to_warm_up() -> None:
    hand, ran = Hand(), list[str]()

    def work(name: str, seconds: float) -> None:
        ran.append(name)
        hand.wait(seconds)

    probes = [timed("floor", lambda: work("floor", 0.25)), timed("page", lambda: work("page", 0.75))]
    timings = by_turns(probes, 2, hand)
    assert ran == ["floor", "page"] * 3
    assert timings.spread("page").median == 750
    assert timings.ratio("page", "floor").median == 3


def test_a_stage_does_not_count_the_stages_that_it_calls() -> None:
    hand = Hand()
    watch = StageWatch(hand)
    inner = watch.watched("inner", lambda: hand.wait(2))

    def work() -> None:
        hand.wait(1)
        inner()
        inner()

    watch.watched("outer", work)()
    assert watch.spent_s == {"inner": 4, "outer": 1}


def test_one_core_is_given_back() -> None:
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
