"""From the network's frames to strings with their probabilities (connectionist temporal classification)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.reader.vocabulary import BLANK, NUMBERS, SYMBOLS

if TYPE_CHECKING:
    import numpy.typing as npt

    Frames = npt.NDArray[np.float64]
    # a prefix with the probability that it ends on a blank, and on its last symbol
    Prefixes = dict[str, tuple[float, float]]

_NEGLIGIBLE = 1e-6  # strings that are so much less likely than the best are not followed
_BEAM = 16


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
    """The likeliest strings, likeliest first, with their exact probabilities.

    frames: float64 (T, 15), probabilities. Prefix beam search (Graves 2012) finds them, the forward algorithm scores
    them. What the search missed is 1 minus the sum.
    """
    found = sorted(_prefixes(frames, beam).items(), key=lambda item: -sum(item[1]))[:count]
    spellings = [Spelling(text=text, probability=exact_probability(frames, text)) for text, _ in found]
    return sorted(spellings, key=lambda spelling: (-spelling.probability, spelling.text))


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
        best = max(on_blank + on_symbol for on_blank, on_symbol in kept.values())
        least = _NEGLIGIBLE * best * max(frame)
        kept = _grown(kept, frame, least)
        if len(kept) > beam:
            kept = dict(sorted(kept.items(), key=lambda item: -item[1][0] - item[1][1])[:beam])
    return kept


def _grown(kept: Prefixes, frame: list[float], least: float) -> Prefixes:
    """Every prefix one frame further: as it is, or with one more symbol where that is at least so likely."""
    grown: Prefixes = {}
    for text, (on_blank, on_symbol) in kept.items():
        total = on_blank + on_symbol
        last = NUMBERS[text[-1]] if text else BLANK
        before = grown.get(text, (0.0, 0.0))
        again = on_symbol * frame[last] if text else 0.0
        grown[text] = (before[0] + total * frame[BLANK], before[1] + again)
        for number, symbol in enumerate(SYMBOLS):
            reached = (on_blank if number == last else total) * frame[number]
            if reached > least:
                longer = grown.get(text + symbol, (0.0, 0.0))
                grown[text + symbol] = (longer[0], longer[1] + reached)
    return grown
