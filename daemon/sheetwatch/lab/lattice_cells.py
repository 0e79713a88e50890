"""Training candidates for the lattice: composed cells whose every symbol's ink is known, cut as the reader cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.compose_drawn import drawn
from sheetwatch.lab.compose_half import half
from sheetwatch.lab.compose_paper import HARSH, ORDINARY, add_clutter, draw, on_paper
from sheetwatch.lab.compose_text import Hand, varied
from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL, SYMBOLS
from sheetwatch.lab.lattice_segments import candidates_of, pieces_of
from sheetwatch.lab.strokes import Glyph
from sheetwatch.reader.normalise import prepare
from sheetwatch.reader.vocabulary import UNREADABLE

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.lab.dataset import Sources
    from sheetwatch.lab.lattice_segments import Candidate

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float32]
    Rng = np.random.Generator
    Shares = npt.NDArray[np.float64]

_PICTURED_SHARE = 0.36  # digits that exist only as pictures
_RESIDUE_SHARE = 0.2  # cells with a stroke at the edge that belongs to another cell
_WHOLE, _PART = 0.92, 0.75  # of a symbol's ink: so much is the symbol, less than that is not
_CLEAN, _FOREIGN = 0.1, 0.25  # of another symbol's ink: so little does not matter, more than that does
_FITTING = 0.9  # of the ink must lie where the composed symbols lie


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The ink of one symbol on the cell's canvas: uint8 (H, W), 255 = ink."""

    ink: Grey
    symbol: str


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One symbol before it is drawn: strokes or a picture, set on the line with its left end at 0, 1 high."""

    symbol: str
    glyph: Glyph | None = None
    picture: Grey | None = None

    @property
    def width(self) -> float:
        """In heights of a digit."""
        if self.glyph is not None:
            return self.glyph.width
        assert self.picture is not None  # noqa: S101 - a piece has one or the other
        return self.picture.shape[1] / self.picture.shape[0]


class LatticeComposer:
    """Composes cells and labels every candidate of their lattices."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._hand = Hand(sources.digits, sources.letters, sources.symbols)

    def candidates(self, rng: Rng) -> list[tuple[Candidate, int]]:
        """The candidates of one cell with their classes; none where the ink was not found as it was composed."""
        cell, layers, residues = self._cell(rng)
        picture = prepare(cell).picture
        if picture is None:
            return []
        for kept in (layers + residues, layers):
            moved = moved_onto(picture, kept)
            if moved:
                return labelled(picture, moved)
        return []

    def _cell(self, rng: Rng) -> tuple[Grey, list[Layer], list[Layer]]:
        size = float(np.exp(rng.uniform(np.log(22), np.log(58))))
        layers = _drawn_in_a_row(rng, self._line(rng), size)
        residues = [_residue(rng, layers[0].ink.shape, size)] if rng.random() < _RESIDUE_SHARE else []
        ink = np.maximum.reduce([layer.ink for layer in layers + residues])
        print_ = np.zeros_like(ink)
        if rng.random() < 0.5:
            add_clutter(print_, ink, size, rng, surroundings=False)
        conditions = ORDINARY if rng.random() < 0.6 else HARSH
        return on_paper(ink, print_, size, rng, conditions), layers, residues

    def _line(self, rng: Rng) -> list[Piece]:
        """What stands in a cell."""
        if rng.random() < 0.14:
            writing = (self._hand.stroke, self._hand.letters, self._hand.scribble, self._hand.struck_out)[
                int(rng.choice(4, p=(0.3, 0.35, 0.15, 0.2)))
            ](rng)
            symbol = writing.label if writing.label in SYMBOLS else UNREADABLE
            return [Piece(symbol, glyph=_at_left(Glyph(writing.strokes)))]
        if rng.random() < _PICTURED_SHARE:
            glyphs = self._sources.glyphs
            chosen = glyphs[int(rng.choice(len(glyphs), p=[one.share for one in glyphs]))]
            picks = [chosen.pick(rng) for _ in range(1 if rng.random() < 0.6 else int(rng.integers(2, 4)))]
            return [Piece(symbol, picture=picture) for picture, symbol in picks]
        writer = self._sources.digits.any_writer(rng)
        drawn_share = 0.85 if rng.random() < 0.3 else 0.0
        return [Piece(symbol, glyph=self._glyph(rng, symbol, writer, drawn_share)) for symbol in _text(rng)]

    def _glyph(self, rng: Rng, symbol: str, writer: int, drawn_share: float) -> Glyph:
        if symbol == "½":
            return half(rng, self._sources.digits, writer)
        if symbol == ".":
            base, reach = rng.uniform(0.85, 1.05), rng.uniform(-0.1, 0.02)
            drop = rng.uniform(0.1, 0.25) if rng.random() < 0.35 else 0.04
            return _at_left(Glyph((np.array([[0.1, base], [0.1 + reach, base + drop]], np.float32),)))
        if rng.random() < drawn_share:
            return varied(rng, drawn(rng, symbol))
        glyph = varied(rng, self._sources.digits.of(rng, symbol, writer))
        if symbol == "7" and rng.random() < 0.35:
            middle, y, reach = glyph.width * rng.uniform(0.3, 0.65), rng.uniform(0.32, 0.68), rng.uniform(0.15, 0.5)
            bar = np.array([[max(0.0, middle - reach), y + 0.03], [middle + reach, y - 0.03]], np.float32)
            return Glyph((*glyph.strokes, bar))
        return glyph


