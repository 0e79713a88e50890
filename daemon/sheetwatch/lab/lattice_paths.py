"""The lattice of candidates: strings with their probabilities, summed over all ways to read them.

Every candidate is a symbol or not a symbol. A path takes some candidates as symbols so that each piece is used once;
all others are then no symbols. Its probability is the product of what the network says of every candidate, divided by
the sum over all paths; what is common to all paths cancels, so that a path's weight is the product of the odds
"this symbol : not a symbol" of the candidates on it. A piece that is on no symbol cannot be read ("x"), or, where it is
small, may be dirt; both have a fixed weight.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.reader.decode import Spelling
from sheetwatch.reader.vocabulary import DIGITS, HALF, POINT, STROKE, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

SYMBOLS = DIGITS + POINT + HALF + STROKE
NOT_A_SYMBOL = len(SYMBOLS)

_LEAST_ODDS = 1e-5
_BEAM = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How the lattice weighs what the network says: `sharpness` multiplies log-odds (1 / temperature).

    `unread`: of a piece that is no part of a symbol; `dirt`: of a small piece that is nothing.
    """

    sharpness: float
    unread: float
    dirt: float


@dataclass(frozen=True, slots=True)
class Arc:
    """Pieces `first` to `last` (from 1) read as `text`, with this weight."""

    first: int
    last: int
    text: str
    weight: float


def arcs_of(
    runs: Sequence[tuple[int, int]], probabilities: Sequence[Sequence[float]], small: Sequence[bool], weights: Weights
) -> list[Arc]:
    """All arcs of a lattice.

    runs: first and last piece of each candidate; probabilities: 14 of each; small: whether each piece may be dirt.
    """
    arcs = []
    for (first, last), row in zip(runs, probabilities, strict=True):
        other = max(row[NOT_A_SYMBOL], 1e-9)
        for symbol, p in zip(SYMBOLS, row, strict=False):
            odds = (p / other) ** weights.sharpness
            if odds > _LEAST_ODDS:
                arcs.append(Arc(first, last, symbol, odds))
    for piece, may_be_dirt in enumerate(small, 1):
        arcs.append(Arc(piece, piece, UNREADABLE, weights.unread))
        if may_be_dirt:
            arcs.append(Arc(piece, piece, "", weights.dirt))
    return arcs


def n_best(arcs: Sequence[Arc], pieces: int, count: int = 8) -> list[Spelling]:
    """The likeliest strings, likeliest first; the probability that is missing to 1 belongs to the others."""
    ending: dict[int, list[Arc]] = defaultdict(list)
    for arc in arcs:
        ending[arc.last].append(arc)
    total = [1.0]  # the sum over all paths to each piece
    prefixes: list[dict[str, float]] = [{"": 1.0}]
    for piece in range(1, pieces + 1):
        grown: dict[str, float] = defaultdict(float)
        for arc in ending[piece]:
            for text, weight in prefixes[arc.first - 1].items():
                grown[text + arc.text] += weight * arc.weight
        total.append(sum(total[arc.first - 1] * arc.weight for arc in ending[piece]))
        prefixes.append(_likeliest(grown, _BEAM))
    return [
        Spelling(text=text, probability=weight / total[-1]) for text, weight in _likeliest(prefixes[-1], count).items()
    ]


def _likeliest(weights: dict[str, float], count: int) -> dict[str, float]:
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:count])
