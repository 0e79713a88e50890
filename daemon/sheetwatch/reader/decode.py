"""From the network's frames to strings with their probabilities (connectionist temporal classification)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.reader.vocabulary import BLANK, NUMBERS, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Frames = npt.NDArray[np.float64]
    # a prefix with the probability that it ends on a blank, and on its last symbol
    Prefixes = dict[str, tuple[float, float]]

_SURELY_BLANK = 0.98  # runs of such frames are condensed into one
_NEGLIGIBLE = 1e-6  # strings that are so much less likely than the best are not followed
_BEAM = 16
_RESCORED = 1e-3  # strings likelier than this are scored exactly; for the others the search is near enough
_NOTHING = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """A string of `vocabulary.SYMBOLS` and its probability."""

    text: str
    probability: float


def frames_of(logits: npt.NDArray[np.floating[Any]], temperature: float = 1.0) -> Frames:
    """Softmax with a temperature. logits: (T, 15). Returns float64 (T, 15), rows sum to 1."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    weights = np.exp(scaled)
    frames: Frames = weights / weights.sum(axis=1, keepdims=True)
    return frames


def n_best(frames: Frames, count: int = 8, beam: int = _BEAM) -> list[Spelling]:
    """The likeliest strings, likeliest first.

    frames: float64 (T, 15), probabilities. Prefix beam search (Graves 2012) finds them; those that matter are scored
    again by the forward algorithm, exactly. What is not returned has the probability that is left to 1.
    """
    few: list[list[float]] = condensed(frames).tolist()
    found = sorted(_prefixes(few, beam).items(), key=lambda item: -sum(item[1]))[:count]
    spellings = [
        Spelling(text=text, probability=exact_probability(few, text) if sum(ends) > _RESCORED else sum(ends))
        for text, ends in found
    ]
    return sorted(spellings, key=lambda spelling: (-spelling.probability, spelling.text))


def condensed(frames: Frames) -> Frames:
    """The inside of each run of nearly surely blank frames as one frame, which holds a symbol where one of them did.

    The first and last frame of a run stay, so that a faint second 1 is not taken for the first one. Only strings with
    two symbols inside one run are lost: their probability is of second order.
    """
    sure = frames[:, BLANK] > _SURELY_BLANK
    inside = sure.copy()
    inside[1:] &= sure[:-1]
    inside[:-1] &= sure[1:]
    edges = [0, *(np.flatnonzero(inside[1:] != inside[:-1]) + 1).tolist(), len(frames)]
    parts = [_as_one(frames[a:b]) if inside[a] else frames[a:b] for a, b in pairwise(edges)]
    return np.concatenate(parts)


def _as_one(run: Frames) -> Frames:
    blanks = run[:, BLANK]
    one = (run / blanks[:, None]).sum(axis=0, keepdims=True)
    one[0, BLANK] = 1.0
    return np.asarray(one * blanks.prod())


def exact_probability(frames: Sequence[Sequence[float]], text: str) -> float:
    """The probability of one string: the sum over all its alignments (the forward algorithm).

    frames: 15 probabilities each. Plain numbers: an array takes longer for the few states of a short string.
    """
    symbols = [NUMBERS[symbol] for symbol in text]
    states = [BLANK]  # before, between and behind the symbols there may be blanks
    for symbol in symbols:
        states += (symbol, BLANK)
    skips = [0.0] * len(states)  # from symbol to symbol without a blank, where they differ
    skips[3::2] = [float(symbol != before) for before, symbol in pairwise(symbols)]
    alpha = [1.0] + [0.0] * (len(states) - 1)  # before the first frame, as if on a blank
    for frame in frames:
        one_back, two_back = [0.0, *alpha], [0.0, 0.0, *alpha]
        alpha = [
            (stays + one + skip * two) * frame[state]
            for stays, one, two, skip, state in zip(alpha, one_back, two_back, skips, states, strict=False)
        ]
    return sum(alpha[-2:])


def _prefixes(frames: list[list[float]], beam: int) -> Prefixes:
    """The likeliest prefixes after the last frame."""
    kept: Prefixes = {"": (1.0, 0.0)}
    for frame in frames:
        floor = _NEGLIGIBLE * max(frame)
        likely = sorted(((p, symbol) for p, symbol in zip(frame, SYMBOLS, strict=False) if p > floor), reverse=True)
        best = max(on_blank + on_symbol for on_blank, on_symbol in kept.values())
        kept = _grown(kept, frame, likely, floor * best)
        if len(kept) > beam:
            kept = dict(sorted(kept.items(), key=lambda item: -item[1][0] - item[1][1])[:beam])
    return kept


def _grown(kept: Prefixes, frame: list[float], likely: list[tuple[float, str]], least: float) -> Prefixes:
    """Every prefix one frame further: as it is, or with one of the likely symbols where that is at least so likely.

    `likely`: likeliest first.
    """
    grown: Prefixes = {}
    blank = frame[BLANK]
    for text, (on_blank, on_symbol) in kept.items():
        total = on_blank + on_symbol
        last = text[-1:]
        again = on_symbol * frame[NUMBERS[last]] if last else 0.0
        before = grown.get(text)
        stays = (total * blank, again)
        grown[text] = stays if before is None else (before[0] + stays[0], before[1] + stays[1])
        for p, symbol in likely:
            if total * p <= least:
                break
            reached = (on_blank if symbol == last else total) * p
            if reached > least:
                longer = grown.get(text + symbol, _NOTHING)
                grown[text + symbol] = (longer[0], longer[1] + reached)
    return grown
