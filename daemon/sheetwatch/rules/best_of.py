"""The sum of the largest few of several fields, exactly, without listing who they are.

Let a threshold rise from 0 on. Once fewer fields reach it than count, the sum of those, filled up with as many times
the value below it as fields are missing, is the sum looked for. Filled up with the threshold itself it is what the next
threshold gives; so of all these sums, each less the one after it, only the first remains. From the other side: as long
as more fields reach it than count, the sum of those, less as many times the threshold as there are too many, is in the
end the sum looked for; again each is what the next one gives with the value below it.

Given a threshold, fields are independent. A walk along them carries a tally of those that reach it (or of those that do
not, if fewer are left out than count) and the distribution of the sum of those that reach it, for all thresholds side
by side; sums are carried as Fourier transforms, where adding numbers is multiplying.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.intp]
    Waves = npt.NDArray[np.complex128]


class BestOfSum:
    """The distribution of the sum of the `best` largest of some fields, and the way back.

    weights: float64 (fields, hands, T), how much speaks for each value in units from 0 to T - 1. best: fewer than the
    fields. `size`: the number of sums, from 0 on.
    """

    def __init__(self, weights: Floats, best: int) -> None:
        self.weights = weights
        values, left_out = weights.shape[-1], len(weights) - best
        self.size = best * (values - 1) + 1
        self._length = self.size + self.size % 2
        self._tally_below = left_out < best
        self._turns = _turns_of(values, self._length)
        self._filling = _filling(values, self._length, min(best, left_out), below=self._tally_below)
        self._reaches = 1.0 - np.tri(values + 1, values, -1)  # thresholds by values
        self._tallied, self._other = self._factors()
        self._heads = self._walk()

    def distribution(self) -> Floats:
        """How much speaks for each sum: float64 (hands, size)."""
        waves = (self._heads[-1] * self._filling).sum(axis=(0, 2))
        return np.maximum(np.fft.irfft(waves, self._length)[:, : self.size], 0.0)

    def toward_fields(self, fits: Floats) -> Floats:
        """From how well each sum fits, float64 (hands, size), to each field's values, as `weights` is shaped."""
        heads, tails = self._heads[:-1], self._walk_back(fits)
        with_tallied = np.einsum("nphtf,nphtf->nhtf", heads[:, :-1], tails[:, 1:])
        with_other = np.einsum("nphtf,nphtf->nhtf", heads, tails)
        below, reached = (with_tallied, with_other) if self._tally_below else (with_other, with_tallied)
        counted = (_as_real(reached) @ _as_real(self._turns.conj()).T * self._reaches).sum(axis=2)
        idle = below.real.sum(axis=3) @ (1.0 - self._reaches)
        return np.maximum(counted + idle, 0.0)

    def _factors(self) -> tuple[Waves, Waves]:
        """What each field does to the walk when it is tallied, and when not.

        Either is (fields, hands, T + 1, frequencies or 1), for the thresholds from 0 to T.
        """
        reached = (self.weights[:, :, None] * self._reaches @ _as_real(self._turns)).view(np.complex128)
        below = (self.weights @ (1.0 - self._reaches).T)[..., None].astype(np.complex128)
        return (below, reached) if self._tally_below else (reached, below)

    def _walk(self) -> Waves:
        """The state before each field, and after all: (fields + 1, tally, hands, T + 1, frequencies)."""
        fields, hands = self.weights.shape[:2]
        states = np.zeros((fields + 1, len(self._filling), hands, *self._filling.shape[2:]), np.complex128)
        states[0, 0] = 1.0
        for at in range(fields):
            np.multiply(states[at], self._other[at], out=states[at + 1])
            states[at + 1, 1:] += states[at, :-1] * self._tallied[at]
        return states

    def _walk_back(self, fits: Floats) -> Waves:
        """What the fields after each one, and how well the sums fit, say to every state: as `_walk`, less the first."""
        waves = np.fft.rfft(fits, self._length).conj() * (2.0 / self._length)
        waves[:, 0] /= 2
        waves[:, -1] /= 2  # the length is even: both ends of the spectrum stand once
        states = np.empty_like(self._heads[1:])
        states[-1] = waves[:, None] * self._filling
        for at in range(len(states) - 1, 0, -1):
            np.multiply(states[at], self._other[at], out=states[at - 1])
            states[at - 1, :-1] += states[at, 1:] * self._tallied[at]
        return states


def _as_real(waves: Waves) -> Floats:
    """Real and imaginary parts as numbers of their own: (..., frequencies) as (..., 2 * frequencies)."""
    return waves.view(np.float64)


@lru_cache(maxsize=16)
def _filling(values: int, length: int, tallies: int, *, below: bool) -> Waves:
    """How each state counts in the end, complex128 (tallies, 1, values + 1, frequencies): as filled up, less the next.

    below: the tally is of the fields below the threshold.
    """
    missing = np.arange(tallies, 0, -1)[:, None, None]
    filled = _turned((-missing if below else missing) * _turns(values, length), length)
    if below:
        steps = np.diff(filled, axis=1, prepend=0.0, append=filled[:, -1:])
    else:
        steps = -np.diff(filled, axis=1, prepend=filled[:, :1], append=0.0)
    steps.setflags(write=False)
    return steps[:, None]


@lru_cache(maxsize=64)
def _turns_of(values: int, length: int) -> Waves:
    """What each value does to each wave, complex128 (values, frequencies)."""
    turned = _turned(_turns(values, length), length)
    turned.setflags(write=False)
    return turned


def _turns(values: int, length: int) -> Integers:
    """How far each value turns each wave, in parts of a full turn that has `length` of them."""
    return np.outer(np.arange(values), np.arange(length // 2 + 1))


def _turned(turns: Integers, length: int) -> Waves:
    waves: Waves = np.exp(-2j * np.pi / length * (turns % length))
    return waves
