"""A hand: one imagined writer with a pen, whose digits resemble each other and are never twice the same."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.hand_shapes import Allograph, StrokeShape, allographs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Points = npt.NDArray[np.float64]

CHARACTERS = "0123456789½.·,+-/x~=✓"
_SAMPLES = np.arange(8) / 8.0
_CATMULL_ROM = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], float)
_BLEND = np.stack([_SAMPLES**0, _SAMPLES, _SAMPLES**2, _SAMPLES**3], 1) @ _CATMULL_ROM


class Difficulty(StrEnum):
    """How carefully people write and how much happens to a sheet."""

    EASY = "easy"
    MIXED = "mixed"
    HARD = "hard"

    @property
    def wildness(self) -> float:
        """The factor on every departure from a tidy hand."""
        return {"easy": 0.6, "mixed": 1.0, "hard": 1.6}[self.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nib:
    """What the writer holds. `grain`: how much the paper shows through the line, 0 to 1; `opacity` of a full line."""

    width_mm: float
    rgb: tuple[int, int, int]
    opacity: float
    grain: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stroke:
    """One drawn line. `points`: float64 (N, 2), x right, y down; `force`: float64 (N,), 1 = the nib's own width."""

    points: Points
    force: Points

    def moved(self, x: float, y: float) -> Stroke:
        """The same line elsewhere."""
        return Stroke(points=self.points + np.array([x, y]), force=self.force)

    def scaled(self, factor: float) -> Stroke:
        """The same line, larger or smaller about the origin."""
        return Stroke(points=self.points * factor, force=self.force)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hand:
    """One writer.

    Lengths are in digit heights but for `height_mm`. `slant`: shear, positive leans right; `wobble`: how far single
    control points stray from digit to digit; `tremor`: fine unsteadiness; `gap`: between digits; `drift`: of the
    baseline; `lean_x`, `lean_y`: where in a box this writer starts, 0 left or top, 1 right or bottom; `favourites`:
    the shapes this writer uses; `half`: writes 7½ rather than 7.5; `point`: the decimal sign otherwise; `zero_first`:
    writes 07 for 7.
    """

    nib: Nib
    height_mm: float
    aspect: float
    slant: float
    wobble: float
    tremor: float
    gap: float
    drift: float
    lean_x: float
    lean_y: float
    favourites: Mapping[str, tuple[Allograph, ...]]
    half: bool
    point: str
    zero_first: bool


def draw_hand(rng: np.random.Generator, difficulty: Difficulty = Difficulty.MIXED) -> Hand:
    """Invent a writer."""
    wild = difficulty.wildness
    nib = _draw_nib(rng, difficulty)
    return Hand(
        nib=nib,
        height_mm=float(np.clip(rng.normal(6.2, 0.9 * wild), max(4.6, 9 * nib.width_mm), 9.0)),
        aspect=float(np.clip(rng.normal(1.0, 0.12 * wild), 0.7, 1.4)),
        slant=float(np.clip(rng.normal(0.12, 0.14 * wild), -0.3, 0.55)),
        wobble=float(rng.uniform(0.008, 0.022) * wild),
        tremor=float(rng.uniform(0.001, 0.006) * wild),
        gap=float(rng.uniform(0.14, 0.34) - 0.08 * (wild - 1)),
        drift=float(rng.uniform(0.01, 0.04) * wild),
        lean_x=float(rng.uniform(0.3, 0.7)),
        lean_y=float(rng.uniform(0.35, 0.65)),
        favourites={character: _draw_favourites(rng, character, wild) for character in CHARACTERS},
        half=bool(rng.random() < 0.6),
        point=str(rng.choice([".", "·", ","], p=[0.75, 0.17, 0.08])),
        zero_first=bool(rng.random() < 0.06),
    )


def _draw_nib(rng: np.random.Generator, difficulty: Difficulty) -> Nib:
    blue = (int(rng.integers(10, 60)), int(rng.integers(20, 80)), int(rng.integers(110, 190)))
    dark = (int(rng.integers(10, 45)),) * 3
    red = (int(rng.integers(170, 215)), int(rng.integers(15, 60)), int(rng.integers(25, 70)))
    green = (20, int(rng.integers(95, 130)), int(rng.integers(50, 90)))
    pencil = (int(rng.integers(55, 95)),) * 3
    hard = difficulty is Difficulty.HARD
    nibs = (
        Nib(width_mm=float(rng.uniform(0.28, 0.52)), rgb=blue, opacity=0.92, grain=0.12),
        Nib(width_mm=float(rng.uniform(0.28, 0.52)), rgb=dark, opacity=0.92, grain=0.12),
        Nib(width_mm=float(rng.uniform(0.4, 0.7)), rgb=blue if rng.random() < 0.5 else dark, opacity=0.98, grain=0.03),
        Nib(width_mm=float(rng.uniform(0.4, 0.65)), rgb=red, opacity=0.92, grain=0.1),
        Nib(width_mm=float(rng.uniform(0.4, 0.65)), rgb=green, opacity=0.92, grain=0.1),
        Nib(width_mm=float(rng.uniform(0.4, 0.75)), rgb=pencil, opacity=0.62 if hard else 0.75, grain=0.35),
        Nib(width_mm=float(rng.uniform(0.6, 0.85)), rgb=dark, opacity=0.97, grain=0.02),
    )
    chances = np.array([0.32, 0.2, 0.14, 0.16, 0.03, 0.1, 0.05])
    return nibs[int(rng.choice(len(nibs), p=chances / chances.sum()))]


