"""The strokes of one field: its value set into its box, with whatever happens to it."""

from __future__ import annotations

from dataclasses import replace
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


def write_field(
    field: Field, truth: Truth, hand: Hand, *, pixels_per_mm: float, rng: np.random.Generator
) -> list[Stroke]:
    """All strokes of a written field, in reference pixels."""
    box = field.box
    if box is None or not truth.value:
        return []
    if field.comb:
        return _write_comb(box, field.comb, truth, hand, pixels_per_mm, rng)
    text = spell(truth.value, hand, field, rng)
    height = _digit_height(box, hand, pixels_per_mm)
    if truth.flags & {Flag.STRUCK_OUT, Flag.TWO_VALUES}:
        return _write_two(box, text, truth, field, hand, height, rng)
    if Flag.BESIDE in truth.flags:
        box = _beside(box)
    tight = replace(hand, gap=-0.06) if Flag.TOUCHING in truth.flags else hand
    strokes = set_into(box, _raise(write(tight, _dress(text, truth), rng), height), hand, rng)
    return _mend(strokes, text, truth, box, hand, height, rng)


def spell(value: str, hand: Hand, field: Field, rng: np.random.Generator) -> str:
    """A canonical value as this hand writes it: 7½, 7.5, 7·5, ½, 07."""
    whole, _, fraction = value.partition(".")
    if fraction == "5" and hand.half:
        return ("" if whole == "0" and rng.random() < 0.8 else whole) + "½"
    if fraction:
        return f"{whole}{hand.point}{fraction}"
    if hand.zero_first and len(whole) == 1 and field.max is not None and field.max >= 10 and field.length is None:
        return f"0{whole}"
    return whole


def dash(box: Box, hand: Hand, pixels_per_mm: float, rng: np.random.Generator) -> list[Stroke]:
    """The sign for "not attempted" inside one box: a dash, a slash, a cross or a swung line."""
    sign = str(rng.choice(["-", "/", "~", "x"], p=[0.66, 0.2, 0.07, 0.07]))
    height = _digit_height(box, hand, pixels_per_mm) * (1.0 if sign == "/" else rng.uniform(0.6, 1.0))
    return set_into(box, _raise(write(hand, sign, rng), height), hand, rng)


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


def set_into(box: Box, strokes: Sequence[Stroke], hand: Hand, rng: np.random.Generator) -> list[Stroke]:
    """Place strokes where this hand starts in a box, made narrower and lower where they would not fit."""
    left, top, right, bottom = _extent(strokes)
    fit = min(1.0, _WIDEST * box.width / max(right - left, 1.0), _TALLEST * 1.06 * box.height / max(bottom - top, 1.0))
    strokes = [stroke.scaled(fit) for stroke in strokes]
    left, top, right, bottom = _extent(strokes)
    share_x = float(np.clip(hand.lean_x + rng.normal(0, 0.13), 0.06, 0.94))
    share_y = float(np.clip(hand.lean_y + rng.normal(0, 0.13), 0.06, 0.94))
    x = box.left + share_x * (box.width - (right - left)) - left
    y = box.top + share_y * (box.height - (bottom - top)) - top
    return [stroke.moved(x, y) for stroke in strokes]


def _digit_height(box: Box, hand: Hand, pixels_per_mm: float) -> float:
    return min(hand.height_mm * pixels_per_mm, _TALLEST * box.height)


def _raise(strokes: Sequence[Stroke], height: float) -> list[Stroke]:
    return [stroke.scaled(height) for stroke in strokes]


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


def _write_comb(
    box: Box, teeth: int, truth: Truth, hand: Hand, pixels_per_mm: float, rng: np.random.Generator
) -> list[Stroke]:
    """One digit in each tooth, from the first; an incident befalls one of them."""
    wide = box.width / teeth
    unlucky = int(rng.integers(0, min(teeth, len(truth.value))))
    steady = replace(hand, lean_x=0.5)
    strokes: list[Stroke] = []
    for k, digit in enumerate(truth.value[:teeth]):
        tooth = Box(left=round(box.left + k * wide), top=box.top, width=round(wide), height=box.height)
        height = _digit_height(tooth, hand, pixels_per_mm)
        placed = set_into(tooth, _raise(write(hand, digit, rng), height), steady, rng)
        happens = truth if k == unlucky else Truth(value=digit, state=truth.state)
        strokes += _mend(placed, digit, happens, tooth, hand, height, rng)
    return strokes


