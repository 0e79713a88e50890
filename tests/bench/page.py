"""One page, stage by stage and in every kind of file, beside the floor and beside the simple way to do it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sheetwatch
from bench.cases import Case, lines, stages_of, time_cases
from bench.clock import by_turns, timed
from bench.pages import write_kinds, write_scan
from bench.right import score
from bench.simple import simple_way
from bench.table import Line, Table
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from bench.conditions import Bench
    from sheetwatch.domain import Template


def answer_book() -> Template:
    """The project's own form: 30 fields."""
    return sheetwatch.load_template(shipped_folder("config") / "templates" / "answer-book")


def kind_cases(bench: Bench) -> list[Case]:
    """The same sheet in every kind of file."""
    template = answer_book()
    scans = write_kinds(template, bench.folder)
    return [
        Case(name=kind, scan=scan, templates=[template], score=score(scan, [template], bench.reader))
        for kind, scan in scans.items()
    ]


def staged_case(bench: Bench) -> Case:
    """The sheet whose stages are timed: a colour JPEG."""
    template = answer_book()
    scan = write_scan(template, bench.folder / "staged.jpg")
    return Case(name="page", scan=scan, templates=[template], score=score(scan, [template], bench.reader))


def stage_table(bench: Bench) -> list[Table]:
    """The colour JPEG's stages, the whole page, and the simple way."""
    case = staged_case(bench)
    (template,) = case.templates
    read = simple_way(template, bench.reader)
    simple = [reading.value for reading in read(case.scan)]
    right = sum(
        value == case.scan.truth[field.name].value for field, value in zip(template.fields, simple, strict=True)
    )
    timings = time_cases([case], bench.reader, bench.rounds, bench.clock)
    beside = by_turns(
        [timed("floor", case.scan.floor), timed("simple way", lambda: read(case.scan))], bench.rounds, bench.clock
    )
    names = {"floor: cv2.imread to grey": case.floor}
    names |= {stage: case.part(stage) for stage in stages_of(case, timings)}
    names |= {"whole page, from the file": case.page}
    rows = [
        Line(name=name, spread=timings.spread(key), ratio=timings.ratio(key, case.floor)) for name, key in names.items()
    ]
    rows[-1] = replace(rows[-1], note=case.note)
    rows.append(
        Line(
            name="the simple way, to compare",
            spread=beside.spread("simple way"),
            ratio=beside.ratio("simple way", "floor"),
            note=f"{right}/{len(simple)} right; one homography, plain crops, no checks",
        )
    )
    title = "A page by its stages: 300-dpi A4 colour JPEG, 30 fields, one template"
    return [Table(title=title, unit="ms", beside="floor", lines=tuple(rows))]


def kind_table(bench: Bench) -> list[Table]:
    """The same page as other files."""
    cases = kind_cases(bench)
    timings = time_cases(cases, bench.reader, bench.rounds, bench.clock)
    title = "The same page at 300 dpi in other files, each beside its own floor"
    return [Table(title=title, unit="ms", beside="floor", lines=lines(cases, timings))]
