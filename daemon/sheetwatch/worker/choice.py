"""Which workers the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.settings import scheduler_address

if TYPE_CHECKING:
    from sheetwatch.domain import Settings
    from sheetwatch.worker.cluster import ClusterWorkers
    from sheetwatch.worker.pool import WorkerPool


def workers_of(settings: Settings) -> WorkerPool | ClusterWorkers:
    """The workers of this machine, or those of a cluster. Nothing is started yet. Raises ConfigError."""
    scheduler = scheduler_address(settings.workers)
    if scheduler is None:
        from sheetwatch.worker.pool import WorkerPool  # noqa: PLC0415 - only one of the two is ever needed

        return WorkerPool(settings)
    from sheetwatch.worker import dask_quiet  # noqa: PLC0415
    from sheetwatch.worker.cluster import ClusterWorkers  # noqa: PLC0415

    dask_quiet.require()
    return ClusterWorkers(settings, scheduler)