def _text(rng: Rng) -> str:
    """A value as it stands in a mark's cell."""
    draw, digit = rng.random(), str(rng.integers(10))
    if draw < 0.36:
        return digit
    if draw < 0.62:
        return str(rng.integers(10, 100)) if draw < 0.54 else f"{rng.integers(1000):03d}"
    if draw < 0.90:
        whole = "" if draw < 0.67 else "1" if draw < 0.72 else digit if draw < 0.86 else str(rng.integers(10, 100))
        return whole + "½"
    return f"{rng.integers(0, 30)}.{digit}"


def _at_left(glyph: Glyph) -> Glyph:
    left = np.array([min(float(points[:, 0].min()) for points in glyph.strokes), 0.0], np.float32)
    return Glyph(tuple(points - left for points in glyph.strokes))


def _drawn_in_a_row(rng: Rng, line: list[Piece], size: float) -> list[Layer]:
    """Each piece on its own canvas, side by side as one hand sets them: apart, touching or overlapping."""
    gap = rng.uniform(0.0, 0.4) if rng.random() < 0.75 else rng.uniform(-0.2, 0.05)
    if any(piece.symbol == "." for piece in line):
        gap = max(gap, 0.08)
    uneven, wide, lean = rng.uniform(0.0, 0.08), float(np.exp(rng.normal(-0.05, 0.16))), rng.normal(0, 0.14)
    lefts, left = [], 0.0
    for piece in line:
        lefts.append(left)
        left += piece.width + gap * rng.uniform(0.6, 1.4) + (0.12 if piece.width < 0.15 else 0.0)
    margin = rng.uniform(0.7, 1.2)
    shape = (int(size * (1.6 + 2 * margin)), int(size * (left * wide + 0.4 + 2 * margin)))
    thickness = max(1.0, size * rng.uniform(0.035, 0.15))
    layers = []
    for piece, start in zip(line, lefts, strict=True):
        high = 1.0 + rng.normal(0, uneven)
        across, down = margin + wide * start, margin + rng.normal(0, uneven)
        matrix = size * np.array([[wide * high, -lean * high, across + lean], [0.0, high, down]])
        canvas = np.zeros(shape, np.uint8)
        _put(canvas, piece, matrix, thickness, rng)
        layers.append(Layer(canvas, piece.symbol))
    return [layer for layer in layers if layer.ink.any()]


