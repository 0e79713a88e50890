"""The sheet and the scanner: borders, residues, neighbours' strokes, specks, shadow, blur, grain, JPEG, 1-bit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How bad the scans are, and how the cells are cut.

    Sizes are digit heights in pixels; blur in digit heights, grain in grey levels. `margin`: paper left around the
    cell, as a share of its smaller side. `surroundings`: printed borders and neighbours' strokes are still there.
    """

    size_px: tuple[float, float]
    room: tuple[float, float]  # height of the cell, in heights of the ink
    side: float  # the least share of the spare width on either side
    cut_share: float  # cells whose ink runs out of them
    clutter_share: float
    blur: float
    strength: float  # the faintest ink, 1 = black
    grain: float
    one_bit_share: float
    margin: float = 0.0
    surroundings: bool = True


HARSH = Conditions(
    size_px=(16.0, 62.0),
    room=(1.08, 2.4),
    side=0.03,
    cut_share=0.12,
    clutter_share=0.8,
    blur=0.055,
    strength=0.25,
    grain=14.0,
    one_bit_share=0.14,
)
# As an office scanner at 200 dpi or more leaves cells that were cut with a margin.
ORDINARY = Conditions(
    size_px=(22.0, 62.0),
    room=(1.3, 2.4),
    side=0.15,
    cut_share=0.0,
    clutter_share=0.5,
    blur=0.03,
    strength=0.45,
    grain=6.0,
    one_bit_share=0.14,
)

# As the pipeline hands cells to the reader: cut with a margin, printed lines and neighbours' strokes taken out.
CUT = replace(ORDINARY, margin=0.35, surroundings=False)
CUT_HARSH = replace(HARSH, margin=0.35, surroundings=False, cut_share=0.0)

_SUBPIXELS = 4  # bits after the point in OpenCV's drawing coordinates


def draw(canvas: Grey, strokes: list[Points], thickness: float, rng: Rng) -> None:
    """Draw pen strokes (pixels, x right, y down) into an ink canvas, 255 = ink; the pen's width varies a little."""
    for points in strokes:
        width = max(1, round(thickness * rng.uniform(0.85, 1.15)))
        fixed = np.round(points * (1 << _SUBPIXELS)).astype(np.int32)
        cv2.polylines(
            canvas, [fixed], isClosed=False, color=255, thickness=width, lineType=cv2.LINE_AA, shift=_SUBPIXELS
        )


def add_clutter(print_: Grey, ink: Grey, size: float, rng: Rng, *, surroundings: bool = True) -> None:
    """Borders, residues and specks into `print_`, neighbours' strokes into `ink` (both 255 = dark, changed in place).

    size: digit height in pixels; surroundings: with borders and neighbours.
    """
    if surroundings and rng.random() < 0.55:
        _add_borders(print_, size, rng)
    if rng.random() < 0.12:
        _add_residues(print_, rng)
    if surroundings and rng.random() < 0.18:
        _add_neighbour(ink, size, rng)
    if rng.random() < 0.3:
        _add_specks(print_, size, rng)


def _add_borders(print_: Grey, size: float, rng: Rng) -> None:
    rows, columns = print_.shape
    width = max(1, round(size * rng.uniform(0.02, 0.12)))
    skew = rng.normal(0, 0.025)
    dark = int(rng.uniform(90, 255))
    inset = 0.12 if rng.random() < 0.8 else 0.2
    for side in range(4):
        if rng.random() < 0.45:
            continue
        length, depth = (columns, rows) if side < 2 else (rows, columns)
        offset = rng.uniform(-0.02, inset) * min(rows, depth)
        start, end = 0.0, float(length)
        if rng.random() < 0.2:  # the rest of it was removed
            start, end = sorted(rng.uniform(-0.3, 1.3, 2) * length)
        for double in range(2 if rng.random() < 0.06 else 1):
            at = offset + double * 2.5 * width
            line = [(start, at + skew * start), (end, at + skew * end)]
            _draw_line(print_, _on_side(line, side, rows, columns), dark, width)


def _on_side(line: list[tuple[float, float]], side: int, rows: int, columns: int) -> list[tuple[float, float]]:
    """A line given along the top edge, moved to the top, bottom, left or right edge."""
    turns = {
        0: lambda along, deep: (along, deep),
        1: lambda along, deep: (along, rows - 1 - deep),
        2: lambda along, deep: (deep, along),
        3: lambda along, deep: (columns - 1 - deep, along),
    }
    return [turns[side](along, deep) for along, deep in line]


def _draw_line(canvas: Grey, line: list[tuple[float, float]], dark: int, width: int) -> None:
    fixed = np.round(np.array(line) * (1 << _SUBPIXELS)).astype(np.int32)
    layer = canvas if dark >= 250 else np.zeros_like(canvas)
    cv2.polylines(layer, [fixed], isClosed=False, color=dark, thickness=width, lineType=cv2.LINE_AA, shift=_SUBPIXELS)
    if layer is not canvas:
        np.maximum(canvas, layer, out=canvas)


