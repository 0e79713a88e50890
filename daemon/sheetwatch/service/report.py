"""How an installation does, as `sheetwatch status` tells it: read from outside, changing nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.intake.folders import is_full, is_read_only, named_folders
from sheetwatch.intake.listing import look
from sheetwatch.ledger import Accounting, Ledger, Owed, SheetLine, accounting, last_sheets, mirror, owed
from sheetwatch.service import lock
from sheetwatch.service.attention import needs_a_person
from sheetwatch.service.health import Health, read_health
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Everything that `status` shows. `problems`: what needs a person; `notices`: what is good to know.

    `polls`: whether the daemon looks into the inbox unasked, because no events come; None when it does not run.
    `database_waits`: rows that the shared database has not got yet; None without one.
    """

    daemon: str
    polls: bool | None
    accounting: Accounting
    owed: Owed
    inbox_files: int
    last: tuple[SheetLine, ...]
    problems: tuple[str, ...]
    notices: tuple[str, ...]
    database_waits: int | None = None

    @property
    def healthy(self) -> bool:
        """Whether nobody is needed."""
        return not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReport:
    """The part of a report that only the ledger tells."""

    accounting: Accounting
    owed: Owed
    last: tuple[SheetLine, ...]
    database_waits: int | None = None

    @classmethod
    def of(cls, ledger: Ledger, *, last: int) -> LedgerReport:
        """Look at an open ledger."""
        return cls(
            accounting=accounting(ledger),
            owed=owed(ledger),
            last=tuple(last_sheets(ledger, last)),
            database_waits=mirror.waiting(ledger),
        )


def report_of(settings: Settings, *, last: int) -> StatusReport:
    """Look at ledger, folders and daemon. Raises LedgerError when there is no ledger yet."""
    with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
        return report_with(settings, LedgerReport.of(ledger, last=last))


def report_with(settings: Settings, told: LedgerReport) -> StatusReport:
    """Look at folders and daemon; the ledger was looked at before."""
    running = lock.is_held(settings.state)
    health = read_health(settings.state)
    counts, debts = told.accounting, told.owed
    faults = health.faults if health and running else ()
    return StatusReport(
        daemon=_daemon(health, running=running),
        polls=health.polls if health and running else None,
        accounting=counts,
        owed=debts,
        inbox_files=sum(_files_in(inbox) for inbox in settings.inbox),
        last=told.last,
        problems=(
            *faults,
            *_database(health if running else None, told.database_waits),
            *_problems(settings, counts, debts, running=running),
            *needs_a_person(settings.state),
        ),
        notices=health.notices if health else (),
        database_waits=told.database_waits,
    )


def _database(health: Health | None, waits: int | None) -> list[str]:
    """That the shared database lags behind, and by how much."""
    if health is None or health.database is None:
        return []
    return [f"{health.database}; {'1 row waits' if waits == 1 else f'{waits or 0} rows wait'}"]


def _daemon(health: Health | None, *, running: bool) -> str:
    if not running:
        return "not running"
    if health is None:
        return "starting"
    return f"{health.state} since {health.since}, process {health.pid}"


def _problems(settings: Settings, counts: Accounting, debts: Owed, *, running: bool) -> list[str]:
    problems = []
    if not counts.balanced:
        problems.append("the accounting does not balance; please report it, with a copy of the state folder")
    if not running and (counts.in_work or counts.decided or not debts.nothing):
        problems.append("work is left over and no daemon runs; start it: sheetwatch run")
    troubles = ((folder, _trouble(folder)) for _, folder in named_folders(settings))
    problems += [f"{folder} {trouble}" for folder, trouble in troubles if trouble]
    return problems


def _trouble(folder: Path) -> str | None:
    """What is wrong with a folder, as far as this user can tell; a daemon may be unable to write it down."""
    try:
        if not os.access(folder, os.R_OK | os.X_OK):
            return "is not there or cannot be read; mount it, or correct its rights"
        if is_read_only(folder):
            return "is read-only; mount it for writing"
        return "lies on a full disk; free some space" if is_full(folder) else None
    except OSError as error:
        return f"cannot be used ({error.strerror}); mount it again"


def _files_in(inbox: Path) -> int:
    try:
        return len(look(inbox).files)
    except OSError:
        return 0