def _put(canvas: Grey, piece: Piece, matrix: Shares, thickness: float, rng: Rng) -> None:
    """Draw one piece, 1 high, through an affine map: float64 (2, 3)."""
    if piece.glyph is not None:
        strokes = [(points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for points in piece.glyph.strokes]
        draw(canvas, strokes, thickness, rng)
    if piece.picture is not None:
        unit = matrix @ np.diag([1.0 / piece.picture.shape[0], 1.0 / piece.picture.shape[0], 1.0])
        cv2.warpAffine(piece.picture, unit, canvas.shape[::-1], dst=canvas, flags=cv2.INTER_LINEAR)


def _residue(rng: Rng, shape: tuple[int, ...], size: float) -> Layer:
    """A short stroke left or right of the writing, faint or not: the rest of a line, or of a neighbour's stroke."""
    canvas = np.zeros(shape, np.uint8)
    x = size * rng.uniform(0.1, 0.6)
    start = np.array([x if rng.random() < 0.7 else shape[1] - x, rng.uniform(0.3, 0.8) * shape[0]])
    end = start + size * rng.normal(0, 0.12, 2) * np.array([2.0, 1.0])
    draw(canvas, [np.array([start, end], np.float32)], max(1.0, size * rng.uniform(0.03, 0.1)), rng)
    return Layer((canvas * rng.uniform(0.4, 1.0)).astype(np.uint8), UNREADABLE)


def moved_onto(picture: Grey, layers: list[Layer]) -> list[Layer]:
    """The layers where their ink lies in the reader's picture; nothing where what was found differs from them."""
    ink = np.maximum.reduce([layer.ink for layer in layers])
    here, there = cv2.boundingRect((ink > 60).astype(np.uint8)), cv2.boundingRect((picture > 60).astype(np.uint8))
    if min(here[2:]) < 1 or min(there[2:]) < 1:
        return []
    zoom = max(there[2] / here[2], there[3] / here[3])
    matrix = np.array(
        [
            [zoom, 0, there[0] + (there[2] - 1) / 2 - zoom * (here[0] + (here[2] - 1) / 2)],
            [0, zoom, there[1] + (there[3] - 1) / 2 - zoom * (here[1] + (here[3] - 1) / 2)],
        ]
    )
    moved = [Layer(_reduced(layer.ink, matrix, picture.shape), layer.symbol) for layer in layers]
    composed = np.maximum.reduce([layer.ink for layer in moved]) > 90
    return moved if _covers(composed, picture > 90) and _covers(picture > 90, composed) else []


def _reduced(ink: Grey, matrix: Shares, shape: tuple[int, ...]) -> Grey:
    soft = cv2.blur(ink, (2, 2)) if matrix[0, 0] < 0.7 else ink
    return np.asarray(cv2.warpAffine(soft, matrix, shape[::-1], flags=cv2.INTER_LINEAR), dtype=np.uint8)


def _covers(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> bool:
    """Whether nearly all of the other lies on or beside the first."""
    near = cv2.dilate(one.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return bool((near & other).sum() >= _FITTING * max(1, other.sum()))


def labelled(picture: Grey, layers: list[Layer]) -> list[tuple[Candidate, int]]:
    """Candidates with their classes; those that are neither quite a symbol nor clearly none are left out."""
    pieces = pieces_of(picture)
    count = int(pieces.max())
    inked = [(layer.ink > 60) & (pieces > 0) for layer in layers]
    amounts = np.array([np.bincount(pieces[mine], minlength=count + 1)[1:] for mine in inked], np.float64)
    amounts /= np.maximum(1.0, amounts.sum(axis=1, keepdims=True))
    made = []
    for candidate in candidates_of(picture, pieces):
        shares = amounts[:, candidate.first - 1 : candidate.last].sum(axis=1)
        class_ = _class_of(shares, [layer.symbol for layer in layers])
        if class_ is not None:
            made.append((candidate, class_))
    return made


def _class_of(shares: Shares, symbols: list[str]) -> int | None:
    """The class of a candidate that holds these shares of the ink of each symbol; None where it is in between."""
    best = int(shares.argmax())
    others = float(np.delete(shares, best).max(initial=0.0))
    if shares[best] < _PART or others > _FOREIGN or symbols[best] == UNREADABLE:
        return NOT_A_SYMBOL
    if shares[best] < _WHOLE or others > _CLEAN:
        return None
    return SYMBOLS.index(symbols[best])
