"""The strokes of one field: its value set into its box, with whatever happens to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Box, Field, canonical_number
from sheetwatch.lab.hand import Hand, Stroke, curve, write
from sheetwatch.lab.pen_values import Flag, Truth

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Points = npt.NDArray[np.float64]

_WIDEST, _TALLEST = 0.9, 0.84
_NARROW = 0.3  # of its height; a 1 without a flag


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Writer:
    """A hand at work on one form: how many reference pixels a millimetre is, and the writer's luck."""

    hand: Hand
    pixels_per_mm: float
    rng: np.random.Generator

    def height(self, box: Box) -> float:
        """How high this hand writes in a box, in reference pixels."""
        return min(self.hand.height_mm * self.pixels_per_mm, _TALLEST * box.height)

    def write(self, text: str, height: float) -> list[Stroke]:
        """A number, so many pixels high, near the origin."""
        return [stroke.scaled(height) for stroke in write(self.hand, text, self.rng)]

    def spell(self, value: str, field: Field) -> str:
        """A canonical value as this hand writes it: 7½, 7.5, 7·5, ½, 07."""
        whole, _, fraction = value.partition(".")
        if fraction == "5" and self.hand.half:
            return ("" if whole == "0" and self.rng.random() < 0.8 else whole) + "½"
        if fraction:
            return f"{whole}{self.hand.point}{fraction}"
        two_wide = field.length is None and field.max is not None and field.max >= 10
        return f"0{whole}" if self.hand.zero_first and two_wide and len(whole) == 1 else whole


def write_field(field: Field, truth: Truth, writer: Writer) -> list[Stroke]:
    """All strokes of a written field, in reference pixels."""
    box = field.box
    if box is None or not truth.value:
        return []
    if field.comb:
        return _write_comb(box, field.comb, truth, writer)
    text = writer.spell(truth.value, field)
    if Flag.STRUCK_OUT in truth.flags:
        return _write_correction(box, text, writer)
    if Flag.TWO_VALUES in truth.flags:
        return _write_two(box, field, truth, writer)
    if Flag.BESIDE in truth.flags:
        box = _beside(box)
    if Flag.TOUCHING in truth.flags:
        writer = replace(writer, hand=replace(writer.hand, gap=-0.06))
    strokes = set_into(box, writer.write(_dress(text, truth), writer.height(box)), writer)
    return _mend(strokes, text, truth, box, writer)


def sign_for_nothing(box: Box, truth: Truth, writer: Writer) -> list[Stroke]:
    """The sign for "not attempted" inside one box: a dash, a swung line, a slash from corner to corner, a cross."""
    if Flag.SLASH in truth.flags:
        return [_slash(box, writer.rng)]
    sign = "x" if Flag.CROSS in truth.flags else str(writer.rng.choice(["-", "~"], p=[0.9, 0.1]))
    return set_into(box, writer.write(sign, writer.height(box) * writer.rng.uniform(0.6, 1.0)), writer)


def _slash(box: Box, rng: np.random.Generator) -> Stroke:
    low = (box.left + box.width * rng.uniform(0.05, 0.25), box.top + box.height * rng.uniform(0.8, 0.95))
    high = (box.left + box.width * rng.uniform(0.75, 0.97), box.top + box.height * rng.uniform(0.05, 0.2))
    return _line(np.array([high, np.add(low, high) / 2 + rng.normal(0, 1.5, 2), low]), rng)


def long_stroke(boxes: Sequence[Box], rng: np.random.Generator) -> list[Stroke]:
    """One line through several boxes."""
    first, last = boxes[0], boxes[-1]
    start = (first.left + first.width * rng.uniform(0.1, 0.4), first.top + first.height * rng.uniform(0.25, 0.75))
    end = (last.left + last.width * rng.uniform(0.6, 0.95), last.top + last.height * rng.uniform(0.25, 0.75))
    middle = (np.add(start, end) / 2) + rng.normal(0, 0.06 * first.height, 2)
    return [_line(np.array([start, middle, end]), rng)]


