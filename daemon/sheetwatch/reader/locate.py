"""Where each symbol of a string stands in its picture, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.reader.decode import condensed, exact_probability
from sheetwatch.reader.vocabulary import BLANK, NUMBERS, SYMBOLS

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.reader.decode import Frames

_NEVER = -1e9
_NEARLY_NONE = 1e-12
_LEAST = 1e-4  # a symbol that no frame near the place thinks so likely is no rival there


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """One symbol.

    `column`: its middle, in pixels; `probability`: of it, the others of its string taken as read; `seven_to_one`: the
    log odds there of a 7 against a 1, which hands write alike.
    """

    symbol: str
    column: float
    probability: float
    seven_to_one: float = 0.0


def locate(frames: Frames, text: str, width: int) -> list[Located]:
    """The symbols of a string that these frames say. frames: float64 (T, 15); width: columns of the picture."""
    if not text:
        return []
    spans = aligned(frames, text)
    step = width / len(frames)
    starts = [0, *(end for _, end in spans[:-1])]
    ends = [*(start for start, _ in spans[1:]), len(frames)]
    return [
        Located(
            symbol=symbol,
            column=(_centre(frames, symbol, span) + 0.5) * step,
            probability=_share(frames[start:end], symbol),
            seven_to_one=_log_odds(frames[start:end], "7", "1"),
        )
        for symbol, span, start, end in zip(text, spans, starts, ends, strict=True)
    ]


def aligned(frames: Frames, text: str) -> list[tuple[int, int]]:
    """For each symbol the frames, first and behind the last, that the likeliest alignment gives it (Viterbi)."""
    states = [BLANK]
    for symbol in text:
        states += (NUMBERS[symbol], BLANK)
    skips = np.full(len(states), _NEVER)
    skips[3::2] = [0.0 if symbol != before else _NEVER for before, symbol in pairwise(text)]
    logs = np.log(np.maximum(frames[:, states], 1e-30))
    score = np.full(len(states), _NEVER)
    score[:2] = logs[0, :2]
    came = np.zeros(logs.shape, np.intp)
    for t in range(1, len(logs)):
        ways = np.stack([score, np.append(_NEVER, score[:-1]), np.append([_NEVER, _NEVER], score[:-2]) + skips])
        came[t] = ways.argmax(axis=0)
        score = ways.max(axis=0) + logs[t]
    state = len(states) - 1 if score[-1] > score[-2] else len(states) - 2
    path = [state]
    for t in range(len(logs) - 1, 0, -1):
        state -= int(came[t, state])
        path.append(state)
    steps = np.array(path[::-1])
    return [_run(steps, 2 * place + 1) for place in range(len(text))]


def _run(steps: npt.NDArray[np.intp], state: int) -> tuple[int, int]:
    there = np.flatnonzero(steps == state)
    return int(there[0]), int(there[-1]) + 1


def _centre(frames: Frames, symbol: str, span: tuple[int, int]) -> float:
    """The middle of a symbol's frames, weighed by how likely each has it."""
    weights = frames[span[0] : span[1], NUMBERS[symbol]] + 1e-9
    return float(np.average(np.arange(*span), weights=weights))


def _log_odds(frames: Frames, one: str, other: str) -> float:
    few: list[list[float]] = condensed(frames).tolist()
    return math.log((exact_probability(few, one) + _NEARLY_NONE) / (exact_probability(few, other) + _NEARLY_NONE))


def _share(frames: Frames, symbol: str) -> float:
    """The probability of a symbol between its neighbours, among all that may stand alone there, and nothing."""
    likely = frames.max(axis=0)
    few: list[list[float]] = condensed(frames).tolist()
    others = [other for other in SYMBOLS if other != symbol and likely[NUMBERS[other]] > _LEAST]
    own = exact_probability(few, symbol)
    return own / max(own + sum(exact_probability(few, other) for other in ("", *others)), 1e-300)
