"""How well numbers go with the ink of a comb, box by box."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sheetwatch.rules.known_numbers import AS_KNOWN, SLIP, STRANGER, slip_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Alternative
    from sheetwatch.rules.known_numbers import Group, KnownNumbers

    Floats = npt.NDArray[np.float64]

_EMPTY = 10
_SYMBOLS = "0123456789"
_NEAREST = 16
_NEGLIGIBLE = 1e-17  # below the rounding of what it would be added to


class _Run(NamedTuple):
    """Consecutive boxes that may hold the number, and the most that any number can weigh there."""

    bound: float
    length: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The likeliest entries of a roster by the ink, and the weight of all that people may write together."""

    entries: tuple[str, ...]
    total: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CombInk:
    """What the boxes of a comb say.

    `seen`: float64 (boxes, 11), the probability of each digit, then of an empty box. `likelihood`: the same with the
    mass that cannot be read spread evenly, each box scaled so that its likeliest symbol has 1.
    """

    seen: Floats
    likelihood: Floats

    @classmethod
    def of(cls, boxes: Sequence[Sequence[Alternative]], void_share: float) -> CombInk:
        """Take a reading's boxes; void_share: of the unreadable, how much means that nothing should be read."""
        seen = np.zeros((len(boxes), 11))
        for row, box in zip(seen, boxes, strict=True):
            for one in box:
                row[_SYMBOLS.index(one.value) if one.value else _EMPTY] += one.probability
        spread = (1.0 - void_share) * _unread(seen)[:, None] / 11
        likelihood = seen + spread
        return cls(seen=seen, likelihood=likelihood / likelihood.max(axis=1, keepdims=True))

    @property
    def blank(self) -> float:
        """The probability that every box is empty."""
        return float(self.seen[:, _EMPTY].prod())

    def meant(self, void_share: float) -> float:
        """The probability that every box means what stands there; void_share as in `of`."""
        return float((1.0 - void_share * _unread(self.seen)).prod())

    def supports(self, value: str, least: float) -> bool:
        """Whether the ink itself gives every symbol of the value at least this much, in some place of the comb.

        A box that gives nothing so much speaks neither for nor against.
        """
        open_to = (self.seen >= least) | (self.seen < least).all(axis=1, keepdims=True)
        boxes = range(len(self.seen))
        return any(open_to[boxes, symbols].all() for symbols in self._placed(value))

    def weight(self, value: str) -> float:
        """The likelihood of a number, wherever in the comb it stands, relative to other numbers."""
        boxes = range(len(self.seen))
        return float(sum(self.likelihood[boxes, symbols].prod() for symbols in self._placed(value)))

    def weigh(self, known: KnownNumbers) -> Weighed:
        """Every number that people may write, each with its prior: entries and slips one by one, strangers at once."""
        sums: dict[int, Floats] = defaultdict(lambda: np.zeros(1))
        total = 0.0
        for run in self._runs():
            if run.bound <= _NEGLIGIBLE * total:
                break
            group = known.group(run.length)
            outside, inside = self._split(run)
            strangers = STRANGER * known.length_share(run.length) * (group.shares * inside).sum(axis=1).prod()
            exact, slipped = _entry_weights(group, inside)
            written = AS_KNOWN * exact.sum() + SLIP * slipped.sum() / slip_count(run.length)
            total += outside * float(strangers + written / known.count)
            sums[run.length] = sums[run.length] + outside * exact
        return Weighed(entries=tuple(_nearest(known, sums)), total=total)

    def _placed(self, value: str) -> list[list[int]]:
        """The symbols of all boxes with the value at each place where it fits."""
        digits = [int(digit) for digit in value]
        spare = len(self.seen) - len(digits)
        return [[_EMPTY] * start + digits + [_EMPTY] * (spare - start) for start in range(spare + 1)]

    def _runs(self) -> list[_Run]:
        """Every run of boxes, the most promising first."""
        boxes = len(self.seen)
        empty = self.likelihood[:, _EMPTY].tolist()
        best = self.likelihood[:, :_EMPTY].max(axis=1).tolist()
        before = list(accumulate(empty, mul, initial=1.0))
        after = list(accumulate(reversed(empty), mul, initial=1.0))[::-1]
        runs = [
            _Run(bound=before[start] * inside * after[start + length], length=length, start=start)
            for start in range(boxes)
            for length, inside in enumerate(accumulate(best[start:], mul), start=1)
        ]
        return sorted(runs, reverse=True)

    def _split(self, run: _Run) -> tuple[float, Floats]:
        """The likelihood that all other boxes are empty, and (length, 10) the run's digits."""
        end = run.start + run.length
        empty = self.likelihood[:, _EMPTY]
        return float(empty[: run.start].prod() * empty[end:].prod()), self.likelihood[run.start : end, :_EMPTY]


def _unread(seen: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - seen.sum(axis=1))


def _entry_weights(group: Group, table: Floats) -> tuple[Floats, Floats]:
    """The likelihood of each entry as it is, and the sum over all slips in it; float64 (N,) each.

    table: (length, 10). One pass from left to right: a number so far is as it was, or has slipped already.
    """
    exact = np.ones(group.count)
    before = slipped = np.zeros(group.count)
    everything = table.sum(axis=1)
    for place, digits in enumerate(group.digits):
        here = table[place].take(digits)
        slipped = slipped * here + exact * (everything[place] - here)
        if place:
            slipped += before * table[place - 1].take(digits) * table[place].take(group.digits[place - 1])
        before, exact = exact, exact * here
    return exact, slipped


def _nearest(known: KnownNumbers, sums: dict[int, Floats]) -> list[str]:
    """The entries that go best with the ink, best first."""
    found = [
        (float(weights[index]), known.group(length).value(index))
        for length, weights in sums.items()
        if known.group(length).count
        for index in np.argpartition(weights, -min(_NEAREST, len(weights)))[-_NEAREST:].tolist()
    ]
    return [value for weight, value in sorted(found, reverse=True)[:_NEAREST] if weight > 0.0]
