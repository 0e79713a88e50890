"""What to tell people who do not look: decided from how an installation does and from what they were told before.

Nothing is told at its first sight: a share that is away for a minute, or a restart, concerns nobody. What goes on is
told again after `again_h`, what comes back after an hour at the earliest, and in quiet hours nothing is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.files import write_atomically
from sheetwatch.settings import quiet_hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import time
    from pathlib import Path

    from sheetwatch.domain import Notices
    from sheetwatch.service.report import StatusReport

_MEMORY_NAME = "notices.json"
_MEGABYTE = 1_000_000
_PATIENCE = timedelta(minutes=2)
_LEAST_BETWEEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that somebody should know as long as it lasts. `ends_with`: what to say when it is over."""

    key: str
    text: str
    ends_with: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One matter: since when it lasts (None: it is over), when it was told last, and whether this time already."""

    since: datetime | None = None
    told_at: datetime | None = None
    this_time: bool = False
    ends_with: str | None = None


Memory = dict[str, Told]


def matters(report: StatusReport, free_bytes: Mapping[Path, int], notices: Notices) -> list[Matter]:
    """What lasts now."""
    found = []
    if report.problems:
        words = "; ".join(report.problems)
        found.append(Matter(key="problem", text=f"a person is needed: {words}", ends_with="nobody is needed any more"))
    if report.daemon == "not running":
        text = "the daemon does not run: systemctl status sheetwatch"
        found.append(Matter(key="stopped", text=text, ends_with="the daemon runs again"))
    if notices.review_pages and report.accounting.review >= notices.review_pages:
        waiting = report.accounting.review
        text = "1 page waits in review" if waiting == 1 else f"{waiting} pages wait in review"
        found.append(Matter(key="review", text=text))
    low = {folder: free for folder, free in free_bytes.items() if free < notices.disk_free_mb * _MEGABYTE}
    if low:
        words = "; ".join(f"{folder} has {free // _MEGABYTE} MB left" for folder, free in low.items())
        found.append(Matter(key="disk", text=f"a disk is nearly full: {words}", ends_with="there is room again"))
    return found


def decide(
    found: Iterable[Matter], memory: Memory, notices: Notices, now: datetime
) -> tuple[list[str], Memory, Memory]:
    """What to say now. Returns the lines, what to remember when they are sent, and what to remember when not.

    now: aware, in local time.
    """
    by_key = {matter.key: matter for matter in found}
    seen = {key: _seen(memory.get(key, Told()), by_key.get(key), now) for key in {*memory, *by_key}}
    if is_quiet(notices.quiet, now.time()):
        return [], seen, seen
    lines, after = [], {}
    for key, told in sorted(seen.items()):
        matter = by_key.get(key)
        if matter and _is_due(told, notices, now):
            lines.append(matter.text)
            after[key] = msgspec.structs.replace(told, told_at=now, this_time=True)
        elif matter is None and told.this_time:
            if told.ends_with:
                lines.append(told.ends_with)
            after[key] = msgspec.structs.replace(told, this_time=False)
        else:
            after[key] = told
    return lines, after, seen


def _seen(told: Told, matter: Matter | None, now: datetime) -> Told:
    if matter is None:
        return msgspec.structs.replace(told, since=None)
    return msgspec.structs.replace(told, since=told.since or now, ends_with=matter.ends_with)


def _is_due(told: Told, notices: Notices, now: datetime) -> bool:
    if told.since is None or now - told.since < _PATIENCE:
        return False
    pause = timedelta(hours=notices.again_h) if told.this_time else _LEAST_BETWEEN
    return told.told_at is None or now - told.told_at >= pause


def is_quiet(text: str, at: time) -> bool:
    """Whether nothing is told at this time of the day."""
    hours = quiet_hours(text)
    if hours is None:
        return False
    begin, end = hours
    return begin <= at < end if begin <= end else at >= begin or at < end


def load_memory(state: Path) -> Memory:
    """What was told before; nothing where that cannot be read."""
    try:
        return msgspec.json.decode((state / _MEMORY_NAME).read_bytes(), type=Memory)
    except (OSError, msgspec.DecodeError):
        return {}


def keep_memory(state: Path, memory: Memory, before: Memory) -> None:
    """Remember, if it is anything new. Raises OSError."""
    if memory != before:
        write_atomically(state / _MEMORY_NAME, msgspec.json.encode(memory))
