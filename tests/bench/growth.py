"""How the time for a page grows with fields, templates and resolution, and what a photograph costs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.cases import Case, lines, time_cases
from bench.forms import GRIDS, look_alikes, mark_sheet, unlike
from bench.page import answer_book
from bench.pages import SCANNER, telephone, write_scan
from bench.right import LeftToPersonError, Score, score
from bench.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.conditions import Bench
    from bench.table import Line
    from sheetwatch.domain import Template

_TRIED_SHEETS = 8
_DPIS = (150, 200, 300, 400, 600)
_PHOTOGRAPHS = 4
_PAGES_OF_FAMILY = 4


def field_cases(bench: Bench, counts: Sequence[int]) -> list[Case]:
    """The mark sheet with so many fields."""
    return [_first_read(bench, mark_sheet(GRIDS[count], "Physics"), f"{count} fields") for count in counts]


def fields_table(bench: Bench) -> list[Table]:
    """10, 30, 100, 300 fields."""
    cases = field_cases(bench, tuple(GRIDS))
    return [_table(bench, "Fields: a mark sheet as 300-dpi colour JPEG, one template", cases)]


def _first_read(bench: Bench, template: Template, name: str) -> Case:
    """The first of some sheets that is read; one that is left to a person tells no time."""
    for seed in range(_TRIED_SHEETS):
        scan = write_scan(template, bench.folder / f"{template.name}.jpg", seed=seed)
        with suppress(LeftToPersonError):
            found = score(scan, [template], bench.reader)
            left = f"{seed} OF {seed + 1} SHEETS LEFT TO A PERSON" if seed else ""
            return Case(name=name, scan=scan, templates=[template], score=found, remark=left)
    raise LeftToPersonError(f"{name}: each of {_TRIED_SHEETS} sheets is left to a person")


def template_cases(bench: Bench, counts: Sequence[int], family: str = "alike") -> list[Case]:
    """One page of a family's first form, to be told from so many others."""
    forms = look_alikes(max(counts)) if family == "alike" else unlike(max(counts))
    scan = write_scan(forms[0], bench.folder / f"{family}.jpg")
    return [
        Case(name=f"{count} {family}", scan=scan, templates=tried, score=score(scan, tried, bench.reader))
        for count, tried in ((count, forms[:count]) for count in counts)
    ]


def templates_table(bench: Bench) -> list[Table]:
    """1, 5, 20 templates: of one office, where they look alike, and of many houses."""
    alike, others = template_cases(bench, (1, 5, 20)), template_cases(bench, (5, 20), "unlike")
    cases = [*alike, *others]
    timings = time_cases(cases, bench.reader, bench.rounds, bench.clock)
    elsewhere = {alike[-1].name: _family_note(bench, look_alikes(20)), others[-1].name: _family_note(bench, unlike(20))}
    rows = [
        replace(
            line,
            note="; ".join(
                [
                    f"{timings.ratio(case.page, alike[0].page).median:.2f} x one template",
                    line.note,
                    *filter(None, [elsewhere.get(case.name)]),
                ]
            ),
        )
        for case, line in zip(cases, lines(cases, timings), strict=True)
    ]
    return [_titled("Templates: 300-dpi colour JPEG, 30 fields, read with so many templates to choose from", rows)]


def _family_note(bench: Bench, forms: list[Template]) -> str:
    """How some pages are read, each of another form of the family."""
    total, left = Score(fields=0, right=0, harm=0, slow=0), 0
    for at in range(1, len(forms), len(forms) // _PAGES_OF_FAMILY):
        try:
            total += score(write_scan(forms[at], bench.folder / "other.jpg", seed=at), forms, bench.reader)
        except LeftToPersonError:
            left += 1
    return f"pages of {_PAGES_OF_FAMILY} others: {total}{f', {left} left to a person' if left else ''}"


def resolution_table(bench: Bench) -> list[Table]:
    """150 to 600 dpi."""
    template = answer_book()
    cases = []
    for dpi in _DPIS:
        scan = write_scan(template, bench.folder / f"{dpi}.jpg", device=replace(SCANNER, dpi=dpi))
        found = score(scan, [template], bench.reader)
        cases.append(Case(name=f"{dpi} dpi", scan=scan, templates=[template], score=found))
    return [_table(bench, "Resolution: the answer book's cover, colour JPEG, 30 fields", cases)]


def photograph_table(bench: Bench) -> list[Table]:
    """Photographs: bent paper, shadows, perspective."""
    template = answer_book()
    cases = []
    for seed in range(_PHOTOGRAPHS):
        scan = write_scan(template, bench.folder / f"photograph-{seed}.jpg", seed=seed, device=telephone(seed))
        case = Case(name=f"photograph {seed + 1}", scan=scan, templates=[template])
        try:
            cases.append(replace(case, score=score(scan, [template], bench.reader)))
        except LeftToPersonError as why:
            cases.append(replace(case, remark=str(why)))
    return [_table(bench, "Photographs of the same form by a telephone (no target)", cases)]


def _table(bench: Bench, title: str, cases: list[Case]) -> Table:
    timings = time_cases(cases, bench.reader, bench.rounds, bench.clock)
    return _titled(title, lines(cases, timings))


def _titled(title: str, rows: Sequence[Line]) -> Table:
    return Table(title=title, unit="ms", beside="floor", lines=tuple(rows))
