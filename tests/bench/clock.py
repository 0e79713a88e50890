"""Timing by turns: each round runs everything once, the floor first, so that a noisy moment hits all alike."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Clock = Callable[[], float]
    Probe = Callable[[Clock], Mapping[str, float]]
    """Does its work once and says how many milliseconds each of its parts took by this clock."""

CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu` counts this process's work alone: on one core of a quiet machine both say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of some samples and the quartiles round it."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        if len(samples) == 1:
            return cls(median=samples[0], lower=samples[0], upper=samples[0])
        lower, median, upper = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median=median, lower=lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Samples by name, one for each round; of times, milliseconds."""

    samples: Mapping[str, tuple[float, ...]]

    def spread(self, name: str) -> Spread:
        return Spread.of(self.samples[name])

    def ratio(self, name: str, floor: str) -> Spread:
        """How many floors it took, round by round: both halves of a quotient had the same noise."""
        pairs = zip(self.samples[name], self.samples[floor], strict=True)
        return Spread.of([sample / beside for sample, beside in pairs])

    def least_ratio(self, name: str, floor: str) -> float:
        """The fastest round of one beside the fastest of the other: noise only ever adds."""
        return min(self.samples[name]) / min(self.samples[floor])

    def joined(self, later: Timings) -> Timings:
        """The rounds of both."""
        return Timings(samples={name: row + later.samples.get(name, ()) for name, row in self.samples.items()})


def timed(name: str, work: Callable[[], object]) -> Probe:
    """Time a piece of work as one."""

    def probe(clock: Clock) -> dict[str, float]:
        began_s = clock()
        work()
        return {name: (clock() - began_s) * 1000}

    return probe


def by_turns(probes: Sequence[Probe], rounds: int, clock: Clock) -> Timings:
    """Run all probes in turn, once to warm up, then `rounds` times."""
    samples: dict[str, list[float]] = {}
    for probe in probes:
        probe(clock)
    for _ in range(rounds):
        for probe in probes:
            for name, took_ms in probe(clock).items():
                samples.setdefault(name, []).append(took_ms)
    return Timings(samples={name: tuple(row) for name, row in samples.items()})


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and OpenCV, to one core meanwhile."""
    cores, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    os.sched_setaffinity(0, {max(cores)})
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        os.sched_setaffinity(0, cores)
