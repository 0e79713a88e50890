"""Training cells, composed afresh: real handwriting laid out as people fill forms, on paper, through a scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.compose_paper import CUT, CUT_HARSH, HARSH, ORDINARY, Conditions, add_clutter, draw, on_paper
from sheetwatch.lab.compose_text import Hand, Writing

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.lab.dataset import Sources

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator

_EMPTY_SHARE = 0.07
_PICTURED_SHARE = 0.36  # of the written cells: digits that exist only as pictures (MNIST and the like)
_INKED = 48  # of 255
_LEAST_PART = 6  # pixels; smaller ones are rests of a dry pen
_VISIBLE = 0.93  # of the paper's light; ink lighter than that is not seen
_SEEN_SHARE = 0.7  # of its pixels that must be visible, for ink and each of its parts to show


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """A composed cell. `grey`: uint8 (H, W), dark ink on light paper; `label`: what it says, "" for nothing."""

    grey: Grey
    label: str


class Composer:
    """Composes cells from the given sources; the same generator gives the same cells.

    `ordinary_share` of them are as an ordinary office scan leaves them, the others as bad as scans get. `as_cut`: with
    a margin and without their surroundings, as the pipeline hands cells to the reader.
    """

    def __init__(self, sources: Sources, ordinary_share: float = 0.45, *, as_cut: bool = False) -> None:
        self._ordinary_share = ordinary_share
        self._ordinary, self._harsh = (CUT, CUT_HARSH) if as_cut else (ORDINARY, HARSH)
        self._hand = Hand(sources.digits, sources.letters, sources.symbols)
        self._glyphs = sources.glyphs

    def compose(self, rng: Rng) -> Cell:
        """One cell as a scanner sees it; what fades out altogether is composed again."""
        while True:
            cell, ink = self._attempt(rng)
            if not cell.label or _shows(cell.grey, ink):
                return cell

    def _attempt(self, rng: Rng) -> tuple[Cell, Grey]:
        conditions = self._ordinary if rng.random() < self._ordinary_share else self._harsh
        size = float(np.exp(rng.uniform(*np.log(conditions.size_px))))  # digit height, pixels
        draw_ = rng.random()
        if draw_ < _EMPTY_SHARE:
            shape = (int(size * rng.uniform(1.2, 2.6)), int(size * rng.uniform(1.2, 6)))
            ink, label = np.zeros(shape, np.uint8), ""
        elif draw_ < _EMPTY_SHARE + _PICTURED_SHARE:
            ink, label = self._pictured(rng, size, conditions)
        else:
            ink, label = _inked(rng, self._hand.write(rng), size, conditions)
        print_ = np.zeros_like(ink)
        written = ink.copy()
        if not label or rng.random() < conditions.clutter_share:
            add_clutter(print_, ink, size, rng, surroundings=conditions.surroundings)
        return Cell(grey=on_paper(ink, print_, size, rng, conditions), label=label), written

    def _pictured(self, rng: Rng, size: float, conditions: Conditions) -> tuple[Grey, str]:
        """One to four digit pictures of one collection side by side."""
        count = 1 if rng.random() < 0.74 else int(rng.integers(2, 5))
        glyphs = self._glyphs[int(rng.choice(len(self._glyphs), p=[glyphs.share for glyphs in self._glyphs]))]
        picks = [glyphs.pick(rng) for _ in range(count)]
        height = max(6, round(size))
        bodies = [_resized(picture, height, rng) for picture, _ in picks]
        gap = size * rng.uniform(-0.05, 0.4)
        lefts = np.cumsum([0.0, *(body.shape[1] + gap for body in bodies[:-1])])
        wide = float(max(left + body.shape[1] for left, body in zip(lefts, bodies, strict=True)))
        canvas, (x, y) = _canvas(rng, (wide, float(max(body.shape[0] for body in bodies))), size, conditions)
        for left, body in zip(lefts, bodies, strict=True):
            _put(canvas, body, int(x + left), int(y + rng.normal(0, 0.04) * size))
        return canvas, "".join(label for _, label in picks)


def _shows(grey: Grey, ink: Grey) -> bool:
    """Whether the ink, and every part of it, is darker than its paper by what a person needs to see it.

    A digit or a point that nobody can see would teach, and count, as a mistake to leave it out.
    """
    body, inked = ink > 127, (ink > _INKED).astype(np.uint8)
    if body.sum() < 8 or _seen_share(grey, body, _paper(grey, ink)) <= _SEEN_SHARE:
        return False
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(inked, connectivity=8)
    return all(_part_shows(grey, ink, numbers, number, boxes[number]) for number in range(1, count))


def _part_shows(grey: Grey, ink: Grey, numbers: npt.NDArray[np.int32], number: int, box: npt.NDArray[np.int32]) -> bool:
    left, top, width, height, area = (int(value) for value in box)
    if area < _LEAST_PART:
        return True
    spare = max(4, (width + height) // 4)
    near = np.s_[max(0, top - spare) : top + height + spare, max(0, left - spare) : left + width + spare]
    mine = numbers[near] == number
    middle = mine & (ink[near] > 0.6 * ink[near][mine].max())
    return _seen_share(grey[near], middle, _paper(grey[near], ink[near])) > _SEEN_SHARE


def _paper(grey: Grey, ink: Grey) -> float:
    free = grey[ink < 16]
    return float(np.median(free)) if free.size else 255.0


def _seen_share(grey: Grey, strokes: npt.NDArray[np.bool_], paper: float) -> float:
    return float((grey[strokes] < _VISIBLE * paper).mean())


def _resized(picture: Grey, height: int, rng: Rng) -> Grey:
    """A digit picture at about this height, slanted and with its pen a little thinner or thicker."""
    high = max(5.0, height * rng.uniform(0.85, 1.1))
    zoom = high / picture.shape[0]
    stretch = zoom * float(np.exp(rng.normal(0, 0.12)))
    lean = rng.normal(0, 0.16)
    wide = picture.shape[1] * stretch + abs(lean) * high
    shift = max(0.0, lean * high)
    matrix = np.array([[stretch, -lean * zoom, shift], [0, zoom, 0]], np.float32)
    shape = (max(2, int(np.ceil(wide))), max(2, int(np.ceil(high))))
    body = cv2.warpAffine(picture, matrix, shape, flags=cv2.INTER_LINEAR)
    draw_ = rng.random()
    if draw_ < 0.2 and height > 20:
        body = cv2.dilate(body, np.ones((2, 2), np.uint8))
    elif draw_ < 0.3 and height > 36:
        body = cv2.erode(body, np.ones((2, 2), np.uint8))
    return np.asarray(body, dtype=np.uint8)


def _inked(rng: Rng, writing: Writing, size: float, conditions: Conditions) -> tuple[Grey, str]:
    """A writing drawn with a pen on a canvas that fits it more or less."""
    strokes = _in_pixels(rng, writing, size)
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    wide, tall = (high - low).tolist()
    canvas, place = _canvas(rng, (wide, tall), size, conditions)
    shift = np.array(place, np.float32) - low
    draw(canvas, [points + shift for points in strokes], max(1.0, size * rng.uniform(0.035, 0.15)), rng)
    return canvas, writing.label


def _in_pixels(rng: Rng, writing: Writing, size: float) -> list[Points]:
    """Slanted, turned, stretched and shaken as a hand in a hurry does."""
    lean, turn = rng.normal(0, 0.14), np.deg2rad(rng.normal(0, 3.0))
    wide, tall = size * float(np.exp(rng.normal(-0.05, 0.16))), size
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = (turned @ np.array([[wide, -lean * tall], [0.0, tall]])).astype(np.float32)
    strokes = [points @ matrix.T for points in writing.strokes]
    if rng.random() < 0.5:
        bend, phase = size * rng.uniform(0, 0.05), rng.uniform(0, 6.3, 2)
        strokes = [_bent(points, bend, phase, size) for points in strokes]
    return strokes


def _bent(points: Points, bend: float, phase: npt.NDArray[np.float64], size: float) -> Points:
    waves = np.sin(points[:, ::-1] * np.float32(5.0 / size) + phase.astype(np.float32))
    return np.asarray(points + np.float32(bend) * waves, dtype=np.float32)


def _canvas(
    rng: Rng,
    extent: tuple[float, float],
    size: float,
    conditions: Conditions,
) -> tuple[Grey, tuple[float, float]]:
    """An empty cell around ink this wide and tall, and where its top left corner goes."""
    wide, tall = extent
    rows = round(max(8.0, max(tall, 0.75 * size) * rng.uniform(*conditions.room)))
    spare = (rng.uniform(0.15, 1.2) if rng.random() < 0.7 else rng.uniform(1.0, 5.0)) * size
    columns = round(max(8.0, wide + 2 + spare, rows * rng.uniform(0.6, 1.0)))
    x = (columns - wide) * rng.uniform(conditions.side, 1.0 - conditions.side)
    spread = 0.1 if tall < 0.3 * size else 0.2  # nobody sees a dash on the edge
    y = (rows - tall) * float(np.clip(rng.normal(0.5, spread), 0.05, 0.95))
    if rng.random() < conditions.cut_share:
        x += rng.choice([-1, 1]) * 0.08 * size
        y += rng.normal(0, 0.07) * size
    margin = round(conditions.margin * min(rows, columns))
    shape = (min(rows + 2 * margin, 360), min(columns + 2 * margin, 1400))
    return np.zeros(shape, np.uint8), (x + margin, y + margin)


def _put(canvas: Grey, body: Grey, left: int, top: int) -> None:
    """Lay a picture onto the canvas where it fits; what hangs over is cut."""
    into = canvas[max(0, top) : max(0, top + body.shape[0]), max(0, left) : max(0, left + body.shape[1])]
    seen = body[max(0, -top) : max(0, -top) + into.shape[0], max(0, -left) : max(0, -left) + into.shape[1]]
    if seen.size and into.shape == seen.shape:
        np.maximum(into, seen, out=into)
