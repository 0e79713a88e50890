"""Lift printed lines off a page: how dark each is along its way, taken out as if it had been printed on glass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]

_REACH = 7  # pixels beside a line's middle that its blur may reach
_SHORTEST = 60  # pixels
_BLOCK, _BLOCKS = 32, 7  # pixels; a line's darkness is taken from so many blocks
_RANK = 0.45  # of the darkness there: writing may cover nearly half of it
_SMOOTH = 41  # pixels along the line
_MORE = 1.12  # so much of a line is taken out, since it is not printed evenly
_LEAST = 0.02  # darkness


def line_darkness(dark: Real, rails: Mask) -> Real:
    """How dark the nearly level lines themselves are: float32 (H, W), 0 beside them.

    dark: float32 (H, W), 0 = paper; rails: uint8 (H / 2, W / 2), 1 = on a line, no two lines connected.
    """
    lines = np.zeros_like(dark)
    for columns, middle in _ways(rails, dark.shape):
        profile, way = _profile(dark, columns, middle)
        _draw(lines, columns, way, profile)
    return lines


def lifted(dark: Real, lines: Real) -> Real:
    """The darkness of what was written over lines of that darkness: ink lets the same share of their light through."""
    return np.asarray(np.clip(1.0 - (1.0 - dark) / np.maximum(1.0 - _MORE * lines, 0.05), 0.0, 1.0), dtype=np.float32)


def _ways(rails: Mask, shape: tuple[int, ...]) -> Iterator[tuple[Real, Real]]:
    """The columns of each line and its middle row there, full-size pixels."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(rails, connectivity=8)
    rows, columns = np.nonzero(parts)
    labels = parts[rows, columns]
    order = np.argsort(labels, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if not places.size or stats[labels[places[0]], cv2.CC_STAT_WIDTH] < _SHORTEST // 2:
            continue
        x, y = columns[places], rows[places]
        first, count = int(x.min()), np.bincount(x - x.min())
        there = np.flatnonzero(count)
        middle = np.bincount(x - first, y)[there] / count[there]
        wide = np.arange(2 * first, min(2 * int(x.max()) + 2, shape[1]))
        yield wide.astype(np.float32), _even(np.interp(wide, 2 * (there + first) + 0.5, 2 * middle + 0.5))


def _even(values: npt.NDArray[np.float64]) -> Real:
    side = min(_SMOOTH, len(values) // 2 * 2 - 1)
    padded = np.pad(values, side // 2, mode="reflect", reflect_type="odd")
    return np.convolve(padded, np.full(side, 1.0 / side), mode="valid").astype(np.float32)


def _profile(dark: Real, columns: Real, middle: Real) -> tuple[Real, Real]:
    """How dark a line is, (15, W), 7 pixels above its middle to 7 below; and its middle, corrected."""
    way = middle
    offsets = np.arange(-_REACH, _REACH + 1, dtype=np.float32)[:, None]
    for _ in range(2):
        band = cv2.remap(dark, np.repeat(columns[None], len(offsets), 0), way[None] + offsets, cv2.INTER_LINEAR)
        usual = _usual(band)
        weight = usual.sum(axis=0)
        off = np.where(weight > 4 * _LEAST, (usual * offsets).sum(axis=0) / np.maximum(weight, 1e-6), 0.0)
        corrected = way + _even(np.clip(off, -2.0, 2.0).astype(np.float64))
        way, last = corrected, way
    return usual, last


def _usual(band: Real) -> Real:
    """The line's own darkness at each place of a band along it."""
    length = band.shape[1]
    blocks = max(1, length // _BLOCK)
    edges = np.linspace(0, length, blocks + 1).astype(int)
    half = _BLOCKS // 2
    spans = [(edges[max(0, b - half)], edges[min(blocks, b + half + 1)]) for b in range(blocks)]
    ranked = np.stack([_ranked(band[:, a:z]) for a, z in spans], axis=1)
    ranked = np.maximum(ranked - np.maximum(ranked[:1], ranked[-1:]), 0.0)  # the paper's own
    middles = (edges[:-1] + edges[1:]) / 2
    return np.stack([np.interp(np.arange(length), middles, row) for row in ranked]).astype(np.float32)


def _ranked(part: Real) -> Real:
    rank = int(_RANK * (part.shape[1] - 1))
    return np.asarray(np.partition(part, rank, axis=1)[:, rank])


def _draw(lines: Real, columns: Real, way: Real, profile: Real) -> None:
    x = columns.astype(np.intp)
    for step in range(-_REACH + 1, _REACH):
        rows = np.round(way).astype(np.intp) + step
        place = rows - way + _REACH
        low = np.clip(place.astype(np.intp), 0, 2 * _REACH - 1)
        share = place - low
        every = np.arange(len(x))
        value = profile[low, every] * (1 - share) + profile[low + 1, every] * share
        inside = (rows >= 0) & (rows < lines.shape[0]) & (value > _LEAST)
        np.maximum.at(lines, (rows[inside], x[inside]), value[inside])