def _draw_favourites(rng: np.random.Generator, character: str, wild: float) -> tuple[Allograph, ...]:
    """One shape that the writer nearly always uses, at times a second, each bent to this hand."""
    shapes = allographs(character)
    weights = np.array([shape.weight for shape in shapes])
    count = 2 if len(shapes) > 1 and rng.random() < 0.25 else 1
    chosen = rng.choice(len(shapes), size=count, replace=False, p=weights / weights.sum())
    return tuple(_bend(rng, shapes[int(k)], 0.026 * wild) for k in chosen)


def _bend(rng: np.random.Generator, shape: Allograph, far: float) -> Allograph:
    """The shape with its control points moved about, neighbours together, so that curves stay smooth."""
    strokes = tuple(
        StrokeShape(points=stroke.points + _wander(rng, len(stroke.points), far), turns=stroke.turns)
        for stroke in shape.strokes
    )
    return Allograph(weight=shape.weight, strokes=strokes)


def _wander(rng: np.random.Generator, count: int, far: float) -> Points:
    """Noise (count, 2) in which neighbours move alike."""
    noise = rng.normal(0, far, (count + 2, 2))
    return (noise[:-2] + 1.4 * noise[1:-1] + noise[2:]) / 2.0


def write(hand: Hand, text: str, rng: np.random.Generator) -> list[Stroke]:
    """Write a number in a hand, 1 unit high, from x = 0, baseline near y = 1. Raises KeyError for unknown signs."""
    strokes: list[Stroke] = []
    right = 0.0
    for k, character in enumerate(text):
        glyph = write_character(hand, character, rng)
        left = min(float(stroke.points[:, 0].min()) for stroke in glyph)
        gap = 0.0 if k == 0 else max(0.02, hand.gap * rng.normal(1.0, 0.25)) * (0.6 if character in ".·," else 1.0)
        rise = rng.normal(0, hand.drift)
        glyph = [stroke.moved(right + gap - left, rise) for stroke in glyph]
        right = max(float(stroke.points[:, 0].max()) for stroke in glyph)
        strokes += glyph
    return strokes


def write_character(hand: Hand, character: str, rng: np.random.Generator) -> list[Stroke]:
    """One digit or sign in a hand, 1 unit high, top left near the origin."""
    shapes = hand.favourites[character]
    shape = shapes[0] if len(shapes) == 1 or rng.random() < 0.7 else shapes[1]
    shape = _bend(rng, shape, hand.wobble)
    size = rng.normal(1.0, 0.05)
    wide = hand.aspect * rng.normal(1.0, 0.05)
    lean = hand.slant + rng.normal(0, 0.03)
    turn = rng.normal(0, 0.03)
    frame = size * np.array([[wide, -lean], [turn, 1.0]])
    return [_draw(hand, stroke, frame, rng) for stroke in shape.strokes]


def _draw(hand: Hand, shape: StrokeShape, frame: Points, rng: np.random.Generator) -> Stroke:
    line = curve(shape.points, shape.turns)
    line = _overshoot(line, rng)
    line = (line - (0.3, 1.0)) @ frame.T + (0.3, 1.0)
    line = line + _tremble(rng, len(line), hand.tremor)
    return Stroke(points=line, force=_force(rng, len(line)))


def curve(points: Points, turns: tuple[int, ...] = ()) -> Points:
    """A smooth line through control points (N, 2), sharp at `turns`: Catmull-Rom, eight samples to each span."""
    bounds = [0, *turns, len(points) - 1]
    runs = [_smooth(points[a : b + 1]) for a, b in itertools.pairwise(bounds) if b > a]
    return np.concatenate([*runs, points[-1:]])


def _smooth(points: Points) -> Points:
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    spans = np.stack([padded[k : len(padded) - 3 + k] for k in range(4)], 1)
    return (_BLEND @ spans).reshape(-1, 2)


def _overshoot(line: Points, rng: np.random.Generator) -> Points:
    """The pen lifts a little late: the line runs on where it was going."""
    step = line[-1] - line[-min(4, len(line))]
    length = float(np.hypot(*step))
    if length < 1e-6 or rng.random() < 0.5:
        return line
    return np.concatenate([line, line[-1:] + step / length * rng.exponential(0.025)])


def _tremble(rng: np.random.Generator, count: int, far: float) -> Points:
    noise = rng.normal(0, far, (count + 4, 2))
    return (noise[:-4] + noise[1:-3] + noise[2:-2] + noise[3:-1] + noise[4:]) / 2.2


def _force(rng: np.random.Generator, count: int) -> Points:
    """Pressure along a stroke: set down, carried on unevenly, lifted."""
    knots = rng.normal(1.0, 0.14, 5)
    knots[0] *= rng.uniform(0.75, 1.05)
    knots[-1] *= rng.uniform(0.45, 0.95)
    return np.clip(np.interp(np.linspace(0, 4, count), np.arange(5), knots), 0.35, 1.5)
