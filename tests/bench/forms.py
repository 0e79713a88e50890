"""The forms that are timed: an office's mark sheets with any number of boxes, and others that they must be told from.

An office prints one form for every subject: the same heading, the same boxes, another subject's name, and now and then
a row a little lower, because a line of text came in. Such look-alikes are the hard case for finding the right template.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sheetwatch.domain import Box, Field, FieldKind, SumCheck, Template
from sheetwatch.lab.form_canvas import THICK_MM, Canvas
from sheetwatch.lab.form_random import random_form

SUBJECTS = (
    "Physics", "Chemistry", "Mathematics", "Botany", "Zoology", "History", "Geography", "Economics", "Civics", "Music",
    "Statistics", "Philosophy", "Astronomy", "Geology", "Commerce", "Accountancy", "Sociology", "Psychology", "Law",
    "Agriculture",
)  # fmt: skip
_NAMES = (
    "Asha", "Bilal", "Chitra", "Devika", "Esther", "Farhan", "Gauri", "Harish", "Imran", "Jyoti", "Kiran", "Lakshmi",
    "Manoj", "Nandini", "Omar", "Priya", "Qadir", "Rekha", "Suresh", "Tara", "Usha", "Vikram", "Wasim",
)  # fmt: skip
_LEFT, _RIGHT, _LABEL_END = 12.0, 198.0, 31.0
_GRID_TOP, _HEAD, _FOOT = 76.0, 7.0, 283.0
_EACH = 10
_MOST_FIELDS_RANDOM = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Rows of marks, each with its total; `grand`: the totals' total below them. The roll number comes on top."""

    rows: int
    columns: int
    grand: bool

    @property
    def fields(self) -> int:
        return 1 + self.rows * self.columns + self.grand

    @property
    def row_mm(self) -> float:
        return min(14.0, (_FOOT - _GRID_TOP - _HEAD - 18 * self.grand) / self.rows)


GRIDS = {
    grid.fields: grid
    for grid in (
        Grid(rows=1, columns=9, grand=False),
        Grid(rows=4, columns=7, grand=True),
        Grid(rows=14, columns=7, grand=True),
        Grid(rows=23, columns=13, grand=False),
    )
}
"""By their number of fields: 10, 30, 100, 300."""


def mark_sheet(grid: Grid, subject: str, *, lower_row: int | None = None, lower_mm: float = 0.0) -> Template:
    """An A4 sheet at 200 dpi. From row `lower_row` on, the boxes lie `lower_mm` further down."""
    canvas = Canvas(210, 297)
    _heading(canvas, subject)
    fields = [_roll(canvas)]
    checks = []
    top = _GRID_TOP + _HEAD
    for row in range(grid.rows):
        top += lower_mm if row == lower_row else 0.0
        marks = _row(canvas, grid, row, top)
        checks.append(SumCheck(total=marks[-1].name, terms=tuple(mark.name for mark in marks[:-1])))
        fields += marks
        top += grid.row_mm
    if grid.grand:
        fields.append(_grand(canvas, grid, top + 2))
        checks.append(SumCheck(total="grand", terms=tuple(check.total for check in checks)))
    _feet(canvas, subject)
    return Template(
        name=f"{subject.lower()}-{grid.fields}",
        title=f"{subject}, {grid.fields} fields",
        reference=canvas.print_out(),
        fields=tuple(fields),
        checks=tuple(checks),
        revision=f"{grid.fields}",
    )


def look_alikes(count: int) -> list[Template]:
    """The 30-field sheet for each subject, in each of them another row moved or the same one further."""
    grid = GRIDS[30]
    return [
        mark_sheet(grid, subject, lower_row=at % grid.rows, lower_mm=2.0 + 1.5 * (at // grid.rows))
        for at, subject in enumerate(SUBJECTS[:count])
    ]


def unlike(count: int) -> list[Template]:
    """The 30-field sheet and forms of other houses, in other print."""
    others = (random_form(seed) for seed in range(10 * count))
    fit = (form for form in others if 5 < len(form.fields) <= _MOST_FIELDS_RANDOM)
    return [mark_sheet(GRIDS[30], SUBJECTS[0]), *(replace(next(fit), revision="1") for _ in range(count - 1))]


def _heading(canvas: Canvas, subject: str) -> None:
    canvas.emblem(24, 22, 11, kind="bolt")
    canvas.text(39, 13, "WEIR STREET COLLEGE", 8, bold=True)
    canvas.text(39, 23, "Examination office · 14 Weir Street, Riverbank · marks are final when signed", 3.2)
    canvas.text(39, 29, f"{subject.upper()}, SECOND TERM", 4.4, bold=True)
    canvas.bar(_LEFT, 37, _RIGHT, 45)
    canvas.text(16, 41, "MARK SHEET", 5.4, bold=True, anchor="lm", ink=255)
    canvas.text(194, 41, f"Paper in {subject}", 3.4, anchor="rm", ink=255)
    canvas.text(_LEFT, 65, "Whole and half marks only. Leave the box of a question that was not attempted empty.", 3)
    canvas.rule(_LEFT, 71, _RIGHT, 71, THICK_MM)


def _roll(canvas: Canvas) -> Field:
    canvas.text(_LEFT, 53, "ROLL NUMBER", 3, bold=True)
    return Field(name="roll", kind=FieldKind.DIGITS, length=8, comb=8, required=True, box=canvas.comb(45, 50, 8, 9, 11))


def _row(canvas: Canvas, grid: Grid, row: int, top: float) -> list[Field]:
    wide = (_RIGHT - _LABEL_END) / grid.columns
    canvas.frame(_LEFT, top, _LABEL_END, top + grid.row_mm)
    canvas.text(_LEFT + 1, top + grid.row_mm / 2, _NAMES[row], 2.9, bold=True, anchor="lm")
    fields = []
    for column in range(grid.columns):
        left = _LABEL_END + column * wide
        last = column == grid.columns - 1
        if row == 0:
            canvas.bar(left, _GRID_TOP, left + wide, _GRID_TOP + _HEAD, 222)
            canvas.frame(left, _GRID_TOP, left + wide, _GRID_TOP + _HEAD)
            canvas.text(left + wide / 2, _GRID_TOP + _HEAD / 2, "total" if last else f"{column + 1}", 3, anchor="mm")
        name = f"total_{row + 1}" if last else f"q{row + 1}_{column + 1}"
        largest = _EACH * (grid.columns - 1) if last else _EACH
        fields.append(_mark(name, largest, canvas.frame(left, top, left + wide, top + grid.row_mm)))
    return fields


def _grand(canvas: Canvas, grid: Grid, top: float) -> Field:
    canvas.bar(118, top, 160, top + 14, 60)
    canvas.text(139, top + 7, "GRAND TOTAL", 4.2, bold=True, anchor="mm", ink=255)
    largest = _EACH * (grid.columns - 1) * grid.rows
    return _mark("grand", largest, canvas.frame(160, top, _RIGHT, top + 14, THICK_MM))


def _feet(canvas: Canvas, subject: str) -> None:
    canvas.text(_LEFT, _FOOT + 2, f"Weir Street College · {subject} · to be returned to the examination office", 2.6)


def _mark(name: str, largest: int, box: Box) -> Field:
    return Field(name=name, kind=FieldKind.MARK, max=largest, step=0.5, box=box)