def _mend(
    strokes: list[Stroke], text: str, truth: Truth, box: Box, hand: Hand, height: float, rng: np.random.Generator
) -> list[Stroke]:
    """What happens to a value once it stands: moved over the border, overwritten, circled, ticked."""
    if Flag.BORDER in truth.flags:
        return _over_border(strokes, box, height * rng.uniform(0.06, 0.18), rng)
    if Flag.OUT_OF_BOX in truth.flags:
        return _over_border(strokes, box, height * rng.uniform(0.3, 0.5), rng)
    if Flag.OVERWRITTEN in truth.flags:
        return _overwrite(strokes, text, hand, rng)
    if Flag.CIRCLED in truth.flags:
        return [*strokes, _ring(strokes, rng)]
    if Flag.TICK in truth.flags:
        return [*strokes, *_tick(strokes, hand, height, rng)]
    return strokes


def _over_border(strokes: list[Stroke], box: Box, beyond: float, rng: np.random.Generator) -> list[Stroke]:
    """Moved until the ink reaches `beyond` pixels past one side of the box."""
    left, top, right, bottom = _extent(strokes)
    shifts = (
        (0.0, box.bottom + beyond - bottom),
        (0.0, box.top - beyond - top),
        (box.right + beyond - right, 0.0),
        (box.left - beyond - left, 0.0),
    )
    x, y = shifts[int(rng.choice(4, p=[0.45, 0.2, 0.25, 0.1]))]
    return [stroke.moved(x, y) for stroke in strokes]


def _overwrite(strokes: list[Stroke], text: str, hand: Hand, rng: np.random.Generator) -> list[Stroke]:
    """Another value stands below; the right one was written over it, pressed harder."""
    wrong = "".join(str((int(c) + int(rng.integers(1, 10))) % 10) if c.isdigit() else c for c in text)
    left, top, _right, bottom = _extent(strokes)
    below = _raise(write(hand, wrong, rng), bottom - top)
    a, b, _, _ = _extent(below)
    below = [stroke.moved(left - a, top - b) for stroke in below]
    return [*below, *(replace(stroke, force=stroke.force * 1.35) for stroke in strokes)]


def _ring(strokes: Sequence[Stroke], rng: np.random.Generator) -> Stroke:
    left, top, right, bottom = _extent(strokes)
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    reach = np.array([(right - left) / 2 * 1.25 + 0.18 * (bottom - top), (bottom - top) / 2 * 1.22])
    turn = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.12), 14) + rng.uniform(0, 2 * np.pi)
    wobble = rng.normal(1, 0.03, (14, 1))
    return _line(centre + reach * wobble * np.stack([np.cos(turn), np.sin(turn)], 1), rng)


def _tick(strokes: Sequence[Stroke], hand: Hand, height: float, rng: np.random.Generator) -> list[Stroke]:
    _, top, right, _ = _extent(strokes)
    tick = _raise(write(hand, "✓", rng), height * rng.uniform(0.6, 0.9))
    return [stroke.moved(right + 0.12 * height, top + rng.uniform(-0.1, 0.3) * height) for stroke in tick]


def _beside(box: Box) -> Box:
    """A place just under the box."""
    return Box(left=box.left, top=box.bottom + box.height // 12, width=box.width, height=box.height)


def _write_two(
    box: Box, text: str, truth: Truth, field: Field, hand: Hand, height: float, rng: np.random.Generator
) -> list[Stroke]:
    """Two values in one box: a struck-out one and its successor, or two that are to be added."""
    if Flag.TWO_VALUES in truth.flags:
        first = Decimal(truth.value) / 2
        half = spell(canonical_number(first), hand, field, rng)
        return set_into(box, _raise(write(hand, f"{half}+{half}", rng), height), hand, rng)
    wrong = str(rng.integers(0, 10)) if len(text) == 1 else f"{rng.integers(0, 10)}{text[1:]}"
    old = _raise(write(hand, wrong, rng), height)
    old = [*old, *_strike(old, rng)]
    left, _, right, _ = _extent(old)
    new = _raise(write(hand, text, rng), height)
    shift = right - left + rng.uniform(0.15, 0.3) * height
    return set_into(box, [*old, *(stroke.moved(shift, 0) for stroke in new)], hand, rng)


def _strike(strokes: Sequence[Stroke], rng: np.random.Generator) -> list[Stroke]:
    left, top, right, bottom = _extent(strokes)
    reach, tall = 0.12 * (bottom - top), bottom - top
    lines = []
    for _ in range(int(rng.integers(1, 3))):
        start = (left - reach, top + tall * rng.uniform(0.3, 0.8))
        end = (right + reach, top + tall * rng.uniform(0.2, 0.7))
        lines.append(_line(np.array([start, end]), rng))
    if rng.random() < 0.25:
        x = np.linspace(left - reach, right + reach, 8)
        y = np.where(np.arange(8) % 2 == 0, top + 0.25 * tall, top + 0.75 * tall) + rng.normal(0, 0.05 * tall, 8)
        lines.append(_line(np.stack([x, y], 1), rng))
    return lines


def _line(points: Points, rng: np.random.Generator) -> Stroke:
    line = curve(points)
    return Stroke(points=line, force=np.full(len(line), rng.uniform(0.8, 1.15)))
