"""Writers of whole numbers for test pages: real pens, real pictures of digits, and the project's own pen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from sheetwatch.lab.compose_paper import draw
from sheetwatch.lab.compose_text import varied
from sheetwatch.lab.hand import draw_hand, write_character

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.lab.dataset import Glyphs, Sources
    from sheetwatch.lab.strokes import StrokeSet

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator

_LEAST_GAP = 0.1  # digit heights between digits of one number


class Writer(Protocol):
    """One person with one pen."""

    def digit(self, symbol: str, tall: float, rng: Rng) -> Grey:
        """A digit about so many pixels high, cropped to its ink: uint8 (h, w), 255 = ink."""


class PenWriter:
    """The project's own pen; needs no data."""

    def __init__(self, rng: Rng) -> None:
        self._hand = draw_hand(rng)
        self._thick = rng.uniform(0.06, 0.13)

    def digit(self, symbol: str, tall: float, rng: Rng) -> Grey:
        """A digit in this hand."""
        strokes = [stroke.points.astype(np.float32) for stroke in write_character(self._hand, symbol, rng)]
        return _drawn(strokes, tall, self._thick * tall, rng)


class StrokeWriter:
    """A writer of the UNIPEN collection."""

    def __init__(self, digits: StrokeSet, rng: Rng) -> None:
        self._digits = digits
        self._writer = digits.any_writer(rng)
        self._thick = rng.uniform(0.05, 0.13)
        self._slant = rng.normal(0, 0.12)

    def digit(self, symbol: str, tall: float, rng: Rng) -> Grey:
        """A digit as this writer wrote it once, varied."""
        glyph = varied(rng, self._digits.of(rng, symbol, self._writer))
        lean = np.array([[1.0, 0.0], [-self._slant, 1.0]], np.float32)
        return _drawn([points @ lean for points in glyph.strokes], tall, self._thick * tall, rng)


class PictureWriter:
    """Digit pictures of one collection, of many hands."""

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self._by_label: dict[str, list[int]] = defaultdict(list)
        for index, label in enumerate(glyphs.labels):
            self._by_label[label].append(index)

    def digit(self, symbol: str, tall: float, rng: Rng) -> Grey:
        """A picture of that digit."""
        some = self._by_label[symbol]
        picture = self._glyphs.images[some[int(rng.integers(len(some)))]]
        high = max(6, round(tall * rng.uniform(0.88, 1.08)))
        wide = max(2, round(picture.shape[1] * high / picture.shape[0] * np.exp(rng.normal(0, 0.08))))
        body = cv2.resize(picture, (wide, high), interpolation=cv2.INTER_CUBIC)
        return np.asarray(body, dtype=np.uint8)


def own_pen(rng: Rng) -> Writer:
    """Somebody who writes as the project's own pen does."""
    return PenWriter(rng)


def real_writer(sources: Sources, rng: Rng) -> Writer:
    """Somebody of the given sources: one in two wrote with a pen, the others are pictures of MNIST's kind."""
    if rng.random() < 0.5:
        return StrokeWriter(sources.digits, rng)
    shares = np.array([one.share if min(map(_resolution, one.images[:50])) >= 12 else 0.0 for one in sources.glyphs])
    return PictureWriter(sources.glyphs[int(rng.choice(len(shares), p=shares / shares.sum()))])


def number_ink(writer: Writer, text: str, tall: float, gap: float, rng: Rng) -> Grey:
    """A number in one hand: uint8 (h, w), 255 = ink, no margin. gap: between digits, digit heights."""
    bodies = [writer.digit(symbol, tall, rng) for symbol in text]
    lefts, right = [], 0.0
    for place, body in enumerate(bodies):
        room = max(gap * rng.uniform(0.7, 1.3), -0.05) * tall if place else 0.0
        if place and min(body.shape[1], bodies[place - 1].shape[1]) < 0.3 * tall:
            room = max(room, _LEAST_GAP * tall)  # a 1 in its neighbour's stem cannot be seen
        lefts.append(round(right + room))
        right = lefts[-1] + body.shape[1]
    rises = [round(rng.normal(0, 0.035) * tall) for _ in bodies]
    high = max(body.shape[0] for body in bodies)
    tops = [rise + (high - body.shape[0]) for rise, body in zip(rises, bodies, strict=True)]
    lowest = min(tops)
    rows = max(top - lowest + body.shape[0] for top, body in zip(tops, bodies, strict=True))
    canvas = np.zeros((rows, max(left + body.shape[1] for left, body in zip(lefts, bodies, strict=True))), np.uint8)
    for left, top, body in zip(lefts, tops, bodies, strict=True):
        part = canvas[top - lowest : top - lowest + body.shape[0], left : left + body.shape[1]]
        np.maximum(part, body, out=part)
    return canvas


def _resolution(image: Grey) -> int:
    return max(image.shape)


def _drawn(strokes: list[Points], tall: float, thick: float, rng: Rng) -> Grey:
    every = np.concatenate(strokes) * np.float32(tall)
    low, high = every.min(axis=0), every.max(axis=0)
    pad = int(np.ceil(thick))
    wide, deep = (np.ceil(high - low).astype(int) + 2 * pad + 1).tolist()
    canvas = np.zeros((deep, wide), np.uint8)
    draw(canvas, [points * np.float32(tall) - low + np.float32(pad) for points in strokes], max(1.0, thick), rng)
    rows, columns = np.flatnonzero(canvas.any(axis=1)), np.flatnonzero(canvas.any(axis=0))
    return canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