def _add_residues(print_: Grey, rng: Rng) -> None:
    """Dashes and crumbs where a printed line was removed, dark or faint, along one row or column."""
    rows, columns = print_.shape
    upright = rng.random() < 0.4
    length, depth = (rows, columns) if upright else (columns, rows)
    inset = int(0.2 * min(rows, columns) * rng.random())  # farther in, an upright one would be a 1
    at = inset if rng.random() < 0.5 else depth - 3 - inset
    thick = int(rng.integers(1, 3))
    strip = np.zeros(length, np.uint8)
    for start in rng.integers(0, length, rng.integers(1, 6)):
        strip[start : start + max(1, int(length * rng.uniform(0.01, 0.12)))] = rng.integers(60, 255)
    if upright:
        part = print_[:, at : at + thick]
        np.maximum(part, strip[:, None], out=part)
    else:
        part = print_[at : at + thick]
        np.maximum(part, strip[None, :], out=part)


def _add_neighbour(ink: Grey, size: float, rng: Rng) -> None:
    """A stroke of the neighbouring cell that reaches in over the edge."""
    rows, columns = ink.shape
    reach = size * rng.uniform(0.05, 0.3)
    side = int(rng.integers(4))
    length = columns if side < 2 else rows
    along = rng.uniform(0, length)
    run = rng.normal(0, 0.25 * size, 2)
    path = [
        (along, -4.0),
        (along + run[0], reach),
        (along + run[0] + run[1], -4.0 if rng.random() < 0.5 else reach * 0.6),
    ]
    points = np.array(_on_side(path, side, rows, columns), np.float32)
    draw(ink, [points], max(1.0, size * rng.uniform(0.04, 0.12)), rng)


def _add_specks(print_: Grey, size: float, rng: Rng) -> None:
    rows, columns = print_.shape
    for _ in range(int(rng.integers(1, 5))):
        centre = (int(rng.integers(columns)), int(rng.integers(rows)))
        radius = max(0, round(size * rng.uniform(0.0, 0.045)))
        cv2.circle(print_, centre, radius, int(rng.integers(60, 256)), -1, cv2.LINE_AA)


def on_paper(ink: Grey, print_: Grey, size: float, rng: Rng, conditions: Conditions) -> Grey:
    """The scan of a cell: uint8, dark on light. ink, print_: uint8 (H, W), 255 = dark. size: digit height, pixels."""
    blur = rng.uniform(0.0, conditions.blur) * (1.0 if rng.random() < 0.8 else 1.8) * size
    strength = 1.0 if rng.random() < 0.3 else rng.uniform(conditions.strength, 1.0)
    dark = _blurred(ink, blur).astype(np.float32) * np.float32(strength / 255)
    lines = _blurred(print_, blur).astype(np.float32) * np.float32(rng.uniform(0.25, 1.0) / 255)
    np.maximum(dark, lines, out=dark)
    paper = rng.uniform(140, 255)
    grey = _light(dark.shape, paper, rng) * (1.0 - np.float32(rng.uniform(0.75, 0.97)) * dark)
    grain = rng.uniform(0, 0.45 if rng.random() < 0.8 else 1.0) * conditions.grain
    grey += _grain(dark.shape, min(grain, 0.09 * strength * paper), rng)
    cell = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < conditions.one_bit_share:
        level = paper * (1.0 - strength * rng.uniform(0.25, 0.6))
        return np.where(cell > level, np.uint8(255), np.uint8(0))
    return _compressed(cell, rng) if rng.random() < 0.3 else cell


def _blurred(layer: Grey, sigma: float) -> Grey:
    if sigma < 0.3:
        return layer
    return np.asarray(cv2.GaussianBlur(layer, (0, 0), sigma), dtype=np.uint8)


def _light(shape: tuple[int, ...], paper: float, rng: Rng) -> Real:
    """Paper under uneven light: a gradient, sometimes the edge of a shadow."""
    rows, columns = shape
    if rng.random() < 0.35:
        return np.full(shape, paper, np.float32)
    down = np.linspace(-0.5, 0.5, rows, dtype=np.float32)[:, None]
    across = np.linspace(-0.5, 0.5, columns, dtype=np.float32)[None, :]
    light = 1.0 + np.float32(rng.normal(0, 0.09)) * down + np.float32(rng.normal(0, 0.09)) * across
    if rng.random() < 0.2:
        edge = np.float32(rng.uniform(-0.6, 0.6)) + np.float32(rng.normal(0, 0.5)) * across
        soft = np.float32(rng.uniform(0.1, 0.5))
        light -= np.float32(rng.uniform(0.05, 0.3)) * np.clip((down - edge) / soft, 0, 1)
    return np.asarray(light * np.float32(paper), dtype=np.float32)


_GRAIN = np.random.default_rng(7).standard_normal((512, 2048)).astype(np.float32)


def _grain(shape: tuple[int, ...], spread: float, rng: Rng) -> Real:
    """Noise cut from a fixed sheet of it: drawing it afresh would cost more than the rest of the cell."""
    rows, columns = shape
    top, left = int(rng.integers(512 - rows)), int(rng.integers(2048 - columns))
    grain = _GRAIN[top : top + rows, left : left + columns]
    if rng.random() < 0.4:
        grain = cv2.blur(grain, (2, 2)) * np.float32(1.7)
    return np.asarray(grain * np.float32(spread), dtype=np.float32)


def _compressed(cell: Grey, rng: Rng) -> Grey:
    packed = cv2.imencode(".jpg", cell, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
