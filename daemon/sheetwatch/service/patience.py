"""Open the ledger; where the disk does not let us, as when it is full, say so and wait for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.ledger import Ledger
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.health import Faults, HealthFile, health_of
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

    from sheetwatch.domain import Settings
    from sheetwatch.service.notify import Notifier


def open_ledger(settings: Settings, log: FilteringBoundLogger, notifier: Notifier, *, once: bool) -> Ledger:
    """The open ledger, however long that takes. Raises LedgerError, and with `once` EnvironmentFault."""
    clock, opened = SystemClock(), list[Ledger]()
    faults, health_file, started_at = Faults(clock, log), HealthFile(settings.state), clock.now()
    while True:
        faults.attempt("state", lambda: opened.append(Ledger.open(settings.state / LEDGER_NAME)))
        if opened:
            return opened[0]
        (fault,) = faults.current
        if once:
            raise EnvironmentFault(fault.message)
        health_file.write(health_of("paused", started_at, faults.current))
        notifier.ready()  # or systemd would end a service that only waits
        notifier.status(f"paused: {fault.message}")
        notifier.alive()
        due_s = (faults.next_due_s() or 0.0) - clock.monotonic_s()
        time.sleep(max(0.0, min(due_s, notifier.alive_every_s)))