def speck(box: Box, rng: np.random.Generator) -> list[Stroke]:
    """A pen set down by mistake."""
    x = box.left + box.width * rng.uniform(0.15, 0.85)
    y = box.top + box.height * rng.uniform(0.15, 0.85)
    far = box.height * rng.uniform(0.01, 0.05)
    return [_line(np.array([(x, y), (x + far, y + far * rng.uniform(-1, 1))]), rng)]


def set_into(box: Box, strokes: Sequence[Stroke], writer: Writer) -> list[Stroke]:
    """Place strokes where this hand starts in a box, made narrower and lower where they would not fit."""
    left, top, right, bottom = _extent(strokes)
    fit = min(1.0, _WIDEST * box.width / max(right - left, 1.0), _TALLEST * 1.06 * box.height / max(bottom - top, 1.0))
    strokes = [stroke.scaled(fit) for stroke in strokes]
    left, top, right, bottom = _extent(strokes)
    share_x = float(np.clip(writer.hand.lean_x + writer.rng.normal(0, 0.13), 0.06, 0.94))
    share_y = float(np.clip(writer.hand.lean_y + writer.rng.normal(0, 0.13), 0.06, 0.94))
    rim = 0.8 * writer.hand.nib.width_mm * writer.pixels_per_mm  # ink is wider than the line that the pen follows
    x = box.left + rim + share_x * max(0.0, box.width - 2 * rim - (right - left)) - left
    y = box.top + rim + share_y * max(0.0, box.height - 2 * rim - (bottom - top)) - top
    return [stroke.moved(x, y) for stroke in strokes]


def _extent(strokes: Sequence[Stroke]) -> tuple[float, float, float, float]:
    points = np.concatenate([stroke.points for stroke in strokes])
    left, top = points.min(0)
    right, bottom = points.max(0)
    return float(left), float(top), float(right), float(bottom)


def _dress(text: str, truth: Truth) -> str:
    if Flag.DOT_AFTER in truth.flags:
        return f"{text}."
    if Flag.UNIT in truth.flags:
        return f"{text}/="
    return text


def _write_comb(box: Box, teeth: int, truth: Truth, writer: Writer) -> list[Stroke]:
    """One digit in each tooth, from the first; an incident befalls one of them."""
    wide = box.width / teeth
    unlucky = int(writer.rng.integers(0, min(teeth, len(truth.value))))
    writer = replace(writer, hand=replace(writer.hand, lean_x=0.5))
    strokes: list[Stroke] = []
    for k, digit in enumerate(truth.value[:teeth]):
        tooth = Box(left=round(box.left + k * wide), top=box.top, width=round(wide), height=box.height)
        placed = set_into(tooth, writer.write(digit, writer.height(tooth)), writer)
        strokes += _mend(placed, digit, truth, tooth, writer) if k == unlucky else placed
    return strokes


def _mend(strokes: list[Stroke], text: str, truth: Truth, box: Box, writer: Writer) -> list[Stroke]:
    """What happens to a value once it stands: moved over the border, overwritten, circled, ticked."""
    height, rng = writer.height(box), writer.rng
    if Flag.BORDER in truth.flags:
        return _over_border(strokes, box, rng.uniform(0.06, 0.18), height, rng)
    if Flag.OUT_OF_BOX in truth.flags:
        return _over_border(strokes, box, rng.uniform(0.3, 0.5), height, rng)
    if Flag.OVERWRITTEN in truth.flags:
        return _overwrite(strokes, text, writer)
    if Flag.CIRCLED in truth.flags:
        return [*strokes, _ring(strokes, rng)]
    if Flag.TICK in truth.flags:
        return [*strokes, *_tick(strokes, height, writer)]
    return strokes


def _over_border(
    strokes: list[Stroke], box: Box, share: float, height: float, rng: np.random.Generator
) -> list[Stroke]:
    """Moved until the ink reaches past one side of the box by a share of its height.

    Sideways by no more than that share of its own width: a 1 that lies on a printed line is seen by nobody.
    """
    left, top, right, bottom = _extent(strokes)
    down, aside = share * height, min(share * height, share * (right - left))
    shifts = (
        (0.0, box.bottom + down - bottom),
        (0.0, box.top - down - top),
        (box.right + aside - right, 0.0),
        (box.left - aside - left, 0.0),
    )
    if right - left < _NARROW * height:
        shifts = shifts[:2] * 2
    x, y = shifts[int(rng.choice(4, p=[0.45, 0.2, 0.25, 0.1]))]
    return [stroke.moved(x, y) for stroke in strokes]


