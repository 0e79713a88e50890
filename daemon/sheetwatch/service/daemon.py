"""Start a daemon from its settings: folders, lock, ledger, workers, loop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sheetwatch.delivery import postgres
from sheetwatch.intake import reach
from sheetwatch.intake.folders import check_folders, make_folders, named_folders
from sheetwatch.service import lock, neighbours
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.logs import configure
from sheetwatch.service.loop import Service
from sheetwatch.service.notify import Notifier
from sheetwatch.service.patience import open_ledger
from sheetwatch.service.site import Site

if TYPE_CHECKING:
    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageWorker


def run_daemon(settings: Settings, worker: PageWorker, *, once: bool = False) -> None:
    """Run until stopped; with `once`, until the inbox is drained. Whatever happens, the worker is stopped in the end.

    A disk that is full already is waited for. Raises ConfigError when the folders, a template or the model are wrong,
    EnvironmentFault when a folder cannot be made or another daemon works there.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(worker.stop)
        reach.require(named_folders(settings))
        check_folders(settings)
        neighbours.check(settings)
        make_folders(settings)
        if settings.mirror.database:
            postgres.require(settings.mirror.database)
        log, notifier = configure(settings.log), Notifier()
        stack.enter_context(lock.held(settings.state))
        stack.enter_context(neighbours.kept_out(settings))
        ledger = stack.enter_context(open_ledger(settings, log, notifier, once=once))
        site = Site(settings=settings, ledger=ledger, clock=SystemClock(), log=log)
        service = stack.enter_context(Service(site, worker, notifier))
        worker.start()
        service.run(once=once)
