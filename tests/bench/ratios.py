"""What CI compares: ratios of times measured together, never times, with those in ratios.json.

    python tests/bench ratios [PART ...]           measure and compare; exit code 1 where one is worse
    python tests/bench ratios --write              measure and keep
    python tests/bench ratios --spread 8           measure eight times and show how far the results differ
    python tests/bench ratios stages --slowed cut_cells     let a stage take twice its time: it must be caught

Each stage and each kind of file is held against its floor; 20 templates against one, and 100 fields against 10. Times
are those of the process's own work (CPU clock), and of several rounds the fastest counts, of the floor as well: what
else goes on in a machine only ever adds. Where a ratio is worse, twice as many rounds are added before it is
believed.

A ratio is worse when it is above `tolerance` times the kept one plus `slack`, in floors. How the tolerance was chosen:
on two cores of x86-64, with four to six rounds and up to 25 other processes that wanted the cores, the results of
eight measurements in four processes differed by a factor of 1.4 at most (of stages and kinds that take more than a
tenth of a floor, but for one stage once, by 1.52; 1.1 to 1.2 within one process). 1.5 is more than that, and less than
the 2 that must be caught. What takes less than a tenth of a floor is watched loosely, for the slack.
Ratios are kept for each architecture, on x86-64 apart for processors with VNNI: `read_cells` took 1.1 floors on one
host, to judge by that with VNNI, and 2.0 on another without. Of the other stages, which differed by a quarter, the
lower ratios are kept for both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import sheetwatch
from bench.cases import Case, stages_of, time_cases
from bench.clock import CLOCKS, Timings, one_core
from bench.conditions import Bench
from bench.growth import field_cases, template_cases
from bench.kept import KEPT, Kept, load_kept, machine_kind
from bench.page import kind_cases, staged_case
from bench.stages import DECODE, stage_functions
from sheetwatch import pipeline
from sheetwatch.vision.decode import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PARTS = ("stages", "kinds", "templates", "fields")
_ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Cases that are timed together, and the ratios that follow from their times."""

    cases: list[Case]
    ratios: Callable[[list[Case], Timings], dict[str, float]]


def _stage_ratios(cases: list[Case], timings: Timings) -> dict[str, float]:
    (case,) = cases
    return {f"stages: {it}": timings.least_ratio(case.part(it), case.floor) for it in stages_of(case, timings)}


def _kind_ratios(cases: list[Case], timings: Timings) -> dict[str, float]:
    return {f"kinds: {case.name}": timings.least_ratio(case.page, case.floor) for case in cases}


def _template_ratios(cases: list[Case], timings: Timings) -> dict[str, float]:
    one, many = cases
    return {f"templates: {many.name} beside one": timings.least_ratio(many.page, one.page)}


def _field_ratios(cases: list[Case], timings: Timings) -> dict[str, float]:
    few, many = cases
    return {f"fields: {many.name} beside {few.name}": timings.least_ratio(many.page, few.page)}


def prepare(bench: Bench, names: tuple[str, ...]) -> list[Part]:
    """Draw what is timed. Raises LostFieldError where a field of these easy sheets is not read right."""
    parts = []
    if "stages" in names:
        parts.append(Part(cases=[staged_case(bench)], ratios=_stage_ratios))
    if "kinds" in names:
        parts.append(Part(cases=kind_cases(bench), ratios=_kind_ratios))
    if "templates" in names:
        parts.append(Part(cases=template_cases(bench, (1, 20)), ratios=_template_ratios))
    if "fields" in names:
        parts.append(Part(cases=field_cases(bench, (10, 100)), ratios=_field_ratios))
    for case in (case for part in parts for case in part.cases):
        if case.score is None or case.score.right < case.score.fields:
            raise LostFieldError(f"{case.name}: {case.note}. Speed must not cost a field: see what changed its reading")
    return parts


class LostFieldError(AssertionError):
    """A page is read, but not all that is written on it."""


def measure(part: Part, bench: Bench, worse: Callable[[Mapping[str, float]], list[str]]) -> dict[str, float]:
    """The ratios of one part, measured for three times as many rounds where some of them are worse at first."""
    timings = time_cases(part.cases, bench.reader, bench.rounds, bench.clock)
    if worse(part.ratios(part.cases, timings)):
        timings = timings.joined(time_cases(part.cases, bench.reader, 2 * bench.rounds, bench.clock))
    return part.ratios(part.cases, timings)


def measure_all(
    parts: list[Part], bench: Bench, worse: Callable[[Mapping[str, float]], list[str]] = lambda _: []
) -> dict[str, float]:
    """The ratios of all parts."""
    found: dict[str, float] = {}
    for part in parts:
        found |= measure(part, bench, worse)
    return found


@contextmanager
def slowed(stage: str) -> Iterator[None]:
    """Let a stage take twice its time."""
    owner: Any = Scan if stage == DECODE else pipeline
    name = "page" if stage == DECODE else stage
    with mock.patch.object(owner, name, _twice_as_long(getattr(owner, name))):
        yield


def _twice_as_long(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        began_s = time.process_time()
        result = function(*arguments, **named)
        ends_s = 2 * time.process_time() - began_s
        while time.process_time() < ends_s:
            pass
        return result

    return call


def main(arguments: list[str]) -> int:
    """Measure, then compare or keep."""
    options = _parser().parse_args(arguments)
    names = tuple(options.parts or PARTS)
    kept, machine = load_kept(KEPT), machine_kind()
    with tempfile.TemporaryDirectory() as folder, one_core():
        bench = Bench(folder=Path(folder), reader=sheetwatch.load_reader(), clock=CLOCKS["cpu"], rounds=options.rounds)
        try:
            parts = prepare(bench, names)
        except AssertionError as fault:
            print(fault)
            return 1
        if options.spread:
            _print_spread([measure_all(parts, bench) for _ in range(options.spread)])
            return 0
        if options.write:
            return _keep(kept, measure_all(parts, bench), machine)
        with slowed(options.slowed) if options.slowed else nullcontext():
            found = measure_all(parts, bench, lambda ratios: kept.worse(ratios, machine))
    return _compare(kept, found, machine)


def _parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(
        prog="python tests/bench ratios", description="Compares ratios of times with those in tests/bench/ratios.json."
    )
    it.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}; else all")
    it.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each page is read (default %(default)s)")
    it.add_argument("--write", action="store_true", help="keep the ratios for machines of this kind")
    it.add_argument("--spread", type=int, default=0, metavar="TIMES", help="measure so often and show the spread")
    stages = [*stage_functions(), DECODE]
    it.add_argument("--slowed", choices=stages, metavar="STAGE", help=f"double its time; of {', '.join(stages)}")
    return it


def _keep(kept: Kept, found: dict[str, float], machine: str) -> int:
    kept.with_ratios(machine, found).save(KEPT)
    print(f"{KEPT.name}: {len(found)} ratios of {machine}; look at the difference, then commit it")
    return 0


def _compare(kept: Kept, found: dict[str, float], machine: str) -> int:
    before = kept.machines.get(machine, {})
    for name, ratio in found.items():
        print(f"{name:40}{ratio:8.3f}   kept {before.get(name, float('nan')):8.3f}")
    worse = kept.worse(found, machine)
    print(*worse, sep="\n")
    return 1 if worse else 0


def _print_spread(runs: list[dict[str, float]]) -> None:
    for name in runs[0]:
        row = [run[name] for run in runs]
        print(f"{name:40}{min(row):8.3f} to {max(row):8.3f}   {max(row) / min(row):6.2f} x")
