"""Drawn digits: the pen's own shapes, and those of schools whose writers UNIPEN lacks, bent anew each time.

Loops in 2 and 3, a bent and barred 7, a 1 with a long flag or a ruled one, a 4 like a cup on a stem, a 9 like a g.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.hand import curve
from sheetwatch.lab.hand_shapes import allographs, strokes_of
from sheetwatch.lab.strokes import Glyph, smoothed

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sheetwatch.lab.hand_shapes import StrokeShape

    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator
    Corners = list[tuple[float, float]]

_CURLY_SHARE = 0.6  # of 1, 2, 3 and 7
_SCHOOL_SHARE = 0.5  # of the others
# In the language of `hand_shapes`; drawn for this project by looking at how people write, none traced.
_SCHOOL: dict[str, tuple[str, ...]] = {
    "0": (
        "36,6 16,14 6,50 16,88 36,98 54,84 60,48 50,14 34,4 38,16 56,2",
        "30,4 8,26 4,66 22,96 46,90 60,52 52,16 28,4",
    ),
    "4": (
        "4,6 6,34 20,52 40,46 53,6! 50,52 44,100",
        "6,4 5,38 24,54 50,42|54,2 51,50 45,102",
        "8,10 10,40 30,50 50,30 56,4! 52,54 30,98",
        "12,2 2,58! 34,56 62,52|42,28 38,66 34,106",
    ),
    "5": (
        "52,8 30,3 15,18 24,40 46,56 50,82 28,99 6,90",
        "18,10 14,42! 40,38 54,62 44,92 10,98|22,8 48,4 70,0",
        "56,3 20,8! 14,44! 44,44 52,72 34,98 2,92",
        "58,4 18,6! 12,42! 40,38 54,66 36,97 8,96 4,84 18,84",
    ),
    "6": (
        "44,0 20,28 6,66 18,96 40,92 46,70 30,58 10,74",
        "18,0 10,50 10,86 28,99 48,84 44,62 26,58 11,72",
        "60,4 30,20 8,60 24,98 52,84 46,58 18,62",
        "40,0 14,40 8,80 24,98 44,84 36,64 12,74",
    ),
    "8": (
        "50,16 26,3 12,20 28,44 50,70 34,98 10,82 26,50 50,22 58,2",
        "32,2 14,16 24,40 46,62 42,92 20,98 10,80 30,52 48,28 40,6 24,4",
        "44,6 18,8 16,32 38,46 52,70 36,98 12,90 14,64 40,44 52,18 40,4",
    ),
    "9": (
        "48,4 22,6 10,26 26,42 46,34! 52,60 40,92 10,98",
        "46,6 24,4 10,22 24,44 48,34! 54,62 40,92 12,98",
        "52,8 28,2 10,20 22,42 46,30 52,8! 54,70 44,108 20,112 4,100",
        "50,10 20,4 8,28 28,44 48,30 50,10! 54,60 52,100",
        "44,10 22,4 10,26 28,46 48,30 50,20! 56,56 42,90 14,96",
    ),
}


def drawn(rng: Rng, symbol: str) -> Glyph:
    """A digit as a pen writes it fast, 1 high."""
    if symbol in _CURLY and rng.random() < _CURLY_SHARE:
        return _curly(rng, symbol)
    if symbol in _SCHOOL and rng.random() < _SCHOOL_SHARE:
        drawings = _SCHOOL[symbol]
        return _bent(rng, strokes_of(drawings[int(rng.integers(len(drawings)))]))
    shapes = allographs(symbol)
    weights = np.sqrt([shape.weight for shape in shapes])
    return _bent(rng, shapes[int(rng.choice(len(shapes), p=weights / weights.sum()))].strokes)


def _bent(rng: Rng, shapes: tuple[StrokeShape, ...]) -> Glyph:
    """The shape with its control points moved about, neighbours together."""
    far = rng.uniform(0.015, 0.06)
    strokes = []
    for shape in shapes:
        noise = rng.normal(0, far, (len(shape.points) + 2, 2))
        strokes.append(curve(shape.points + (noise[:-2] + 1.4 * noise[1:-1] + noise[2:]) / 2.0, shape.turns))
    return _unit(strokes)


def _unit(strokes: list[npt.NDArray[np.float64]] | list[Points]) -> Glyph:
    every = np.concatenate(strokes)
    low, tall = every.min(axis=0), float(np.ptp(every[:, 1]))
    return Glyph(tuple(((points - low) / tall).astype(np.float32) for points in strokes))


def _curly(rng: Rng, symbol: str) -> Glyph:
    paths = _CURLY[symbol](rng)
    shake = 0.008 if symbol == "1" else 0.025
    return _unit([smoothed([(x + rng.normal(0, shake), y + rng.normal(0, shake)) for x, y in path]) for path in paths])


def _one(rng: Rng) -> list[Corners]:
    """A plain stroke, or one with a long flag that rises to it (the roof of a 7 is level)."""
    lean = rng.normal(0.06, 0.1)
    stem = [(lean, 0.0), (lean / 2, 0.5), (0.0, 1.0)]
    if rng.random() < 0.55:
        return [stem]
    reach, drop = rng.uniform(0.15, 0.75), rng.uniform(0.5, 1.1)
    flag = (lean - reach, reach * drop)
    middle = (lean - reach / 2, reach * drop / 2 - rng.uniform(-0.02, 0.06))
    return [[flag, middle, (lean, 0.0), (lean, 0.0), *stem]]


def _two(rng: Rng) -> list[Corners]:
    """Begins with a curl at the upper left, or closes its head like a 9; the foot is a loop, a wave or a long tail."""
    wide, curl = rng.uniform(0.4, 0.75), rng.uniform(0.2, 0.5)
    inner = wide * (rng.uniform(0.75, 1.1) if rng.random() < 0.45 else rng.uniform(0.3, 0.7))
    head = [(inner, 0.3 + curl * 0.2), (inner * 0.5, 0.25 + curl * 0.5), (0.03, 0.2 + curl * 0.3), (0.05, 0.08)]
    arch = [(wide * 0.5, -0.02), (wide, 0.1), (wide * rng.uniform(0.8, 1.05), 0.4), (wide * 0.5, 0.72)]
    tail = (wide + rng.uniform(0.0, 0.45), rng.uniform(0.78, 1.02))
    if rng.random() < 0.65:
        far, high = rng.uniform(0.05, 0.35), rng.uniform(0.64, 0.85)
        left = [(0.12 - 0.3 * far, 0.97), (-far, 1.0), (-far - 0.08, (high + 1.0) / 2), (0.04 - far / 2, high)]
        return [[*head, *arch, *left, (wide * 0.4, 0.92), tail]]
    return [[*head, *arch, (0.02, 0.98), (wide * 0.5, 0.95), tail]]


def _three(rng: Rng) -> list[Corners]:
    """With a loop at the waist and a curl at the head, both bows nearly closed, or a long swing below."""
    wide, waist = rng.uniform(0.4, 0.65), rng.uniform(0.38, 0.52)
    head = [
        (0.02, rng.uniform(0.08, 0.25)),
        (0.12, 0.02),
        (wide * 0.7, -0.02),
        (wide * 0.95, 0.15),
        (wide * 0.7, waist),
    ]
    reach = wide * rng.uniform(0.15, 0.45)
    loop = [(reach, waist + 0.06), (reach * 0.8, waist - 0.04), (wide * 0.6, waist)]
    belly = [
        (wide * 1.05, 0.65),
        (wide * 0.9, 0.95),
        (wide * 0.3, 1.02),
        (rng.uniform(-0.15, 0.05), rng.uniform(0.75, 0.95)),
    ]
    if rng.random() < 0.35:
        head = [(wide * rng.uniform(0.25, 0.5), waist - rng.uniform(0.1, 0.16)), (0.03, waist - 0.12), *head]
    if rng.random() < 0.35:
        belly.append((wide * rng.uniform(0.2, 0.5), rng.uniform(0.7, 0.8)))
    return [[*head, *loop, *belly]]


def _seven(rng: Rng) -> list[Corners]:
    """A hook, a wavy roof or a cup for one, a stem that bends, and nearly always a bar."""
    if rng.random() < 0.5:
        return _cupped_seven(rng)
    wide = rng.uniform(0.4, 0.75)
    hook = [(rng.uniform(-0.05, 0.04), rng.uniform(0.1, 0.22)), (0.04, 0.02)] if rng.random() < 0.6 else [(0.0, 0.05)]
    roof = [(wide * 0.4, rng.uniform(0.0, 0.1)), (wide, rng.uniform(-0.03, 0.06))]
    bottom = rng.uniform(-0.1, 0.5) * wide
    stem = [(wide * rng.uniform(0.6, 0.95), 0.35), ((wide + bottom) * rng.uniform(0.4, 0.6), 0.65), (bottom, 1.0)]
    path = [*hook, *roof, *stem]
    if rng.random() < 0.12:
        return [path]
    return [path, _bar(rng, wide * rng.uniform(0.4, 0.8), rng.uniform(0.38, 0.66))]


def _cupped_seven(rng: Rng) -> list[Corners]:
    """The roof sags from a hook and rises to a corner or a small loop; the low bar tells it from a 4."""
    wide, sag = rng.uniform(0.3, 0.65), rng.uniform(0.12, 0.36)
    roof = [(rng.uniform(-0.06, 0.04), sag - rng.uniform(0.02, 0.16)), (wide * 0.15, sag), (wide * 0.6, sag * 0.8)]
    corner = [(wide, 0.0)]
    if rng.random() < 0.45:
        corner = [(wide * 0.85, sag * 0.3), (wide + 0.02, -0.06), (wide + 0.14, 0.02), (wide, 0.14)]
    bottom = wide * rng.uniform(0.3, 1.0)
    stem = [((wide + bottom) / 2 + rng.normal(0, 0.03), 0.5), (bottom, 0.97)]
    if rng.random() < 0.4:
        stem += [(bottom - rng.uniform(0.04, 0.1), 1.02), (bottom - rng.uniform(0.08, 0.2), rng.uniform(0.88, 1.0))]
    low = rng.uniform(0.5, 0.8)
    return [[*roof, *corner, *stem], _bar(rng, wide + (bottom - wide) * low, low)]


def _bar(rng: Rng, middle: float, y: float) -> Corners:
    """A bar through a stem, farther to the right than to the left."""
    rise, reach = rng.normal(0.05, 0.06), rng.uniform(0.16, 0.42)
    return [(middle - reach, y + rise), (middle, y), (middle + reach * rng.uniform(0.9, 1.7), y - rise)]


_CURLY: dict[str, Callable[[Rng], list[Corners]]] = {"1": _one, "2": _two, "3": _three, "7": _seven}
