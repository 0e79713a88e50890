"""A choice of points from all over, by a seed that is printed."""

from __future__ import annotations

import os
import random
import secrets
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def chance_of_today() -> random.Random:
    """By SHEETWATCH_FAULTS_SEED, or by a new seed."""
    seed = os.environ.get("SHEETWATCH_FAULTS_SEED") or secrets.randbelow(10**6)
    print(f"\nSHEETWATCH_FAULTS_SEED={seed}")
    return chance_of(seed)


def chance_of(what: object) -> random.Random:
    """The same every time for the same thing."""
    return random.Random(str(what))  # noqa: S311 - no secret hangs on it


def spread(points: Sequence[T], count: int, chance: random.Random) -> list[T]:
    """One point of each of so many stretches; all points where there are no more."""
    if count >= len(points):
        return list(points)
    bounds = [len(points) * index // count for index in range(count + 1)]
    return [points[chance.randrange(start, end)] for start, end in pairwise(bounds)]
