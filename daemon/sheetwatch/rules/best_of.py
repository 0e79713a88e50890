"""The sum of the largest few of several fields, exactly, without listing who they are.

Exactly one field is the last that counts (the first of equals goes before the later ones). Given its value, each other
field either counts, or not: fields before it count from that value on, fields after it above it. A walk along the
fields carries a tally of those that count (or of those that do not, if they are fewer in the end) and the distribution
of the sum of those that count, for every value of the last one side by side; sums are carried as Fourier transforms,
where adding numbers is multiplying.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Waves = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Step:
    """What one field does to the walk, for each value t of the last that counts.

    Arrays are (hands, 2, T, 1, frequencies), the second axis: before and after the last was met. `tallied`: the field
    is one of those that the walk numbers; `other`: it is not. `is_last` is without the second axis.
    """

    tallied: Waves
    other: Waves
    is_last: Waves


class BestOfSum:
    """The distribution of the sum of the `best` largest of some fields, and the way back.

    weights: float64 (fields, hands, T), how much speaks for each value in units from 0 to T - 1. `size`: the number
    of sums, from 0 on.
    """

    def __init__(self, weights: Floats, best: int) -> None:
        self.weights = weights
        self._tally_idle = len(weights) - best < best - 1
        self._tallies = len(weights) - best + 1 if self._tally_idle else best
        values = weights.shape[-1]
        self.size = best * (values - 1) + 1
        self._length = max(2, 1 << (self.size - 1).bit_length())
        frequencies = np.arange(self._length // 2 + 1)
        self._turns = np.exp(-2j * np.pi / self._length * np.outer(np.arange(values), frequencies))
        self._steps = [self._step(field) for field in weights]
        self._heads = self._walk()

    def distribution(self) -> Floats:
        """How much speaks for each sum: float64 (hands, size)."""
        met = self._heads[-1][:, 1, :, -1].sum(axis=1)
        return np.maximum(np.fft.irfft(met, self._length)[:, : self.size], 0.0)

    def toward_fields(self, fits: Floats) -> Floats:
        """From how well each sum fits, float64 (hands, size), to each field's values, as `weights` is shaped."""
        waves = np.fft.rfft(fits, self._length) * (2.0 / self._length)
        waves[:, 0] /= 2
        waves[:, -1] /= 2  # the length is even: both ends of the spectrum stand once
        tail = np.zeros_like(self._heads[0])
        tail[:, 1, :, -1] = 1.0
        found = []
        for head, step in zip(reversed(self._heads[:-1]), reversed(self._steps), strict=True):
            found.append(self._toward_field(head, tail, waves))
            tail = _back(tail, step)
        return np.stack(found[::-1])

    def _step(self, field: Floats) -> _Step:
        """field: float64 (hands, T)."""
        each = field[:, :, None] * self._turns
        from_here = np.cumsum(each[:, ::-1], axis=1)[:, ::-1]
        above = np.concatenate([from_here[:, 1:], np.zeros_like(from_here[:, :1])], axis=1)
        up_to = np.cumsum(field, axis=1)
        idle = np.stack([up_to - field, up_to], axis=1)
        counts = np.stack([from_here, above], axis=1)[:, :, :, None]
        stays = idle[..., None, None].astype(np.complex128)
        tallied, other = (stays, counts) if self._tally_idle else (counts, stays)
        return _Step(tallied=tallied, other=other, is_last=each[:, :, None])

    def _walk(self) -> list[Waves]:
        """The state before each field, and after all: (hands, 2, T, tally, frequencies)."""
        hands, values = self._steps[0].is_last.shape[:2]
        state = np.zeros((hands, 2, values, self._tallies, self._turns.shape[1]), np.complex128)
        state[:, 0, :, 0] = 1.0
        states = [state]
        for step in self._steps:
            following = state * step.other
            following[..., 1:, :] += state[..., :-1, :] * step.tallied
            following[:, 1] += state[:, 0] * step.is_last
            states.append(state := following)
        return states

    def _toward_field(self, head: Waves, tail: Waves, waves: Waves) -> Floats:
        """What the others and the sum's fits say to one field: float64 (hands, T)."""
        tallied = (head[..., :-1, :] * tail[..., 1:, :]).sum(axis=3)
        other = (head * tail).sum(axis=3)
        stays, counts = (tallied, other) if self._tally_idle else (other, tallied)
        counts = np.cumsum(counts, axis=2)
        idle = (stays.conj() * waves[:, None, None]).sum(axis=-1).real
        is_last = (head[:, 0] * tail[:, 1]).sum(axis=2)
        at_value = is_last + counts[:, 0]
        at_value[:, 1:] += counts[:, 1, :-1]
        found = ((at_value * self._turns).conj() * waves[:, None]).sum(axis=-1).real
        later = np.cumsum(idle[:, :, ::-1], axis=2)[:, :, ::-1]
        found += later[:, 1]
        found[:, :-1] += later[:, 0, 1:]
        return np.maximum(found, 0.0)


def _back(tail: Waves, step: _Step) -> Waves:
    """The walk seen from its end, one field earlier."""
    earlier: Waves = tail * step.other
    earlier[..., :-1, :] += tail[..., 1:, :] * step.tallied
    earlier[:, 0] += tail[:, 1] * step.is_last
    return earlier
