"""What a person writes into a cell: strings of one hand, halves, decimals, dashes, and what nobody can read.

Labels use the reader's vocabulary: 0-9, ".", "½", "-" (a stroke: not attempted), "x" (cannot be read).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.compose_drawn import drawn
from sheetwatch.lab.compose_half import half
from sheetwatch.lab.strokes import Glyph, smoothed

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from sheetwatch.lab.strokes import StrokeSet

    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator

# Letters and symbols that are also digits, fused halves or strokes in some hand: they teach nothing as rejects.
LOOKALIKES = frozenset("lIOoSZzsbgqBYyh|()[]{}!;:\"'`.,-_~/\\%<>^?&@=+$")


_DRAWN_STRINGS = 0.3  # strings of a hand that UNIPEN lacks
_DRAWN_BEFORE_HALVES = 0.5
_DRAWN_SYMBOLS = 0.85  # of the digits in them
_TICK_SHARE = 0.03
_RAISED_POINTS = 0.15
_MOST_OVERLAP = 0.3  # of the narrower of two neighbours; more would hide a 1
_NARROW = 0.3  # of the height; a 1 that is written into its neighbour's stem cannot be seen
_CLEAR_OF_NARROW = 0.14
_FLATTEST = 0.6  # height over width of a letter that was not meant as a dash


@dataclass(frozen=True, slots=True, eq=False)
class Writing:
    """Strokes laid out in units of digit height, y 0 to 1 down; and what they say."""

    strokes: tuple[Points, ...]
    label: str


class Hand:
    """Writes strings in the hands of a set of writers."""

    def __init__(self, digits: StrokeSet, letters: StrokeSet, symbols: StrokeSet) -> None:
        self._digits = digits
        self._letters = letters
        self._symbols = symbols
        self._reject_letters = [label for label in letters.labels if label not in LOOKALIKES]
        self._reject_symbols = [label for label in symbols.labels if label not in LOOKALIKES]

    def write(self, rng: Rng) -> Writing:
        """Something that a person may write into a cell, likely things oftener."""
        kinds: tuple[tuple[float, Callable[[Rng], Writing]], ...] = (
            (0.27, self.digit),
            (0.03, self.ruled_one),  # rare, and hard beside so many borders that look like it and say nothing
            (0.18, self.number),
            (0.22, self.with_half),
            (0.09, self.decimal),
            (0.06, self.stroke),
            (0.06, self.letters),
            (0.05, self.scribble),
            (0.06, self.struck_out),
        )
        draw = rng.random() * sum(share for share, _ in kinds)
        for share, kind in kinds:
            draw -= share
            if draw < 0:
                return kind(rng)
        return self.digit(rng)

    def digit(self, rng: Rng) -> Writing:
        """One digit, sometimes ringed."""
        writing = self._string(rng, str(rng.integers(10)))
        return _ringed(rng, writing) if rng.random() < 0.04 else writing

    def ruled_one(self, rng: Rng) -> Writing:
        """A 1 as straight and as upright as a ruled line."""
        lean = rng.normal(0, 0.03)
        return Writing((np.array([[lean, 0.0], [-lean, 1.0]], np.float32),), "1")

    def number(self, rng: Rng) -> Writing:
        """Two or three digits, rarely up to twelve."""
        draw = rng.random()
        if draw < 0.62:
            text = str(rng.integers(10, 100)) if rng.random() < 0.9 else f"{rng.integers(100):02d}"
        elif draw < 0.8:
            text = "100" if rng.random() < 0.3 else f"{rng.integers(1000):03d}"
        else:
            text = "".join(map(str, rng.integers(0, 10, rng.integers(4, 13))))
        writing = self._string(rng, text)
        return _ringed(rng, writing) if rng.random() < 0.03 else writing

    def with_half(self, rng: Rng) -> Writing:
        """½ alone or after a number; sometimes two values with a plus."""
        draw = rng.random()
        if draw < 0.2:
            return self._string(rng, "½")
        if draw < 0.24:
            return self._string(rng, f"{rng.integers(1, 10)}½+{'½' if rng.random() < 0.5 else rng.integers(1, 10)}")
        whole = rng.integers(0, 10) if draw < 0.75 else rng.integers(10, 100)
        if rng.random() < 0.2:  # 1½ is the hardest: the 1 stands beside the raised 1
            whole = 1
        return self._string(rng, f"{whole}½")

    def decimal(self, rng: Rng) -> Writing:
        """7.5, 12.25, .5, 7."""
        draw = rng.random()
        whole = "" if draw < 0.2 else str(rng.integers(0, 10) if draw < 0.6 else rng.integers(10, 100))
        part = "5" if rng.random() < 0.4 else str(rng.integers(0, 10))
        if rng.random() < 0.15:
            part += "5" if rng.random() < 0.5 else str(rng.integers(0, 10))
        if whole and rng.random() < 0.06:
            part = ""
        return self._string(rng, f"{whole}.{part}")

    def stroke(self, rng: Rng) -> Writing:
        """A dash, a long slash, a wave: not attempted."""
        draw = rng.random()
        if draw < 0.3:
            symbol = "-" if rng.random() < 0.7 else "~"
            glyph = self._symbols.of(rng, symbol)
            long = np.float32(rng.uniform(0.45, 1.5) / max(glyph.width, 0.1))
            strokes = [points * long for points in glyph.strokes]
        elif draw < 0.7:
            wide, rise = rng.uniform(0.45, 2.5), rng.normal(0, 0.12)
            strokes = [smoothed([(0, 0), (wide / 2, rng.normal(0, 0.05)), (wide, -rise * wide)])]
        else:
            wide = rng.uniform(1.0, 2.5)
            high = min(rng.uniform(0.4, 1.2), 0.7 * wide)  # a steeper slash would be a 1
            up = [(0.0, high), (wide / 2, high / 2 + rng.normal(0, 0.08)), (wide, 0.0)]
            strokes = [smoothed(up if rng.random() < 0.8 else [(x, high - y) for x, y in up])]
        if rng.random() < 0.12:
            strokes = [
                *strokes,
                *(points + np.array([rng.normal(0, 0.1), rng.uniform(0.15, 0.4)], np.float32) for points in strokes),
            ]
            return Writing(tuple(strokes), "-")
        return Writing(tuple(strokes), "-")

    def letters(self, rng: Rng) -> Writing:
        """One to three letters or symbols, or a letter beside a number."""
        glyphs = [self._reject(rng) for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 4)))]
        label = "x" * len(glyphs)
        if rng.random() < 0.15:
            digit = str(rng.integers(10))
            glyphs, label = [self._digits.of(rng, digit), *glyphs], digit + label
        return Writing(tuple(_in_a_row(rng, glyphs)), label)

    def scribble(self, rng: Rng) -> Writing:
        """A tangle, a tick, or a signature's beginning."""
        draw = rng.random()
        if draw < 0.25:
            low = rng.uniform(0.15, 0.4)
            tick = [(0, rng.uniform(0.4, 0.7)), (low, 1.0), (low + rng.uniform(0.4, 1.2), rng.uniform(-0.3, 0.2))]
            return Writing((smoothed(tick, 1),), "x")
        turns = int(rng.integers(6, 22))
        wide = rng.uniform(0.5, 2.5)
        if draw < 0.6:  # a tangle
            path = np.stack([rng.uniform(0, wide, turns), rng.uniform(0, 1, turns)], axis=1)
        else:  # runs along
            path = np.stack(
                [np.linspace(0, wide, turns) + rng.normal(0, 0.12, turns), rng.uniform(0, 1, turns)], axis=1
            )
        return Writing((smoothed([tuple(point) for point in path]),), "x")

    def struck_out(self, rng: Rng) -> Writing:
        """A value struck out, with or without the new one beside it; or one digit over another."""
        old = str(rng.integers(10)) if rng.random() < 0.6 else str(rng.integers(10, 100))
        first = self._string(rng, old)
        wide = _width(first.strokes)
        if rng.random() < 0.2:
            other = str((int(old[0]) + int(rng.integers(1, 10))) % 10)
            glyph = self._digits.of(rng, other)
            # well beside the first: exactly over each other, a 3 and an 8 are an 8
            angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.14, 0.3)
            shift = np.array([reach * np.cos(angle), reach * np.sin(angle)], np.float32)
            over = [points + shift for points in glyph.strokes]
            return Writing((*first.strokes, *over), "x")
        # one line through a 7 or a 0 would be a barred 7, a slashed 0; in the waist of a 3 nobody sees it
        strokes = [*first.strokes, *_strike(rng, wide, least=2 if len(old) == 1 else 1)]
        if rng.random() < 0.45:
            new = self._string(rng, str(rng.integers(10)) if rng.random() < 0.7 else str(rng.integers(10, 100)))
            shift = np.array([wide + rng.uniform(0.15, 0.6), rng.normal(0, 0.15)], np.float32)
            strokes += [points + shift for points in new.strokes]
            return Writing(tuple(strokes), "x" + new.label)
        return Writing(tuple(strokes), "x")

    def _reject(self, rng: Rng) -> Glyph:
        """A letter or symbol; one that lost strokes and looks like a dash or a 1 is drawn again."""
        while True:
            glyph = self._letter(rng)
            tall = max(float(points[:, 1].max()) for points in glyph.strokes)
            if _FLATTEST * glyph.width < tall and glyph.width > 0.25:
                return glyph

    def _letter(self, rng: Rng) -> Glyph:
        if rng.random() < 0.75:
            return self._letters.of(rng, self._reject_letters[int(rng.integers(len(self._reject_letters)))])
        return self._symbols.of(rng, self._reject_symbols[int(rng.integers(len(self._reject_symbols)))])

    def _string(self, rng: Rng, text: str) -> Writing:
        """The text in one hand (one time in five digits of several hands), rarely ticked."""
        writer = self._digits.any_writer(rng) if rng.random() < 0.8 else None
        strings = _DRAWN_BEFORE_HALVES if "½" in text else _DRAWN_STRINGS
        drawn_share = _DRAWN_SYMBOLS if rng.random() < strings else 0.0
        glyphs = [
            varied(rng, drawn(rng, symbol))
            if symbol.isdigit() and rng.random() < drawn_share
            else self._symbol(rng, symbol, writer)
            for symbol in text
        ]
        writing = Writing(tuple(_in_a_row(rng, glyphs, pointed="." in text)), text.replace("+", "x"))
        return _ticked(rng, writing) if rng.random() < _TICK_SHARE else writing

    def _symbol(self, rng: Rng, symbol: str, writer: int | None) -> Glyph:
        if symbol == "½":
            return half(rng, self._digits, writer)
        if symbol == ".":
            return _point(rng)
        if symbol == "+":
            return self._symbols.of(rng, "+")
        glyph = varied(rng, self._digits.of(rng, symbol, writer))
        if symbol == "7" and rng.random() < 0.35:
            return _barred(rng, glyph)
        return glyph


