"""Digits of schools whose writers UNIPEN lacks: loops in 2 and 3, a bent and barred 7, a ruled 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.strokes import Glyph, smoothed

if TYPE_CHECKING:
    Rng = np.random.Generator
    Corners = list[tuple[float, float]]

CURLY = frozenset("1237")


def curly(rng: Rng, symbol: str) -> Glyph:
    """One of `CURLY` as a pen writes it fast, 1 high."""
    paths = {"1": _one, "2": _two, "3": _three, "7": _seven}[symbol](rng)
    shake = 0.008 if symbol == "1" else 0.025
    strokes = [smoothed([(x + rng.normal(0, shake), y + rng.normal(0, shake)) for x, y in path]) for path in paths]
    every = np.concatenate(strokes)
    low, tall = every.min(axis=0), float(np.ptp(every[:, 1]))
    return Glyph(tuple(((points - low) / np.float32(tall)).astype(np.float32) for points in strokes))


def _one(rng: Rng) -> list[Corners]:
    """A plain stroke."""
    lean = rng.normal(0.06, 0.1)
    return [[(lean, 0.0), (lean / 2, 0.5), (0.0, 1.0)]]


def _two(rng: Rng) -> list[Corners]:
    """Begins with a loop or a curl at the upper left; the foot is a loop, a wave or a long tail."""
    wide, curl = rng.uniform(0.45, 0.75), rng.uniform(0.2, 0.5)
    inner = wide * rng.uniform(0.3, 0.7)
    head = [(inner, 0.3 + curl * 0.2), (inner * 0.5, 0.25 + curl * 0.5), (0.03, 0.2 + curl * 0.3), (0.05, 0.08)]
    arch = [(wide * 0.5, -0.02), (wide, 0.1), (wide * rng.uniform(0.8, 1.05), 0.4), (wide * 0.5, 0.72)]
    tail = wide + rng.uniform(0.0, 0.45)
    if rng.random() < 0.5:
        foot = [(0.0, 0.98), (-0.06, 0.9), (0.08, 0.84), (wide * 0.5, 0.97), (tail, rng.uniform(0.85, 1.02))]
    else:
        foot = [(0.02, 0.98), (wide * 0.5, 0.95), (tail, rng.uniform(0.85, 1.02))]
    return [[*head, *arch, *foot]]


def _three(rng: Rng) -> list[Corners]:
    """With a loop at the waist and a curl at the head, or a long swing below."""
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
    return [[*head, *loop, *belly]]


def _seven(rng: Rng) -> list[Corners]:
    """A hook, a wavy roof, a stem that bends, and nearly always a bar."""
    wide = rng.uniform(0.4, 0.75)
    hook = [(rng.uniform(-0.05, 0.06), rng.uniform(0.1, 0.3)), (0.04, 0.02)] if rng.random() < 0.6 else [(0.0, 0.05)]
    roof = [(wide * 0.4, rng.uniform(0.0, 0.1)), (wide, rng.uniform(-0.03, 0.06))]
    bottom = rng.uniform(-0.1, 0.5) * wide
    stem = [(wide * rng.uniform(0.6, 0.95), 0.35), ((wide + bottom) * rng.uniform(0.4, 0.6), 0.65), (bottom, 1.0)]
    path = [*hook, *roof, *stem]
    if rng.random() < 0.12:
        return [path]
    y, rise, reach = rng.uniform(0.38, 0.66), rng.normal(0.04, 0.06), rng.uniform(0.2, 0.5)
    middle = wide * rng.uniform(0.4, 0.8)
    return [path, [(middle - reach, y + rise), (middle, y), (middle + reach, y - rise)]]
