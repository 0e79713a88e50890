"""Pages that are timed together, each beside its own floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.clock import Timings, by_turns, timed
from bench.stages import time_stages
from bench.table import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.clock import Clock, Probe
    from bench.pages import Scan
    from bench.right import Score
    from sheetwatch.domain import Template
    from sheetwatch.pipeline import CellReader

_PAGE, _FLOOR = "page", "floor"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A scan to read with these templates. `score`: how it was read, None where it was not."""

    name: str
    scan: Scan
    templates: Sequence[Template]
    score: Score | None = None
    remark: str = ""

    @property
    def note(self) -> str:
        """What there is to say beside its times."""
        return "; ".join(filter(None, [str(self.score) if self.score else "", self.remark]))

    @property
    def page(self) -> str:
        """Under which name its time from file to reading is kept."""
        return self.part(_PAGE)

    @property
    def floor(self) -> str:
        """Under which name its floor's time is kept."""
        return self.part(_FLOOR)

    def part(self, stage: str) -> str:
        """Under which name a stage's time is kept."""
        return f"{self.name}: {stage}"


def time_cases(cases: Sequence[Case], reader: CellReader, rounds: int, clock: Clock) -> Timings:
    """Time all cases by turns: each one's floor, then its page in stages."""
    probes = [probe for case in cases for probe in (timed(case.floor, case.scan.floor), _probe(case, reader))]
    return by_turns(probes, rounds, clock)


def stages_of(case: Case, timings: Timings) -> Iterator[str]:
    """The stages that a case's page went through, in the order in which they ended."""
    start = case.part("")
    for name in timings.samples:
        if name.startswith(start) and name not in {case.page, case.floor}:
            yield name.removeprefix(start)


def lines(cases: Sequence[Case], timings: Timings) -> tuple[Line, ...]:
    """One line for each case: its page beside its floor."""
    return tuple(
        Line(
            name=case.name,
            spread=timings.spread(case.page),
            ratio=timings.ratio(case.page, case.floor),
            parts={
                _FLOOR: timings.spread(case.floor),
                **{stage: timings.spread(case.part(stage)) for stage in stages_of(case, timings)},
            },
            note=case.note,
        )
        for case in cases
    )


def _probe(case: Case, reader: CellReader) -> Probe:
    def probe(clock: Clock) -> dict[str, float]:
        stages = time_stages(case.scan.path, case.templates, reader, clock)
        parts = {case.part(stage): took_ms for stage, took_ms in stages.items()}
        return parts | {case.page: sum(stages.values())}

    return probe
