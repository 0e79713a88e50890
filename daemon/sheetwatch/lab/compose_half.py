"""The ways in which hands write ½: slanted, fused, stacked, in one stroke, with a 2 that is only a wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.strokes import Glyph, smoothed

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.lab.strokes import StrokeSet

    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator


def half(rng: Rng, digits: StrokeSet, writer: int | None) -> Glyph:
    """A ½ about as high as the digits beside it (0.8 to 1.7 of them)."""
    draw = rng.random()
    if draw < 0.72:
        strokes = _slanted(rng, digits, writer)
    elif draw < 0.92:
        strokes = _stacked(rng, digits, writer)
    else:
        strokes = _zigzag(rng)
    return _set_at_origin(strokes)


def _slanted(rng: Rng, digits: StrokeSet, writer: int | None) -> list[Points]:
    top = np.array([rng.uniform(0.3, 0.75), rng.uniform(-0.1, 0.25)], np.float32)
    bottom = np.array([top[0] - rng.uniform(-0.05, 0.55), rng.uniform(0.8, 1.15)], np.float32)
    bend = np.array([rng.normal(0, 0.04), 0], np.float32)
    slash = smoothed([tuple(top), tuple((top + bottom) / 2 + bend), tuple(bottom)])
    one = _raised_one(rng, digits, writer, top, bottom)
    two = _low_two(rng, digits, writer, bottom)
    if rng.random() < 0.3 and len(one) == 1:  # the 1 runs into the slash without lifting the pen
        first = np.concatenate([one[0], slash])
        return [first, *two] if rng.random() < 0.5 else [np.concatenate([first, *two[:1]]), *two[1:]]
    return [*one, slash, *two]


def _raised_one(rng: Rng, digits: StrokeSet, writer: int | None, top: Points, bottom: Points) -> list[Points]:
    """A small 1 left of the slash: apart from it, touching it, or ending on it like the arm of a Y."""
    if rng.random() < 0.25:
        glyph = digits.of(rng, "1", writer)
        size = rng.uniform(0.3, 0.55)
        left = top[0] - glyph.width * size - rng.uniform(-0.05, 0.25)
        return [points * np.float32(size) + np.array([left, top[1]], np.float32) for points in glyph.strokes]
    begin = np.array([top[0] - rng.uniform(0.22, 0.6), top[1] + rng.uniform(-0.1, 0.2)])
    if rng.random() < 0.6:
        end = top + (bottom - top) * rng.uniform(0.25, 0.7) + rng.normal(0, 0.03, 2)
    else:
        end = begin + np.array([rng.normal(0, 0.06), rng.uniform(0.25, 0.5)])
    middle = (begin + end) / 2 + rng.normal(0, 0.05, 2)
    path = [tuple(begin), tuple(middle), tuple(end)]
    if rng.random() < 0.2:
        path.insert(0, (float(begin[0]) - rng.uniform(0.05, 0.2), float(begin[1]) + rng.uniform(0.02, 0.2)))
    return [smoothed(path)]


def _low_two(rng: Rng, digits: StrokeSet, writer: int | None, bottom: Points) -> list[Points]:
    """The 2 at the lower right: a real 2, a z, a wave, or a hump out of the foot of the slash."""
    size = rng.uniform(0.3, 0.6)
    left = float(bottom[0]) + rng.uniform(0.05, 0.4)
    floor = float(bottom[1]) + rng.uniform(-0.15, 0.15)
    draw = rng.random()
    if draw < 0.26:
        glyph = digits.of(rng, "2", writer)
        shift = np.array([left, floor - size], np.float32)
        return [points * np.float32(size) + shift for points in glyph.strokes]
    wide, tail = rng.uniform(0.25, 0.5), rng.uniform(0.0, 0.6)
    if draw < 0.46:
        corners = [
            (0, -size * 0.9),
            (wide, -size),
            (wide * rng.uniform(0, 0.5), 0),
            (wide + tail, rng.normal(-0.03, 0.06)),
        ]
    elif draw < 0.6:
        corners = [
            (0, -size * 0.6),
            (wide * 0.3, -size),
            (wide * 0.6, -size * 0.4),
            (wide * 0.5, 0),
            (wide + tail, -0.1),
        ]
    elif draw < 0.9:  # out of the foot: h, u
        left = float(bottom[0])
        floor = float(bottom[1])
        corners = [(0, 0), (0.12, -size * 0.9), (wide, -size), (wide, -0.1), (wide * 0.9, 0), (wide + tail, -0.12)]
    else:  # a foot only: L, c
        left = float(bottom[0])
        corners = [(0, 0), (0.1, 0.02), (wide + tail * 0.5, rng.uniform(-0.15, 0.05))]
    jitter = rng.normal(0, 0.025, (len(corners), 2))
    return [smoothed([(left + x + dx, floor + y + dy) for (x, y), (dx, dy) in zip(corners, jitter, strict=True)])]


def _stacked(rng: Rng, digits: StrokeSet, writer: int | None) -> list[Points]:
    """1 over a bar over 2; the bar level or slanted, sometimes left out by running 1 and 2 together."""
    one, two = digits.of(rng, "1", writer), digits.of(rng, "2", writer)
    over, under = rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.7)
    wide = max(two.width * under, rng.uniform(0.35, 0.8))
    gap = rng.uniform(0.03, 0.14)
    start = (rng.uniform(-0.05, 0.1), over + gap + rng.uniform(0, 0.15))
    bar = smoothed([start, (wide / 2, over + gap + rng.normal(0, 0.03)), (wide, over + gap - rng.uniform(0, 0.2))])
    up = np.array([wide / 2 - one.width * over / 2 + rng.normal(0, 0.06), 0], np.float32)
    down = np.array([wide / 2 - two.width * under / 2 + rng.normal(0, 0.08), over + 2 * gap], np.float32)
    strokes = [points * np.float32(over) + up for points in one.strokes]
    strokes += [] if rng.random() < 0.06 else [bar]
    strokes += [points * np.float32(under) + down for points in two.strokes]
    lift = np.array([0, -rng.uniform(0, 0.4)], np.float32)
    return [points + lift for points in strokes]


def _zigzag(rng: Rng) -> list[Points]:
    """1, bar and 2 in one fast stroke from top to bottom."""
    corners = [
        (rng.uniform(0.1, 0.3), rng.uniform(-0.1, 0.15)),
        (rng.uniform(0.15, 0.35), rng.uniform(0.25, 0.4)),
        (rng.uniform(-0.05, 0.1), rng.uniform(0.4, 0.55)),
        (rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.55)),
        (rng.uniform(0.0, 0.3), rng.uniform(0.85, 1.05)),
        (rng.uniform(0.6, 1.3), rng.uniform(0.75, 1.0)),
    ]
    return [smoothed(corners)]


def _set_at_origin(strokes: list[Points]) -> Glyph:
    """Moved so that x starts at 0; y stays, 0 being the top of the digits beside it."""
    left = min(float(points[:, 0].min()) for points in strokes)
    shift = np.array([left, 0], np.float32)
    return Glyph(tuple((points - shift).astype(np.float32) for points in strokes))