def _overwrite(strokes: list[Stroke], text: str, writer: Writer) -> list[Stroke]:
    """Another value stands below; the right one was written over it, pressed harder."""
    rng = writer.rng
    wrong = "".join(str((int(c) + int(rng.integers(1, 10))) % 10) if c.isdecimal() else c for c in text)
    left, top, _, bottom = _extent(strokes)
    below = writer.write(wrong, bottom - top)
    wrong_left, wrong_top, _, _ = _extent(below)
    below = [stroke.moved(left - wrong_left, top - wrong_top) for stroke in below]
    return [*below, *(replace(stroke, force=stroke.force * 1.35) for stroke in strokes)]


def _ring(strokes: Sequence[Stroke], rng: np.random.Generator) -> Stroke:
    left, top, right, bottom = _extent(strokes)
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    reach = np.array([(right - left) / 2 * 1.25 + 0.18 * (bottom - top), (bottom - top) / 2 * 1.22])
    turn = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.12), 14) + rng.uniform(0, 2 * np.pi)
    wobble = rng.normal(1, 0.03, (14, 1))
    return _line(centre + reach * wobble * np.stack([np.cos(turn), np.sin(turn)], 1), rng)


def _tick(strokes: Sequence[Stroke], height: float, writer: Writer) -> list[Stroke]:
    _, top, right, _ = _extent(strokes)
    tick = writer.write("✓", height * writer.rng.uniform(0.6, 0.9))
    fall = writer.rng.uniform(-0.1, 0.3) * height
    return [stroke.moved(right + 0.12 * height, top + fall) for stroke in tick]


def _beside(box: Box) -> Box:
    """A place just under the box."""
    return Box(left=box.left, top=box.bottom + box.height // 12, width=box.width, height=box.height)


def _write_two(box: Box, field: Field, truth: Truth, writer: Writer) -> list[Stroke]:
    """Two equal values in one box that are to be added."""
    half = writer.spell(canonical_number(Decimal(truth.value) / 2), field)
    return set_into(box, writer.write(f"{half}+{half}", writer.height(box)), writer)


def _write_correction(box: Box, text: str, writer: Writer) -> list[Stroke]:
    """A struck-out value and its successor beside it."""
    rng, height = writer.rng, writer.height(box)
    wrong = str(rng.choice([digit for digit in "0123456789" if digit != text[0]])) + text[1:]
    old = writer.write(wrong, height)
    old = [*old, *_strike(old, rng)]
    left, _, right, _ = _extent(old)
    shift = right - left + rng.uniform(0.15, 0.3) * height
    return set_into(box, [*old, *(stroke.moved(shift, 0) for stroke in writer.write(text, height))], writer)


def _strike(strokes: Sequence[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Two or three lines or a zigzag through a value; one level line alone would make a barred 7 of a 7."""
    left, top, right, bottom = _extent(strokes)
    reach, tall = 0.14 * (bottom - top), bottom - top
    if rng.random() < 0.3:
        x = np.linspace(left - reach, right + reach, 9)
        y = np.where(np.arange(9) % 2 == 0, top + 0.2 * tall, top + 0.8 * tall) + rng.normal(0, 0.05 * tall, 9)
        return [_line(np.stack([x, y], 1), rng)]
    lines = []
    for _ in range(int(rng.integers(2, 4))):
        start = (left - reach, top + tall * rng.uniform(0.45, 0.95))
        end = (right + reach, top + tall * rng.uniform(0.05, 0.55))
        lines.append(_line(np.array([start, end]), rng))
    return lines


def _line(points: Points, rng: np.random.Generator) -> Stroke:
    line = curve(points)
    return Stroke(points=line, force=np.full(len(line), rng.uniform(0.8, 1.15)))
