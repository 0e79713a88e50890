"""From the network's frames to strings with their probabilities (connectionist temporal classification)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sheetwatch.reader.vocabulary import BLANK, NUMBERS, SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Logits = npt.NDArray[np.floating[Any]]
    Frames = npt.NDArray[np.float64]
    Places = npt.NDArray[np.intp]
    # numbers of symbols, each after its probability, likeliest first
    Likely = list[tuple[float, int]]
    # a prefix with its probability, the parts of it that it ends on a blank and on a symbol, and this symbol's number
    Prefixes = dict[str, tuple[float, float, float, int]]

_SURELY_BLANK = 0.98  # runs of such frames are condensed into one
_NEGLIGIBLE = 1e-6  # strings that are so much less likely than the best are not followed
_BEAM = 16
_RESCORED = 1e-3  # strings likelier than this are scored exactly; for the others the search is near enough
_NOTHING = (0.0, 0.0, 0.0, BLANK)


class Spelling(NamedTuple):
    """A string of `vocabulary.SYMBOLS` and its probability."""

    text: str
    probability: float


def frames_of(logits: Logits, temperature: float | npt.NDArray[np.float64] = 1.0) -> Frames:
    """Softmax with a temperature. logits: (T, 15); temperature: of all, or (T, 1).

    Returns float64 (T, 15), rows sum to 1.
    """
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
    return _n_best_of_each(frames, [len(frames)], count, beam)[0]


def n_best_of_each(boxes: Sequence[Logits], temperatures: Sequence[float]) -> list[list[Spelling]]:
    """`n_best` of each box, with arrays for all boxes at once; boxes: their logits, (T, 15)."""
    if not boxes:
        return []
    lengths = [len(logits) for logits in boxes]
    frames = frames_of(np.concatenate(boxes), np.repeat(temperatures, lengths)[:, None])
    return _n_best_of_each(frames, lengths)


def _n_best_of_each(
    frames: Frames,
    lengths: Sequence[int],
    count: int = 8,
    beam: int = _BEAM,
) -> list[list[Spelling]]:
    """lengths: how many of the frames, which stand one after the other, belong to each box."""
    few, firsts = _condensed(frames, np.cumsum([0, *lengths[:-1]]))
    rows, likely = few.tolist(), _likely(few)
    return [
        _spellings(rows[first:end], likely[first:end], count, beam)
        for first, end in pairwise([*firsts.tolist(), len(rows)])
    ]


def _spellings(frames: list[list[float]], likely: list[Likely], count: int, beam: int) -> list[Spelling]:
    found = {text: prefix[0] for text, prefix in _prefixes(frames, likely, beam).items()}
    best = sorted(found, key=found.__getitem__, reverse=True)[:count]
    scored = {text: found[text] for text in best}
    scored |= exact_probabilities(frames, [text for text in best if found[text] > _RESCORED])
    return [Spelling(*one) for one in sorted(scored.items(), key=lambda one: (-one[1], one[0]))]


def condensed(frames: Frames) -> Frames:
    """The inside of each run of nearly surely blank frames as one frame, which holds a symbol where one of them did.

    The first and last frame of a run stay, so that a faint second 1 is not taken for the first one. Only strings with
    two symbols inside one run are lost: their probability is of second order.
    """
    return _condensed(frames, np.zeros(1, np.intp))[0]


def _condensed(frames: Frames, firsts: Places) -> tuple[Frames, Places]:
    """`condensed` for each box of a page; firsts: the place of each one's first frame, before and afterwards."""
    first = np.zeros(len(frames), bool)
    first[firsts] = True
    sure = frames[:, BLANK] > _SURELY_BLANK
    inside = sure.copy()  # where a box begins or ends, so may the inside of a run
    inside[1:] &= sure[:-1] | first[1:]
    inside[:-1] &= sure[1:] | first[1:]
    begins = first | ~inside
    begins[1:] |= ~inside[:-1]
    heads = np.flatnonzero(begins)
    blanks = np.where(inside, frames[:, BLANK], 1.0)
    together = np.multiply.reduceat(blanks, heads)
    few: Frames = np.add.reduceat(frames / blanks[:, None], heads) * together[:, None]
    few[inside[heads], BLANK] = together[inside[heads]]
    return few, heads.searchsorted(firsts)


