"""`sheetwatch worker`: read pages for the daemons of a cluster, on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.worker.kit import Badge

_LISTEN = re.compile(r"([^:/]*|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
# The model is loaded once in a process of its own, only to know which it is.
_MEMORY_MB, _PATIENCE_S = 1024, 120.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "worker",
        help="read pages for the daemons of a Dask cluster, on this machine",
        description="Runs until SIGTERM or SIGINT, and waits for a scheduler that is away. Needs no configuration: "
        "forms and limits come from the daemon; program and model must be the daemon's. Trusts whoever can reach the "
        "scheduler: keep both in a network of their own, or use TLS. Exit code 0: stopped as asked. 64: usage. 75: the "
        "address cannot be listened on. 78: the model or an installation is wrong.",
    )
    parser.add_argument(
        "scheduler", metavar="ADDRESS", help="of the Dask scheduler: tcp://HOST:PORT or tls://HOST:PORT"
    )
    parser.add_argument("--pages", type=int, metavar="N", help="how many are read at once (cores - 1, at least 1)")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the daemon's model, if it has one of its own")
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="where the scheduler reaches this worker")
    parser.add_argument("--name", help="what the worker is called in the cluster (its address)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    from sheetwatch.domain import Log, UsageError  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.worker import dask_quiet  # noqa: PLC0415

    if args.pages is not None and not 0 < args.pages <= 256:
        raise UsageError(f"--pages {args.pages}: choose a number from 1 to 256")
    scheduler, (host, port) = _scheduler(args.scheduler), _listen(args.listen)
    dask_quiet.require()
    from sheetwatch.service.logs import configure  # noqa: PLC0415
    from sheetwatch.worker.crew import Crew  # noqa: PLC0415
    from sheetwatch.worker.station import Place, serve  # noqa: PLC0415

    log, model = configure(Log()), args.model.absolute() if args.model else None
    with Crew(_badge(model), pages=args.pages or _cores(), model=model) as crew:
        serve(Place(scheduler=scheduler, host=host, port=port, name=args.name), crew, log)
    return 0


def _scheduler(text: str) -> str:
    """The address as Dask writes it; also as it stands in a daemon's configuration."""
    from sheetwatch.domain import UsageError  # noqa: PLC0415
    from sheetwatch.settings import scheduler_address  # noqa: PLC0415

    plain = {"tcp://": "dask://", "tls://": "dask+tls://"}
    named = next((text.replace(ours, theirs, 1) for ours, theirs in plain.items() if text.startswith(ours)), text)
    try:
        address = scheduler_address(named)
    except ValueError:
        address = None
    if address is None:
        raise UsageError(f"{text!r} is no address of a scheduler; write tcp://HOST:PORT or tls://HOST:PORT")
    return address


def _listen(text: str) -> tuple[str | None, int | None]:
    from sheetwatch.domain import UsageError  # noqa: PLC0415

    named = _LISTEN.fullmatch(text)
    if named is None or int(named[2] or 0) > 65_535:
        raise UsageError(f"--listen {text!r}: write HOST, :PORT or HOST:PORT")
    return named[1] or None, int(named[2]) if named[2] else None


def _badge(model: Path | None) -> Badge:
    """What is installed here, found out in a process of its own, which loads the model. Raises ConfigError."""
    from sheetwatch.domain import ConfigError, Limits  # noqa: PLC0415
    from sheetwatch.worker import WorkerFailure, tasks  # noqa: PLC0415
    from sheetwatch.worker.alone import run_alone  # noqa: PLC0415

    limits = Limits(worker_memory_mb=_MEMORY_MB, page_timeout_s=_PATIENCE_S)
    try:
        return run_alone(tasks.badge, model, limits=limits)
    except WorkerFailure as failure:
        raise ConfigError(
            f"the model cannot be loaded: {failure.detail}; start again with more memory free"
        ) from failure


def _cores() -> int:
    from sheetwatch.domain import Settings  # noqa: PLC0415
    from sheetwatch.worker.pool import WorkerPool  # noqa: PLC0415

    return WorkerPool(Settings()).count
