"""The time, as something that a test can hold still."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people, which may jump, and one for waiting, which may not."""

    def now(self) -> datetime:
        """The date and time, aware."""

    def monotonic_s(self) -> float:
        """Seconds since some moment."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """The date and time, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds since the machine started."""
        return time.monotonic()


def local_day(moment: datetime) -> date:
    """The day that a moment belongs to, where the machine stands."""
    return moment.astimezone().date()
