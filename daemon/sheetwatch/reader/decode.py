"""From the network's frames to strings with their probabilities (connectionist temporal classification)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.reader.vocabulary import BLANK, NUMBERS, SYMBOLS

if TYPE_CHECKING:
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
    few = condensed(frames)
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


def exact_probability(frames: Frames, text: str) -> float:
    """The probability of one string: the sum over all its alignments (the forward algorithm)."""
    symbols = np.array([NUMBERS[symbol] for symbol in text], np.intp)
    states = np.full(2 * len(symbols) + 1, BLANK, np.intp)
    states[1::2] = symbols
    skips = np.zeros(len(states))
    skips[3::2] = symbols[1:] != symbols[:-1]
    alpha = np.zeros(len(states))
    alpha[0] = 1.0  # before the first frame, as if on a blank
    scores = frames[:, states]
    for number, score in enumerate(scores):
        moved = alpha.copy()
        moved[1:] += alpha[:-1]
        if number:
            moved[2:] += skips[2:] * alpha[:-2]
        alpha = moved * score
    return float(alpha[-2:].sum())


def _prefixes(frames: Frames, beam: int) -> Prefixes:
    """The likeliest prefixes after the last frame."""
    kept: Prefixes = {"": (1.0, 0.0)}
    for frame in frames.tolist():
        floor = _NEGLIGIBLE * max(frame)
        likely = [(symbol, p) for symbol, p in zip(SYMBOLS, frame, strict=False) if p > floor]
        best = max(on_blank + on_symbol for on_blank, on_symbol in kept.values())
        kept = _grown(kept, frame, likely, floor * best)
        if len(kept) > beam:
            kept = dict(sorted(kept.items(), key=lambda item: -item[1][0] - item[1][1])[:beam])
    return kept


def _grown(kept: Prefixes, frame: list[float], likely: list[tuple[str, float]], least: float) -> Prefixes:
    """Every prefix one frame further: as it is, or with one of the likely symbols where that is at least so likely."""
    grown: Prefixes = {}
    blank = frame[BLANK]
    for text, (on_blank, on_symbol) in kept.items():
        total = on_blank + on_symbol
        last = text[-1:]
        again = on_symbol * frame[NUMBERS[last]] if last else 0.0
        before = grown.get(text)
        stays = (total * blank, again)
        grown[text] = stays if before is None else (before[0] + stays[0], before[1] + stays[1])
        for symbol, p in likely:
            reached = (on_blank if symbol == last else total) * p
            if reached > least:
                longer = grown.get(text + symbol, _NOTHING)
                grown[text + symbol] = (longer[0], longer[1] + reached)
    return grown
