"""Which parts stand in one written line: lines may slope, and each in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.written.parts import Parts

    Real = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]

_STEEPEST = 0.25  # rise over run
_NEIGHBOUR_GAP = 1.6  # heights between neighbours whose slope is looked at
_LIKE = 2.2  # neighbours are at most so many times as high as each other
_OFF_LINE = 0.55  # heights by which a digit's middle may lie off its line
_FARTHEST = 14.0  # heights between two digits of one line
_REMEMBERED = 4  # the last digits of a line tell where it is


def page_slope(parts: Parts) -> float:
    """The usual rise over run of the written lines, positive downwards."""
    slopes, weights = [], []
    bodies = np.flatnonzero(parts.body)
    for k in bodies:
        gap = parts.left[bodies] - parts.right[k]
        tall = np.maximum(parts.height[bodies], parts.height[k])
        near = (gap > -0.3 * tall) & (gap < _NEIGHBOUR_GAP * tall) & (parts.x[bodies] > parts.x[k])
        near &= tall < 1.5 * np.minimum(parts.height[bodies], parts.height[k])
        near &= np.abs(parts.y[bodies] - parts.y[k]) < 0.5 * tall
        for other in bodies[near]:
            run = parts.x[other] - parts.x[k]
            # tops and bottoms say more than the middles do
            rise = 0.5 * (parts.top[other] - parts.top[k] + parts.bottom[other] - parts.bottom[k])
            if run > 0.3 * parts.height[k]:
                slopes.append(rise / run)
                weights.append(run)
    if len(slopes) < 3:
        return 0.0
    return _settled(np.array(slopes), np.array(weights))


def _settled(slopes: Real, weights: Real) -> float:
    """The slope that most agree on: the median, again and again of those near it."""
    slope = 0.0
    for reach in (1.0, _STEEPEST, 0.12, 0.08, 0.08):
        near = np.abs(slopes - slope) < reach
        if not near.any():
            break
        order = np.argsort(slopes[near])
        reached = np.cumsum(weights[near][order])
        slope = float(slopes[near][order][np.searchsorted(reached, reached[-1] / 2)])
    return float(np.clip(slope, -_STEEPEST, _STEEPEST))


def find_lines(parts: Parts, slope: float) -> list[Indices]:
    """The bodies of each line, left to right; lines from top to bottom. slope: as `page_slope` gives it."""
    bodies = np.flatnonzero(parts.body)
    lines: list[list[int]] = []
    ends = np.zeros((0, 3))
    for k in bodies[np.argsort(parts.left[bodies], kind="stable")]:
        distances = _distances(parts, ends, int(k), slope)
        best = int(np.argmin(distances)) if lines else -1
        if best >= 0 and distances[best] < _OFF_LINE:
            lines[best].append(int(k))
            ends[best] = _end(parts, lines[best], slope)
        else:
            lines.append([int(k)])
            ends = np.vstack([ends, _end(parts, lines[-1], slope)])
    lines.sort(key=lambda line: float(np.median(parts.y[line] - slope * parts.x[line])))
    return [np.array(line, dtype=np.intp) for line in lines]


def line_slope(parts: Parts, line: Indices, slope: float) -> float:
    """The slope of one line: its own where it is long, else the page's."""
    x, y = parts.x[line], parts.y[line]
    tall = float(np.median(parts.height[line]))
    run = float(np.ptp(x))
    if len(line) < 4 or run < 5 * tall:
        return slope
    own = float(np.polyfit(x, y, 1)[0])
    return own if abs(own - slope) < 0.1 else slope


def _end(parts: Parts, line: list[int], slope: float) -> tuple[float, float, float]:
    """Where a line has got to: its height, its middle as if moved along the slope to x = 0, its right end."""
    last = line[-_REMEMBERED:]
    level = parts.y[last] - slope * parts.x[last]
    return (
        float(np.median(parts.height[last])),
        float(np.average(level, weights=parts.height[last])),
        float(parts.right[last].max()),
    )


def _distances(parts: Parts, ends: Real, k: int, slope: float) -> Real:
    """How far off each line's end a part lies, in heights; infinite where it cannot belong to it."""
    tall, level, right = ends.T
    own = parts.height[k]
    high = np.maximum(tall, own)
    foreign = (high > _LIKE * np.minimum(tall, own)) & (high > 1.3 * parts.usual[k])
    foreign |= parts.left[k] - right > _FARTHEST * high
    away = np.abs(level - (parts.y[k] - slope * parts.x[k])) / high
    return np.where(foreign, np.inf, away)
