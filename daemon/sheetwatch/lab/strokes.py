"""Pen strokes of real writers (UNIPEN) as polylines that can be drawn with any pen, slant and size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.broken_samples import BROKEN_DIGITS

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Glyph:
    """One symbol as a pen wrote it. `strokes`: float32 (N, 2), x right from 0, y down, the symbol 1 high."""

    strokes: tuple[Points, ...]

    @property
    def width(self) -> float:
        """Width, in heights of the symbol."""
        return max(float(points[:, 0].max()) for points in self.strokes)


class StrokeSet:
    """Symbols of many writers, found by writer and label."""

    def __init__(self, glyphs: dict[int, dict[str, list[Glyph]]]) -> None:
        self._glyphs = glyphs
        self.writers = tuple(sorted(glyphs))
        self.labels = tuple(sorted({label for by_label in glyphs.values() for label in by_label}))
        self._by_label: dict[str, list[Glyph]] = defaultdict(list)
        for writer in self.writers:
            for label, samples in glyphs[writer].items():
                self._by_label[label].extend(samples)

    def any_writer(self, rng: np.random.Generator) -> int:
        """A writer, each as likely as any other."""
        return self.writers[int(rng.integers(len(self.writers)))]

    def of(self, rng: np.random.Generator, label: str, writer: int | None = None) -> Glyph:
        """One sample of a label in this writer's hand; another's where this writer left none."""
        samples = self._glyphs.get(writer, {}).get(label) if writer is not None else None
        samples = samples or self._by_label[label]
        return samples[int(rng.integers(len(samples)))]


def load_strokes(path: Path, *, held_out: bool, share: int = 7) -> StrokeSet:
    """Read a UNIPEN file. Every `share`-th writer is held out for calibration: their samples, or all the others'."""
    data = np.load(path, allow_pickle=False)
    points = data["points"].astype(np.float32)
    stroke_start, sample_start = data["stroke_start"], data["sample_start"]
    stroke_end = np.append(stroke_start[1:], len(points))
    sample_end = np.append(sample_start[1:], len(stroke_start))
    glyphs: dict[int, dict[str, list[Glyph]]] = defaultdict(lambda: defaultdict(list))
    for index, (label, writer) in enumerate(zip(data["labels"], data["writer"], strict=True)):
        if (int(writer) % share == 0) != held_out or (path.stem == "unipen_digits" and index in BROKEN_DIGITS):
            continue
        strokes = [
            points[stroke_start[stroke] : stroke_end[stroke]]
            for stroke in range(sample_start[index], sample_end[index])
        ]
        if _is_broken(str(label), strokes):
            continue
        glyphs[int(writer)][str(label).replace("\\\\", "\\")].append(_unit_glyph(strokes))
    return StrokeSet({writer: dict(by_label) for writer, by_label in glyphs.items()})


def _is_broken(label: str, strokes: list[Points]) -> bool:
    """A dash that is called 1, one upright stroke of what was a 4 or a T, a 7 called a dash: some samples are wrong."""
    width, height = np.ptp(np.concatenate(strokes), axis=0).tolist()
    if label in {"-", "~"}:
        return bool(height > 0.45 * width)
    upright = bool(width < 0.2 * height)
    if label.isalpha():
        return upright
    return label.isdigit() and (bool(height < 0.6 * width) or (label != "1" and upright))


def _unit_glyph(strokes: list[Points]) -> Glyph:
    """Scaled to height 1, or for flat symbols to width 1; origin at the top left."""
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    width, height = (high - low).tolist()
    size = height if height > 0.4 * width else max(width, 1.0)
    return Glyph(tuple(_thinned((points - low) / np.float32(size)) for points in strokes))


def _thinned(points: Points) -> Points:
    """At most about 40 points a stroke: more are not seen at the size of a cell."""
    every = max(1, len(points) // 40)
    kept = points[::every]
    return np.concatenate([kept, points[-1:]]).astype(np.float32)


def smoothed(corners: list[tuple[float, float]], rounds: int = 2) -> Points:
    """A pen path through the neighbourhood of these corners (Chaikin's corner cutting)."""
    points = np.array(corners, np.float32)
    for _ in range(rounds):
        before, after = points[:-1], points[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points
