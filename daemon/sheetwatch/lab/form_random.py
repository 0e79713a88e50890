"""Random blank forms: grids, combs and single boxes in many styles of print, with the truth of every box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Box, Field, FieldKind, Template
from sheetwatch.lab.form_canvas import Canvas
from sheetwatch.lab.form_random_words import WORDS, heading, sentence

if TYPE_CHECKING:
    from collections.abc import Callable

_LEFT, _FOOT_MM = 14.0, 34.0
_THICKNESSES_MM = (0.13, 0.18, 0.25, 0.25, 0.35, 0.5, 0.7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a form is printed: `thick` lines in mm, in `ink` (grey level), dashed by (dash, gap) mm where that is set."""

    thick: float
    ink: int
    words_ink: int
    dashes: tuple[float, float] | None


class RandomForm:
    """A form in the making: what is printed, what is to be found, and how far down the page it has come."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.width, self.height = (210.0, 297.0) if rng.random() < 0.7 else (215.9, 279.4)
        self.canvas = Canvas(self.width, self.height)
        self.style = _style(rng)
        self.fields: list[Field] = []
        self.y = 12.0

    def add(self, kind: FieldKind, box: Box, teeth: int | None = None) -> None:
        """Note a box that is to be found."""
        name = f"f{len(self.fields) + 1}"
        largest = None if kind is FieldKind.DIGITS else 10
        self.fields.append(Field(name=name, kind=kind, box=box, max=largest, length=teeth, comb=teeth))

    def room(self, height: float) -> bool:
        """Whether there is room for something of this height."""
        return self.y + height < self.height - _FOOT_MM

    def frame(self, x0: float, y0: float, x1: float, y1: float, thick: float | None = None) -> Box:
        """A rectangle in the form's style. Returns the white inside."""
        style = self.style
        return self.canvas.frame(x0, y0, x1, y1, thick or style.thick, ink=style.ink, dashes=style.dashes)

    def words(self, x: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
        """Words whose left end and middle are given."""
        self.canvas.text(x, y, text, size, bold=bold, anchor="lm", ink=self.style.words_ink)


def random_form(seed: int) -> Template:
    """One form at 200 dpi; the same seed gives the same form. Boxes and combs of its fields are the truth."""
    form = RandomForm(np.random.default_rng(seed))
    _title(form)
    parts: list[Callable[[RandomForm], None]] = [_combs, _singles]
    form.rng.shuffle(parts)  # type: ignore[arg-type]
    for part in parts:
        part(form)
    if form.rng.random() < 0.5:
        _paragraph(form, framed=bool(form.rng.random() < 0.4))
    _grid(form)
    if form.room(70) and form.rng.random() < 0.5:
        _grid(form)
    if form.rng.random() < 0.5:
        _signature(form)
    return Template(
        name=f"random-{seed}",
        title=f"Random form {seed}",
        reference=form.canvas.print_out(),
        fields=tuple(form.fields),
    )


def _style(rng: np.random.Generator) -> Style:
    faint = rng.random() < 0.3
    dashed = rng.random() < 0.2
    return Style(
        thick=float(rng.choice(_THICKNESSES_MM)),
        ink=int(rng.integers(90, 186)) if faint else int(rng.integers(0, 60)),
        words_ink=int(rng.integers(0, 110)),
        dashes=(float(rng.uniform(1.0, 3.0)), float(rng.uniform(0.5, 1.4))) if dashed else None,
    )


def _title(form: RandomForm) -> None:
    rng = form.rng
    if rng.random() < 0.4:
        form.canvas.emblem(28, form.y + 12, 11, kind="book" if rng.random() < 0.5 else "bolt")
    size = float(rng.uniform(4.5, 8.5))
    form.words(44, form.y + 5, heading(rng), size, bold=True)
    form.words(44, form.y + 14, sentence(rng, 7), 3.6)
    form.y += 26
    if rng.random() < 0.3:
        form.canvas.bar(_LEFT, form.y, form.width - _LEFT, form.y + 9, int(rng.integers(0, 80)))
        form.y += 13


def _combs(form: RandomForm) -> None:
    rng = form.rng
    for _ in range(int(rng.integers(0, 3))):
        teeth, tooth = int(rng.integers(4, 15)), float(rng.uniform(5.0, 9.5))
        height = float(rng.uniform(max(6.0, 0.8 * tooth), 11.5))
        start = float(rng.uniform(42, 60))
        teeth = min(teeth, int((form.width - _LEFT - start) / tooth))
        form.words(_LEFT, form.y + height / 2, str(rng.choice(WORDS)).upper() + " NO.", 3.2, bold=True)
        box = form.canvas.comb(
            start, form.y, teeth, tooth, height, thick=form.style.thick, ink=form.style.ink, dashes=form.style.dashes
        )
        form.add(FieldKind.DIGITS, box, teeth)
        form.y += height + float(rng.uniform(3, 9))


def _singles(form: RandomForm) -> None:
    rng = form.rng
    x, tallest = _LEFT, 0.0
    for _ in range(int(rng.integers(0, 4))):
        width, height = float(rng.uniform(12, 36)), float(rng.uniform(8, 14))
        label = str(rng.choice(WORDS)).capitalize() + ":"
        if x + 24 + width > form.width - _LEFT:
            break
        form.words(x, form.y + height / 2, label, 3.0)
        form.add(FieldKind.MARK, form.frame(x + 24, form.y, x + 24 + width, form.y + height))
        x += 24 + width + float(rng.uniform(6, 12))
        tallest = max(tallest, height)
    form.y += tallest + float(rng.uniform(4, 9)) if tallest else 0


def _paragraph(form: RandomForm, *, framed: bool) -> None:
    lines, size = int(form.rng.integers(2, 7)), float(form.rng.uniform(2.4, 3.6))
    height = lines * size * 1.6 + 3
    if framed:
        form.frame(_LEFT, form.y, form.width - _LEFT, form.y + height)
    for line in range(lines):
        form.words(_LEFT + 4, form.y + 1.5 + (line + 0.5) * size * 1.6, sentence(form.rng, 13), size)
    form.y += height + 6


def _grid(form: RandomForm) -> None:
    rng = form.rng
    rows, columns = int(rng.integers(1, 11)), int(rng.integers(1, 8))
    label_width = float(rng.uniform(14, 34)) if rng.random() < 0.6 else 0.0
    head = float(rng.uniform(6, 10)) if rng.random() < 0.7 else 0.0
    cell = (float(rng.uniform(12, 42)), float(rng.uniform(7, 16)))
    if rows == 1 and not head:
        head = 7.0  # a bare row of narrow boxes is a comb, whoever asks
    columns = max(1, min(columns, int((form.width - 2 * _LEFT - label_width) / cell[0])))
    rows = max(0, min(rows, int((form.height - _FOOT_MM - form.y - head) / cell[1])))
    if not rows:
        return
    left = _LEFT + float(rng.uniform(0, form.width - 2 * _LEFT - label_width - columns * cell[0]))
    _heads(form, left, head, label_width=label_width, columns=columns, width=cell[0])
    numbered = rng.random() < 0.3
    for row in range(rows):
        y = form.y + head + row * cell[1]
        if label_width:
            form.frame(left, y, left + label_width, y + cell[1])
            form.words(
                left + 2.5, y + cell[1] / 2, f"{rng.choice(WORDS)}"[:9] if rng.random() < 0.5 else f"Q{row + 1}", 3.4
            )
        for column in range(columns):
            x = left + label_width + column * cell[0]
            form.add(FieldKind.MARK, form.frame(x, y, x + cell[0], y + cell[1]))
            if numbered:
                form.words(x + 1.2, y + 2.2, f"{row * columns + column + 1}", 2.3)
    right, bottom = left + label_width + columns * cell[0], form.y + head + rows * cell[1]
    if rng.random() < 0.3:
        form.canvas.frame(left - 0.3, form.y - 0.3, right + 0.3, bottom + 0.3, 0.7, ink=form.style.ink)
    if label_width and rng.random() < 0.5 and form.room(bottom - form.y + cell[1]):
        form.frame(left, bottom, right - cell[0], bottom + cell[1])
        form.words(left + 3, bottom + cell[1] / 2, "TOTAL", 3.6, bold=True)
        form.add(FieldKind.MARK, form.frame(right - cell[0], bottom, right, bottom + cell[1]))
        bottom += cell[1]
    form.y = bottom + float(rng.uniform(5, 14))


def _heads(form: RandomForm, left: float, head: float, *, label_width: float, columns: int, width: float) -> None:
    """The heading row, shaded or not; the box over the row labels is often empty."""
    if not head:
        return
    shaded = form.rng.random() < 0.3
    places = [(left, label_width)] if label_width else []
    places += [(left + label_width + column * width, width) for column in range(columns)]
    for at, (x, wide) in enumerate(places):
        if shaded:
            form.canvas.bar(x, form.y, x + wide, form.y + head, 222)
        form.frame(x, form.y, x + wide, form.y + head)
        if at or not label_width or form.rng.random() < 0.6:
            text = f"{form.rng.choice(WORDS)}"[: max(3, int(wide / 2.2))].capitalize()
            form.words(x + wide / 2 - len(text) * 0.75, form.y + head / 2, text, 2.9, bold=True)


def _signature(form: RandomForm) -> None:
    """A wide box for a name, which is no place for a number."""
    top = form.height - _FOOT_MM + 6
    form.frame(_LEFT, top, _LEFT + 80, top + 18)
    form.words(_LEFT + 2, top + 15, "Name and signature", 2.4)