def _in_a_row(rng: Rng, glyphs: list[Glyph], *, pointed: bool = False) -> list[Points]:
    """Symbols side by side; apart, touching, or overlapping, as this hand does."""
    gap = rng.uniform(-0.05, 0.45) if rng.random() < 0.85 else rng.uniform(-0.2, 0.0)
    if pointed:  # a point under its neighbour cannot be seen
        gap = max(gap, 0.08)
    uneven = rng.uniform(0.0, 0.08)
    strokes: list[Points] = []
    right = last_width = 0.0
    for glyph in glyphs:
        size = 1.0 + rng.normal(0, uneven)
        wide = glyph.width * size
        room = max(gap * rng.uniform(0.6, 1.4), -_MOST_OVERLAP * min(wide, last_width))
        if min(wide, last_width) < _NARROW:
            room = max(room, _CLEAR_OF_NARROW)
        left = right + (room if strokes else 0.0)
        shift = np.array([left, rng.normal(0, uneven)], np.float32)
        strokes += [points * np.float32(size) + shift for points in glyph.strokes]
        last_width = wide
        right = left + wide
    return strokes


def _point(rng: Rng) -> Glyph:
    """A decimal point or a comma on or near the base line, or a point raised to the middle."""
    if rng.random() < _RAISED_POINTS:
        return _dot(rng, rng.uniform(0.35, 0.65))
    base = rng.uniform(0.8, 1.05)
    if rng.random() < 0.35:
        tail = np.array([rng.uniform(-0.14, 0.02), rng.uniform(0.12, 0.28)])
        return Glyph((np.array([[0.14, base], [0.14 + tail[0], base + tail[1]]], np.float32),))
    return _dot(rng, base)


