"""How pages write times, shares and states."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sheetwatch.delivery.words import meaning
from sheetwatch.domain import ReasonCode, State

if TYPE_CHECKING:
    from datetime import timedelta

    from flask import Flask

    from sheetwatch.domain import Reading, Reason

_STATES = {State.EMPTY: "nothing written", State.NOT_ATTEMPTED: "not attempted", State.UNREADABLE: "not readable"}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")


def set_up(app: Flask) -> None:
    """Let templates use them."""
    app.jinja_env.filters.update(
        clock=clock_time,
        when=when,
        percent=percent,
        share=share,
        shown=shown,
        meaning=meaning,
        age=age,
        number=number,
        why=why,
        local=local_times,
    )


def clock_time(at: datetime) -> str:
    """The time of day, here: "14:05"."""
    return f"{at.astimezone():%H:%M}"


def when(at: datetime) -> str:
    """Day and time, here: "2026-03-02 14:05"."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def age(span: timedelta) -> str:
    """A time span as people say it."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def percent(share: float) -> str:
    """A probability, cut and not rounded: 0.9996 is no 100 %."""
    cut = math.floor(share * 1000) / 10
    return f"{cut:.1f} %" if cut >= 99 else f"{math.floor(share * 100)} %"


def share(part: float) -> str:
    """A share of few mistakes, with two figures that count."""
    return f"{part * 100:.2g} %" if part < 0.1 else f"{part * 100:.0f} %"


def shown(reading: Reading) -> str:
    """What a cell says, for people."""
    return _STATES.get(reading.state, reading.value) or "nothing written"


def why(reason: Reason, choices_are_shown: bool) -> str:  # noqa: FBT001 - a filter of the templates
    """A reason beside its own field; without the likely values where those stand below it."""
    if choices_are_shown and reason.code is ReasonCode.LOW_CONFIDENCE:
        reason = replace(reason, detail="")
    return meaning(replace(reason, field=None))


def local_times(text: str) -> str:
    """A text of `sheetwatch status` with its times as a clock on the wall shows them."""
    return _TIME.sub(lambda found: when(datetime.fromisoformat(found[0])), text)


def number(count: int) -> str:
    """A count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
