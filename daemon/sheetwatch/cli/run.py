"""`sheetwatch run`: the daemon, or one pass over the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "run",
        help="watch the inbox and read every scan that arrives",
        description="Runs until SIGTERM or SIGINT; then finishes the pages being read. Exit code 0: stopped as asked. "
        "74: the ledger or the disk failed; start again. 75: a folder cannot be used, or another daemon works there. "
        "78: configuration, template or model are wrong.",
    )
    parser.add_argument("--once", action="store_true", help="end when every scan that is whole has been read")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the daemon."""
    from sheetwatch.settings import load_settings  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.worker.choice import workers_of  # noqa: PLC0415

    settings = load_settings(args.config)
    worker = workers_of(settings)
    worker.begin()  # model and templates are loaded while this process loads its own parts
    from sheetwatch.service.daemon import run_daemon  # noqa: PLC0415

    run_daemon(settings, worker, once=args.once)
    return 0
