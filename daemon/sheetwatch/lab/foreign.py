"""Pages that hold none of the project's forms: other forms, letters, pictures, drawings, and blank backs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.form_canvas import Canvas
from sheetwatch.lab.hand import Stroke, curve, draw_hand, write
from sheetwatch.lab.hand_ink import lay_ink

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Colour = npt.NDArray[np.uint8]
    Grey = npt.NDArray[np.uint8]

FOREIGN_DPI = 200.0
_A4, _A5 = (210.0, 297.0), (148.0, 210.0)
_VOCABULARY = (
    "account address amount and answer apply approved balance between branch candidate carbon certify claim clerk "
    "copy date delivery deposit during each enclosed entry every examination fee figure first for form from given "
    "hall held if in interest item ledger letter line list machine matter may month name neither not number of office "
    "on only order other over page paper part payment per person please point rate receipt register return roll sample "
    "section seen sent session sheet signature since sum supply table term than that the their this to total under "
    "unit until value water week which with without work written year your"
)


def draw_foreign(rng: np.random.Generator) -> Colour:
    """A page that no template of the project fits: uint8 (H, W, 3) at FOREIGN_DPI."""
    kinds: tuple[Callable[[np.random.Generator], Colour], ...] = (
        _other_form,
        _other_form,
        _text_page,
        _handwritten_page,
        _ruled_page,
        _texture,
        _drawing,
    )
    return kinds[int(rng.integers(0, len(kinds)))](rng)


def draw_blank(rng: np.random.Generator, front: Grey | None = None) -> Colour:
    """The empty back of a sheet, uint8 (H, W, 3) at FOREIGN_DPI: white or grey, with what backs carry.

    front: uint8 (H, W), what is printed on the other side and may show through.
    """
    height, width = (2339, 1654) if front is None else front.shape
    level = float(rng.choice([255, 250, 235, 215]))
    page = np.full((height, width), level, np.float32)
    if front is not None and rng.random() < 0.6:
        ghost = cv2.GaussianBlur(np.ascontiguousarray(front[:, ::-1]), (0, 0), rng.uniform(2, 4)).astype(np.float32)
        page -= (255 - ghost) * rng.uniform(0.01, 0.05)
    grey = np.clip(page, 0, 255).astype(np.uint8)
    for happens in (_punch_holes, _specks, _edge_shadow, _fold):
        if rng.random() < 0.3:
            happens(grey, rng)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _punch_holes(grey: Grey, rng: np.random.Generator) -> None:
    height = grey.shape[0]
    radius, x = 22, int(rng.integers(60, 110))
    for y in (height // 2 - 315, height // 2 + 315):
        cv2.circle(grey, (x, y), radius, int(rng.integers(5, 90)), -1, cv2.LINE_AA)


def _specks(grey: Grey, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(3, 40))):
        place = (int(rng.integers(0, grey.shape[1])), int(rng.integers(0, grey.shape[0])))
        cv2.circle(grey, place, int(rng.integers(0, 3)), int(rng.integers(60, 180)), -1)


def _edge_shadow(grey: Grey, rng: np.random.Generator) -> None:
    view = np.rot90(grey, int(rng.integers(0, 4)))
    deep = int(rng.integers(10, 60))
    fall = np.linspace(rng.uniform(0.2, 0.7), 1, deep)[:, None]
    view[:deep] = (view[:deep] * fall).astype(np.uint8)


def _fold(grey: Grey, rng: np.random.Generator) -> None:
    y = int(grey.shape[0] * rng.choice([1 / 3, 1 / 2, 2 / 3])) + int(rng.integers(-20, 20))
    grey[y : y + 3] = (grey[y : y + 3] * rng.uniform(0.85, 0.95)).astype(np.uint8)


def _paper(canvas: Canvas) -> Colour:
    return np.repeat(canvas.print_out()[:, :, None], 3, axis=2)


def _words(rng: np.random.Generator, count: int) -> str:
    return " ".join(rng.choice(_VOCABULARY.split(), count).tolist())


def _other_form(rng: np.random.Generator) -> Colour:
    """A form in the manner of the project's own: same face and lines, other words and another layout."""
    width, height = (_A4, _A5, _A4[::-1], _A5[::-1])[int(rng.integers(0, 4))]
    canvas = Canvas(width, height)
    y = 12.0
    canvas.emblem(22, y + 10, 9, kind="book" if rng.random() < 0.5 else "bolt")
    canvas.text(36, y, _words(rng, 2).title(), rng.uniform(5, 8), bold=True)
    canvas.text(36, y + 10, _words(rng, 6).capitalize(), 3)
    y += 24
    while y < height - 30:
        y += (_form_comb, _form_table, _form_paragraph, _form_line)[int(rng.integers(0, 4))](canvas, y, width, rng)
    canvas.text(12, height - 10, _words(rng, 7).capitalize(), 2.5)
    page = _paper(canvas)
    if rng.random() < 0.7:
        _scatter_numbers(page, rng)
    return page


def _form_comb(canvas: Canvas, y: float, width: float, rng: np.random.Generator) -> float:
    canvas.text(12, y + 2, _words(rng, 2).title(), 3, bold=True)
    canvas.comb(60, y, int(rng.integers(4, 1 + int((width - 75) / 9))), 9, 11)
    return 15.0


