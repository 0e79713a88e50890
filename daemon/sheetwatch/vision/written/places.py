"""Which ink of a word belongs to which of its symbols, and the box around it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.vision.written.find import Piece

    Columns = npt.NDArray[np.float64]
    Owners = npt.NDArray[np.intp]
    Flags = npt.NDArray[np.bool_]

_INK_COUNTS = 3.0  # so much more than leaving the middle does a cut through ink cost


def places_of(piece: Piece, middles: Sequence[float]) -> list[Box]:
    """The box of each symbol in page pixels. middles: a column of the piece for each symbol, rising."""
    owner = _owners(piece, np.asarray(middles, np.float64))
    return [_box(piece, owner == number) for number in range(len(middles))]


def _owners(piece: Piece, middles: Columns) -> npt.NDArray[np.intp]:
    """The symbol that each pixel of ink belongs to, -1 for paper.

    A connected part goes to the symbol in whose columns most of it lies; one that is spread over several is cut
    where the columns are.
    """
    cuts = _cuts(piece, middles)
    by_column = np.searchsorted(cuts, np.arange(piece.parts.shape[1]) + 0.5)
    owner = np.where(piece.parts > 0, by_column[None, :], -1)
    count = int(piece.parts.max())
    shares = np.zeros((count + 1, len(middles)))
    np.add.at(shares, (piece.parts[owner >= 0], owner[owner >= 0]), 1)
    whole = shares.max(axis=1) > 0.8 * np.maximum(shares.sum(axis=1), 1)
    holds = [np.unique(piece.parts[:, _near(middle, piece.parts.shape[1])]) for middle in middles]
    held = np.bincount(np.concatenate(holds), minlength=count + 1) if holds else np.zeros(count + 1)
    whole |= held <= 1
    whole[0] = False
    best = shares.argmax(axis=1)
    return np.where(whole[piece.parts], best[piece.parts], owner)


def _near(middle: float, width: int) -> int:
    return int(np.clip(round(middle), 0, width - 1))


def _cuts(piece: Piece, middles: Columns) -> Columns:
    """A column between each two symbols: where there is least ink, near the middle between them."""
    ink = np.count_nonzero(piece.parts, axis=0) / max(1, piece.parts.shape[0])
    cuts = []
    for left, right in pairwise(middles):
        between = np.arange(_near(left, len(ink)), _near(right, len(ink)) + 1)
        off = np.abs(between - (left + right) / 2) / max(1.0, right - left)
        cuts.append(float(between[np.argmin(_INK_COUNTS * ink[between] + off)]) + 0.5)
    return np.array(cuts)


def _box(piece: Piece, mine: Flags) -> Box:
    """The box around some pixels of a piece, in page pixels; a symbol without ink of its own gets its line's place."""
    rows, columns = np.nonzero(mine)
    if not rows.size:
        rows, columns = np.nonzero(piece.parts)
    y = rows + piece.drop[columns] + piece.top
    x = columns + piece.left
    left, top = int(x.min() / piece.scale), int(y.min() / piece.scale)
    right, bottom = -int(-(x.max() + 1) // piece.scale), -int(-(y.max() + 1) // piece.scale)
    return Box(left=left, top=top, width=max(1, right - left), height=max(1, bottom - top))
