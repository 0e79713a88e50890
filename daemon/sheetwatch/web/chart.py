"""The chart of the last day: pages an hour, as the rectangles of an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sheetwatch.ledger.browse import DecidedPage

HOURS = 24
WIDTH, HEIGHT = 720, 150
_LEFT, _BOTTOM, _TOP = 44, 26, 18
_KINDS = ("row", "review", "dropped")
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A rectangle: so many pages of one kind."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A column. `name`: its hour where one is written below it; `words`: for those who do not see it."""

    parts: tuple[Part, ...]
    x: float
    name: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything that the SVG shows. `lines`: height and count of the scale."""

    hours: tuple[Hour, ...]
    lines: tuple[tuple[float, int], ...]
    total: int

    @classmethod
    def of(cls, decided: Sequence[DecidedPage], now: datetime) -> Chart:
        """The hours that end with the current one. now: aware."""
        start = first_hour(now)
        counts = [dict.fromkeys(_KINDS, 0) for _ in range(HOURS)]
        for page in decided:
            hour = int((page.at - start).total_seconds() // 3600)
            if 0 <= hour < HOURS and page.state in _KINDS:
                counts[hour][page.state] += 1
        most = max((sum(hour.values()) for hour in counts), default=0)
        step = _step(most)
        top = step * max(1, -(-most // step))
        hours = tuple(_hour(index, count, start + timedelta(hours=index), top) for index, count in enumerate(counts))
        lines = tuple((_y(count, top), count) for count in range(0, top + 1, step))
        return cls(hours=hours, lines=lines, total=sum(sum(hour.values()) for hour in counts))


def first_hour(now: datetime) -> datetime:
    """When the chart begins."""
    return now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)


def _step(most: int) -> int:
    """A round distance between the lines of a scale with at most four of them."""
    scale = 1
    while True:
        for step in _STEPS:
            if most <= 4 * step * scale:
                return step * scale
        scale *= 10


def _y(count: int, top: int) -> float:
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - count / top), 1)


def _hour(index: int, counts: dict[str, int], at: datetime, top: int) -> Hour:
    pitch = (WIDTH - _LEFT) / HOURS
    x, below, parts = round(_LEFT + pitch * index + pitch * 0.12, 1), 0, []
    for kind in _KINDS:
        if counts[kind]:
            y, base = _y(below + counts[kind], top), _y(below, top)
            parts.append(Part(kind=kind, x=x, y=y, width=round(pitch * 0.76, 1), height=round(base - y, 1)))
            below += counts[kind]
    local = at.astimezone()
    words = f"{local:%H}:00: {counts['row']} rows, {counts['review']} in review, {counts['dropped']} dropped"
    return Hour(parts=tuple(parts), x=x, name=f"{local:%H}" if local.hour % 3 == 0 else "", words=words)