def _form_table(canvas: Canvas, y: float, width: float, rng: np.random.Generator) -> float:
    rows, columns = int(rng.integers(2, 6)), int(rng.integers(3, 9))
    wide = (width - 24) / columns
    for row in range(rows):
        for column in range(columns):
            left, top = 12 + column * wide, y + 8 * row
            canvas.frame(left, top, left + wide, top + 8)
            if row == 0 or (column == 0 and rng.random() < 0.7):
                canvas.text(left + 1.5, top + 4, _words(rng, 1), 2.8, anchor="lm")
    return 8.0 * rows + 6


def _form_paragraph(canvas: Canvas, y: float, width: float, rng: np.random.Generator) -> float:
    lines = int(rng.integers(1, 6))
    for k in range(lines):
        canvas.text(12, y + 4.6 * k, _words(rng, int((width - 24) / 13)).capitalize(), 3)
    return 4.6 * lines + 5


def _form_line(canvas: Canvas, y: float, width: float, rng: np.random.Generator) -> float:
    if rng.random() < 0.4:
        canvas.bar(12, y, width - 12, y + 8, int(rng.choice([0, 60, 222])))
        return 12.0
    canvas.text(12, y, _words(rng, 2).capitalize(), 3)
    canvas.dotted(50, y + 4, width - 14)
    return 9.0


def _scatter_numbers(page: Colour, rng: np.random.Generator) -> None:
    hand = draw_hand(rng)
    for _ in range(int(rng.integers(4, 25))):
        text = str(rng.integers(0, 10 ** int(rng.integers(1, 6))))
        place = rng.uniform(0.08, 0.85, 2) * (page.shape[1], page.shape[0])
        strokes = [stroke.scaled(45).moved(*place) for stroke in write(hand, text, rng)]
        lay_ink(page, strokes, hand.nib, dpi=FOREIGN_DPI, rng=rng)


def _text_page(rng: np.random.Generator) -> Colour:
    canvas = Canvas(*_A4)
    canvas.text(22, 20, _words(rng, 4).title(), rng.uniform(4, 7), bold=True)
    size, y = rng.uniform(2.6, 4.2), 38.0
    while y < 275:
        full = rng.random() < 0.85
        canvas.text(22, y, _words(rng, int((160 if full else 60) / (size * 3.1))), size)
        y += size * (1.45 if full else 2.6)
    return _paper(canvas)


def _handwritten_page(rng: np.random.Generator) -> Colour:
    """Lines of joined-up writing that say nothing, with sums between them."""
    page = _paper(Canvas(*_A4))
    hand = draw_hand(rng)
    for y in np.arange(150, 2200, rng.uniform(70, 110)):
        x = 140.0
        while x < 1400 and rng.random() > 0.03:
            steps = int(rng.integers(6, 26))
            rise = rng.normal(0, 1, steps) * np.where(rng.random(steps) < 0.2, 26, 11)
            knots = np.stack([x + np.cumsum(rng.uniform(3, 14, steps)), y + rise], 1)
            line = curve(knots)
            lay_ink(page, [Stroke(points=line, force=np.ones(len(line)))], hand.nib, dpi=FOREIGN_DPI, rng=rng)
            x = float(knots[-1, 0]) + rng.uniform(18, 40)
    _scatter_numbers(page, rng)
    return page


def _ruled_page(rng: np.random.Generator) -> Colour:
    """Squared or lined paper with numbers on it."""
    page = np.full((2339, 1654, 3), 255, np.uint8)
    step = int(rng.integers(30, 70))
    ink = (int(rng.integers(100, 200)), int(rng.integers(120, 200)), 215)
    page[::step] = ink
    if rng.random() < 0.6:
        page[:, ::step] = ink
    _scatter_numbers(page, rng)
    return page


def _texture(rng: np.random.Generator) -> Colour:
    """Something like a photograph: clouds of several scales, edges, and patches of light."""
    height, width = (2339, 1654) if rng.random() < 0.5 else (1654, 2339)
    picture = np.zeros((height, width, 3), np.float32)
    for octave in range(2, 8):
        cells = rng.standard_normal((2**octave, 2**octave, 3), np.float32)
        picture += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) * 60 / 1.6**octave
    picture += rng.uniform(60, 190)
    for _ in range(int(rng.integers(2, 14))):
        corners = rng.uniform(0, 1, (int(rng.integers(3, 7)), 2)) * (width, height)
        shade = rng.uniform(0.5, 1.4)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
        picture[mask == 1] *= shade
    return np.clip(picture, 0, 255).astype(np.uint8)


def _drawing(rng: np.random.Generator) -> Colour:
    """Circles, polygons and loose curves on white."""
    page = np.full((2339, 1654, 3), 255, np.uint8)
    for _ in range(int(rng.integers(6, 40))):
        centre = (int(rng.integers(100, 1550)), int(rng.integers(100, 2240)))
        colour = [int(part) for part in rng.integers(0, 170, 3)]
        thick = int(rng.integers(1, 9))
        if rng.random() < 0.5:
            axes = (int(rng.integers(20, 400)), int(rng.integers(20, 400)))
            cv2.ellipse(page, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, thick, cv2.LINE_AA)
        else:
            line = curve(np.array(centre) + np.cumsum(rng.normal(0, 120, (int(rng.integers(3, 9)), 2)), 0))
            cv2.polylines(page, [line.astype(np.int32)], rng.random() < 0.5, colour, thick, cv2.LINE_AA)
    return page
