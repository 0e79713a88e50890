"""What people write where a number of a roster is asked for, before the ink is looked at."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from sheetwatch.domain import Roster

SLIP = 0.01
"""Share of the sheets on which a known number is written with one digit wrong or two neighbours swapped."""

STRANGER = 0.01
"""Share of the sheets with any other number: somebody who came late, the sheet of another class."""

AS_KNOWN = 1.0 - SLIP - STRANGER
_LONGEST = 40  # digits of a field, at most
_OTHER_LENGTH = 0.1  # of the strangers, how many care nothing for the lengths of the known numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The numbers of one length.

    `digits`: uint8 (length, N), a row for each place. `shares`: float64 (length, 10), how often each digit stands at
    each place, one more than counted, so that what was never seen is not impossible (Laplace).
    """

    digits: npt.NDArray[np.uint8]
    shares: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many numbers there are of this length."""
        return int(self.digits.shape[1])

    def value(self, index: int) -> str:
        """One of them, as text."""
        return "".join(map(str, self.digits[:, index].tolist()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownNumbers:
    """The numbers of a roster and what else people write in their place.

    A known number as it is (each equally likely), a slip of the pen in one, or a stranger: a number of any length
    whose digits are drawn place by place as the known ones of that length have them.
    """

    values: frozenset[str]
    count: int
    groups: tuple[Group, ...]  # by length, from 0 on

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that occur."""
        return tuple(length for length, group in enumerate(self.groups) if group.count)

    def group(self, length: int) -> Group:
        """The numbers of that length. Raises IndexError beyond the longest length."""
        return self.groups[length]

    def prior(self, value: str) -> float:
        """The probability that a person who writes anything here writes this."""
        known = AS_KNOWN * (value in self.values) / self.count
        if not is_number(value):
            return STRANGER * self.length_share(len(value)) * 0.1 ** len(value)
        slips = sum(other in self.values for other in (*substituted(value), *swapped(value)))
        slip = SLIP * slips / (self.count * slip_count(len(value)))
        digits = [int(digit) for digit in value]
        shares = self.group(len(value)).shares[range(len(value)), digits]
        return float(known + slip + STRANGER * self.length_share(len(value)) * shares.prod())

    def length_share(self, length: int) -> float:
        """How many strangers have a number of this length."""
        if not 0 < length <= _LONGEST:
            return 0.0
        return (1.0 - _OTHER_LENGTH) * self.group(length).count / self.count + _OTHER_LENGTH / _LONGEST


@lru_cache(maxsize=16)
def known_numbers(roster: Roster) -> KnownNumbers:
    """The numbers of a roster, laid out for counting once; entries that are no digits are left out.

    About 1 byte a digit: 100,000 numbers of twelve digits take 1.2 MB.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for value in sorted(filter(is_number, roster.values)):
        by_length[len(value)].append(value)
    return KnownNumbers(
        values=frozenset(value for values in by_length.values() for value in values),
        count=sum(map(len, by_length.values())),
        groups=tuple(_group(by_length[length], length) for length in range(_LONGEST + 1)),
    )


def is_number(text: str) -> bool:
    """Whether it is made of digits, and not too many."""
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST


def substituted(value: str) -> Iterator[str]:
    """The value with one digit wrong, each way."""
    for place, digit in enumerate(value):
        for other in "0123456789":
            if other != digit:
                yield value[:place] + other + value[place + 1 :]


def swapped(value: str) -> Iterator[str]:
    """The value with two neighbours swapped, each way; itself where both are the same."""
    for place in range(len(value) - 1):
        yield value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def slip_count(length: int) -> int:
    """How many slips there are in a number of this length; each is equally likely."""
    return 10 * length - 1


def _group(values: list[str], length: int) -> Group:
    letters = np.frombuffer("".join(values).encode("ascii"), np.uint8).reshape(len(values), length)
    digits = np.ascontiguousarray(letters.T) - np.uint8(ord("0"))
    counted = np.array([np.bincount(place, minlength=10) for place in digits]).reshape(length, 10)
    shares = (counted + 1.0) / (len(values) + 10.0)
    digits.setflags(write=False)
    shares.setflags(write=False)
    return Group(digits=digits, shares=shares)