def _dot(rng: Rng, y: float) -> Glyph:
    angles = np.linspace(0, 2 * np.pi, 7)
    dot = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.04, 0.085) + np.array([0.1, y])
    return Glyph((dot.astype(np.float32),))


def varied(rng: Rng, glyph: Glyph) -> Glyph:
    """The symbol as the same hand might write it another time: stretched, leaning, bent a little."""
    bend, phase = rng.uniform(0.0, 0.045, 2), rng.uniform(0.0, 6.3, 2)
    wide, lean = float(np.exp(rng.normal(0, 0.1))), rng.normal(0, 0.06)
    strokes = []
    for points in glyph.strokes:
        x, y = points[:, 0], points[:, 1]
        across = wide * x + lean * (0.5 - y) + bend[0] * np.sin(4.5 * y + phase[0])
        strokes.append(np.stack([across, y + bend[1] * np.sin(4.5 * x + phase[1])], axis=1))
    left = min(float(points[:, 0].min()) for points in strokes)
    return Glyph(tuple((points - np.array([left, 0.0])).astype(np.float32) for points in strokes))


def _ticked(rng: Rng, writing: Writing) -> Writing:
    """A tick behind the value, clear of it: the value counts."""
    left, size = _width(writing.strokes) + rng.uniform(0.25, 0.8), rng.uniform(0.6, 1.3)
    dip = size * rng.uniform(0.2, 0.4)
    top = rng.uniform(-0.2, 0.3)
    corners = [
        (left, top + size * rng.uniform(0.45, 0.65)),
        (left + dip, top + size),
        (left + dip + size * rng.uniform(0.5, 1.1), top - rng.uniform(0.0, 0.2)),
    ]
    return Writing((*writing.strokes, smoothed(corners, 1)), writing.label)