def exact_probability(frames: Sequence[Sequence[float]], text: str) -> float:
    """The probability of one string, as `exact_probabilities` tells it."""
    return exact_probabilities(frames, [text])[text]


def exact_probabilities(frames: Sequence[Sequence[float]], texts: Sequence[str]) -> dict[str, float]:
    """The probability of each string: the sum over all its alignments (the forward algorithm).

    frames: 15 probabilities each. What begins alike is followed once. Plain numbers: an array takes longer for the few
    states of short strings.
    """
    beginnings = sorted({text[:end] for text in texts for end in range(len(text) + 1)}, key=len)
    places = {text: place for place, text in enumerate(beginnings)}
    steps = [
        (place, places[text[:-1]], NUMBERS[text[-1]], text[-1] != text[-2:-1]) for text, place in places.items() if text
    ]
    steps.reverse()  # each before what it begins with, of which it needs the state one frame earlier
    on_blank = [1.0] + [0.0] * len(steps)  # before the first frame, as if on a blank
    on_symbol = [0.0] * len(on_blank)
    for frame in frames:
        blank = frame[BLANK]
        for place, before, symbol, skips in steps:  # skips: from symbol to symbol without a blank
            here = on_symbol[place]
            reached = here + on_blank[before]
            on_blank[place] = (on_blank[place] + here) * blank
            on_symbol[place] = (reached + on_symbol[before] if skips else reached) * frame[symbol]
        on_blank[0] *= blank
    return {text: on_symbol[places[text]] + on_blank[places[text]] for text in texts}


def _likely(frames: Frames) -> list[Likely]:
    """For each frame the symbols that are not negligible in it."""
    symbols = frames[:, :BLANK]
    # of equally likely ones, frequent where logits are int8, the later first, on every machine
    ranked = BLANK - 1 - np.argsort(-symbols[:, ::-1], axis=1, kind="stable")
    chances = np.take_along_axis(symbols, ranked, axis=1)
    enough = chances > _NEGLIGIBLE * frames.max(axis=1, keepdims=True)
    likely = list(zip(chances[enough].tolist(), ranked[enough].tolist(), strict=True))
    ends = np.cumsum(np.count_nonzero(enough, axis=1)).tolist()
    return [likely[start:end] for start, end in pairwise([0, *ends])]


def _prefixes(frames: list[list[float]], likely: list[Likely], beam: int) -> Prefixes:
    """The likeliest prefixes after the last frame."""
    kept: Prefixes = {"": (1.0, 1.0, 0.0, BLANK)}
    for frame, symbols in zip(frames, likely, strict=True):
        kept = _grown(kept, frame, symbols, _NEGLIGIBLE * max(frame) * max(kept.values())[0])
        if len(kept) > beam:
            kept = dict(sorted(kept.items(), key=lambda item: item[1][0], reverse=True)[:beam])
    return kept


def _grown(kept: Prefixes, frame: list[float], likely: Likely, least: float) -> Prefixes:
    """Every prefix one frame further: as it is, or with one of the likely symbols where that is at least so likely."""
    grown: Prefixes = {}
    blank = frame[BLANK]
    for text, (total, on_blank, on_symbol, last) in kept.items():
        stays, again = total * blank, on_symbol * frame[last]
        if text in grown:
            again += grown[text][2]
        grown[text] = (stays + again, stays, again, last)
        for p, symbol in likely:
            if total * p <= least:
                break
            reached = (on_blank if symbol == last else total) * p
            if reached > least:
                longer = text + SYMBOLS[symbol]
                _, stays, again, _ = grown.get(longer, _NOTHING)
                grown[longer] = (stays + (again + reached), stays, again + reached, symbol)
    return grown
