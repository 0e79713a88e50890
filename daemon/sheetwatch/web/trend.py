"""A small chart of one figure over days, as the points of an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

WIDTH, HEIGHT = 720, 150
_LEFT, _RIGHT, _BOTTOM, _TOP = 52, 12, 26, 20
_NAMED_EVERY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The median of a day. `words`: for those who do not see it."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Everything that the SVG shows. `lines`: height and value of the scale; `names`: place and name of some days."""

    points: tuple[Point, ...]
    lines: tuple[tuple[float, str], ...]
    names: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, days: Sequence[date], values: Sequence[Sequence[float]], *, least_top: float) -> Trend:
        """The median of each day that has values; the scale begins at 0 and ends at `least_top` or above."""
        medians = [median(some) if some else None for some in values]
        top = max([least_top, *(1.1 * value for value in medians if value is not None and value > least_top)])
        step = (WIDTH - _LEFT - _RIGHT) / max(1, len(days) - 1)
        points = tuple(
            Point(
                x=round(_LEFT + index * step, 1),
                y=_y(value, top),
                words=f"{day:%d %b}: {value:.3g}, {len(some)} sheets",
            )
            for index, (day, some, value) in enumerate(zip(days, values, medians, strict=True))
            if value is not None
        )
        names = tuple(
            (round(_LEFT + index * step, 1), f"{day:%d %b}")
            for index, day in enumerate(days)
            if (len(days) - 1 - index) % _NAMED_EVERY == 0
        )
        lines = tuple((_y(share * top, top), f"{share * top:.3g}") for share in (0, 0.5, 1))
        return cls(points=points, lines=lines, names=names)

    @property
    def path(self) -> str:
        """The points as an SVG wants them."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)


def _y(value: float, top: float) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top), 1)