def _barred(rng: Rng, glyph: Glyph) -> Glyph:
    """A 7 with a bar through its stem."""
    middle, y = glyph.width * rng.uniform(0.3, 0.65), rng.uniform(0.32, 0.68)
    reach, rise = rng.uniform(0.15, 0.5), rng.normal(0.03, 0.07)
    bar = np.array([[max(0.0, middle - reach), y + rise], [middle + reach, y - rise]], np.float32)
    return Glyph((*glyph.strokes, bar))


def _ringed(rng: Rng, writing: Writing) -> Writing:
    """A circle round the value: it still counts. A ringed 1 would be a slashed zero."""
    if set(writing.label) == {"1"}:
        return writing
    wide = _width(writing.strokes)
    angles = np.linspace(0, 2 * np.pi * rng.uniform(0.95, 1.1), 24) + rng.uniform(0, 6)
    reach = np.array([wide / 2 + rng.uniform(0.25, 0.5), 0.5 + rng.uniform(0.15, 0.4)])
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach + np.array([wide / 2, 0.5])
    return Writing((*writing.strokes, ring.astype(np.float32)), writing.label)


def _strike(rng: Rng, wide: float, *, least: int) -> list[Points]:
    """One to four strokes through a value, level, slanted or crossed, or a zigzag over it."""
    if rng.random() < 0.3:
        turns = int(rng.integers(4, 9))
        across = np.linspace(-0.1, wide + 0.1, turns)
        path = [(float(x), rng.uniform(0.1, 0.35) if i % 2 else rng.uniform(0.65, 0.9)) for i, x in enumerate(across)]
        return [smoothed(path, 1)]
    slope = rng.choice([0.0, 0.0, 0.6, -0.6]) + rng.normal(0, 0.1)
    lines = []
    for _ in range(int(rng.integers(least if abs(slope) < 0.4 else 2, 4))):
        middle = rng.uniform(0.3, 0.7)
        lines.append(
            smoothed(
                [
                    (-0.15, middle + slope * 0.5),
                    (wide / 2, middle + rng.normal(0, 0.04)),
                    (wide + 0.15, middle - slope * 0.5),
                ]
            )
        )
    return lines


def _width(strokes: tuple[Points, ...]) -> float:
    return max(float(points[:, 0].max()) for points in strokes)
