"""Start a daemon from its settings: folders, lock, ledger, workers, loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.intake.folders import check_folders, make_folders
from sheetwatch.service import lock, neighbours
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.logs import configure
from sheetwatch.service.loop import Service
from sheetwatch.service.notify import Notifier
from sheetwatch.service.patience import open_ledger
from sheetwatch.service.site import Site
from sheetwatch.worker.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageWorker


def run_daemon(
    settings: Settings, *, once: bool = False, workers: Callable[[Settings], PageWorker] = WorkerPool
) -> None:
    """Run until stopped; with `once`, until the inbox is drained.

    A disk that is full already is waited for. Raises ConfigError when the folders, a template or the model are wrong,
    EnvironmentFault when a folder cannot be made or another daemon works there.
    """
    check_folders(settings)
    neighbours.check(settings)
    make_folders(settings)
    log, notifier = configure(settings.log), Notifier()
    with (
        lock.held(settings.state),
        neighbours.kept_out(settings),
        open_ledger(settings, log, notifier, once=once) as ledger,
    ):
        site = Site(settings=settings, ledger=ledger, clock=SystemClock(), log=log)
        worker = workers(settings)
        with Service(site, worker, notifier) as service:
            worker.start()
            service.run(once=once)
