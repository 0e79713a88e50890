"""Where one word of a line ends and the next begins, and the small parts that belong to each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.written.parts import Parts

    Real = npt.NDArray[np.float64]
    Indices = npt.NDArray[np.intp]

_SURELY_INSIDE = 0.36  # heights between digits of one number
_SURELY_BETWEEN = 0.95
_USUAL = 0.6
_REACH_SIDE, _REACH_ABOVE, _REACH_BELOW = 0.3, 0.35, 0.3  # heights round a word within which small parts belong to it
_BAR = 0.2  # heights: bars are wider, and torn off by less
_SPECK = 0.07  # heights; what is smaller belongs to nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Word:
    """Parts that stand together. `parts`: their indices; `tall`: the usual height of its digits, pixels."""

    parts: Indices
    tall: float


def split_words(parts: Parts, line: Indices) -> list[Word]:
    """The words of one line, left to right. line: its bodies, left to right."""
    tall = _usual_height(parts, line)
    gaps = _gaps(parts, line) / tall
    limit = word_gap(gaps)
    ends = [0, *(np.flatnonzero(gaps > limit) + 1).tolist(), len(line)]
    words = [line[a:b] for a, b in pairwise(ends)]
    return [Word(parts=word, tall=_usual_height(parts, word)) for word in words]


def word_gap(gaps: Real) -> float:
    """From which gap on, in heights, a new word begins: in the widest jump between this line's gaps."""
    within = gaps[(gaps > _SURELY_INSIDE) & (gaps < _SURELY_BETWEEN)]
    steps = np.sort(np.concatenate([within, [_SURELY_INSIDE, _SURELY_BETWEEN]]))
    if not within.size:
        return _USUAL
    between = gaps[gaps >= _SURELY_BETWEEN]
    if between.size:
        steps[-1] = min(between.min(), 1.2 * _SURELY_BETWEEN)
    jumps = steps[1:] / steps[:-1]
    widest = int(np.argmax(jumps))
    return float((steps[widest] + steps[widest + 1]) / 2)


def with_small_parts(parts: Parts, words: list[Word], slopes: list[float]) -> list[Word]:
    """The words, each with the points, bars and torn-off ends that lie in or beside it."""
    small = np.flatnonzero(~parts.body)
    if not words or not small.size:
        return words
    owner = np.full(len(small), -1)
    nearest = np.full(len(small), np.inf)
    for number, (word, slope) in enumerate(zip(words, slopes, strict=True)):
        away = _away(parts, word, slope, small)
        closer = away < nearest
        owner[closer], nearest[closer] = number, away[closer]
    return [
        Word(parts=np.concatenate([word.parts, small[owner == number]]), tall=word.tall)
        for number, word in enumerate(words)
    ]


def _usual_height(parts: Parts, some: Indices) -> float:
    return float(np.median(parts.height[some]))


def _gaps(parts: Parts, line: Indices) -> Real:
    """The white between each part and those left of it, pixels, negative where they overlap.

    A bar that is torn off its 5 or 7 reaches as far as if it were not.
    """
    right = parts.right[line].copy()
    bars = np.flatnonzero(~parts.body)
    for place, body in enumerate(line):
        tall = parts.height[body]
        high = (parts.y[bars] > parts.top[body] - _BAR * tall) & (parts.y[bars] < parts.y[body])
        near = (parts.left[bars] < parts.right[body] + _BAR * tall) & (parts.left[bars] > parts.left[body])
        mine = bars[high & near & (parts.width[bars] > _BAR * tall) & (parts.width[bars] < tall)]
        right[place] = max(right[place], *parts.right[mine]) if mine.size else right[place]
    reached = np.maximum.accumulate(right)[:-1]
    return np.asarray(parts.left[line][1:] - reached, dtype=np.float64)


def _away(parts: Parts, word: Word, slope: float, small: Indices) -> Real:
    """How far each small part lies from a word, in heights; infinite where it cannot belong to it."""
    mine = word.parts
    left, right = parts.left[mine].min(), parts.right[mine].max()
    middle = (left + right) / 2
    top = (parts.top[mine] - slope * (parts.x[mine] - middle)).min()
    bottom = (parts.bottom[mine] - slope * (parts.x[mine] - middle)).max()
    y = parts.y[small] - slope * (parts.x[small] - middle)
    beside = np.maximum(0.0, np.maximum(left - parts.x[small], parts.x[small] - right)) / word.tall
    above, below = (top - y) / word.tall, (y - bottom) / word.tall
    size = np.maximum(parts.width[small], parts.height[small])
    far = (beside > _REACH_SIDE) | (above > _REACH_ABOVE) | (below > _REACH_BELOW) | (size < _SPECK * word.tall)
    return np.where(far, np.inf, beside + np.maximum(0.0, np.maximum(above, below)))
