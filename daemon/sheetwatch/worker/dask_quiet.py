"""Dask as a part of this program: no dashboard, no files of its own, and nothing on stderr but through our log."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec

import structlog

from sheetwatch.domain import ConfigError

_SETTINGS = {
    # What Dask looks at only for its web pages costs an idle process 2 % of a core.
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.log-length": 10,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    "distributed.admin.large-graph-warning-threshold": "1TiB",  # a scan is no graph
    "distributed.comm.offload": False,  # what is large is bytes already; a thread for them would outlive us
    "distributed.diagnostics.nvml": False,
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "bokeh")


def require() -> None:
    """Load Dask in our way. Raises ConfigError where it is not installed."""
    if find_spec("distributed") is None:
        raise ConfigError("a cluster needs the package distributed; install: pip install 'sheetwatch[cluster]'")
    import dask  # noqa: PLC0415 - part of an extra

    dask.config.set(_SETTINGS)
    import distributed  # noqa: F401, PLC0415 - reads those settings as it is loaded, and sets up logging of its own

    warnings.filterwarnings("ignore", module=r"distributed\..*")  # versions that differ; ours are compared by badge
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [_ToOurLog()] if "." not in name else []
        logger.propagate = "." in name


class _ToOurLog(logging.Handler):
    """What Dask says is for those who look for a fault: we say in our own words what matters."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on."""
        if structlog.is_configured():
            structlog.get_logger().debug("dask", logger=record.name, text=record.getMessage())
