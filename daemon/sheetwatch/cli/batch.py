"""`sheetwatch batch`: read an archive of scans, however large, into a table of Parquet files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.domain import Settings

_SIGNALLED = 128  # plus the signal's number, as shells report it


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "batch",
        help="read an archive of any size into Parquet files",
        description="One row for each page, whatever its verdict, below DIR/template=NAME/day=YYYY-MM-DD. Stopped or "
        "killed at any moment, the same command goes on. Exit code 0: every page has its row. 75: a disk, share or "
        "store fails, or another batch is at work there; start again. 78: configuration, template or model are wrong, "
        "or others than the batch was begun with.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a file, a folder with all below it, a pattern in quotes ('scans/2024-*/*.pdf'), @LIST (a text file that "
        "names one a line), or an address: s3://bucket/prefix and whatever else fsspec knows",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the tables and the journal")
    parser.add_argument(
        "--template",
        action="append",
        default=[],
        metavar="NAME_OR_PATH",
        help="try this template; may be given several times; without it, all of the configuration's",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        help="so many pages at the same time, or dask://HOST:PORT; default: the configuration's",
    )
    parser.add_argument(
        "--patience", type=_seconds, default=60.0, metavar="SECONDS", help="how long a fault is waited for (60)"
    )
    parser.add_argument(
        "--part-rows", type=_rows, default=50_000, metavar="N", help="rows of a Parquet file at most, about (50000)"
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


def _rows(text: str) -> int:
    rows = int(text)
    if rows < 1:
        raise ValueError
    return rows


def run(args: argparse.Namespace) -> int:
    """Read what is not read yet."""
    from rich.console import Console  # noqa: PLC0415 - a command costs nothing until it runs

    from sheetwatch.batch.run import Order, run_batch  # noqa: PLC0415 - as above
    from sheetwatch.batch.workers import page_worker  # noqa: PLC0415 - as above
    from sheetwatch.cli.batch_progress import BatchProgress, print_summary  # noqa: PLC0415 - as above
    from sheetwatch.names import plain_text  # noqa: PLC0415 - as above

    settings = _settings(args)
    order = Order(
        settings=settings,
        sources=tuple(args.sources),
        out=args.out.absolute(),
        part_rows=args.part_rows,
        patience_s=args.patience,
    )
    with BatchProgress(Console(stderr=True)) as progress:
        ended = run_batch(order, page_worker(settings), progress.show)
    out = plain_text(os.fspath(args.out))
    print_summary(Console(), ended, out, elapsed_s=progress.elapsed_s)
    if ended.stopped_by is None:
        return 0
    left = ended.standing.scans_found - ended.standing.scans_read
    more = "" if ended.standing.listed_all else " at least"
    print(f"stopped;{more} {left:,} scans are still to be read; the same command goes on where this one stopped")
    return _SIGNALLED + ended.stopped_by


def _settings(args: argparse.Namespace) -> Settings:
    """The configuration's, with what the command line says."""
    from dataclasses import replace  # noqa: PLC0415 - as above

    from sheetwatch.batch.workers import wanted_workers  # noqa: PLC0415 - as above
    from sheetwatch.cli.choose import choose_templates  # noqa: PLC0415 - as above
    from sheetwatch.settings import load_settings_or_default  # noqa: PLC0415 - as above

    settings = load_settings_or_default(args.config)
    settings = replace(settings, templates=choose_templates(args.template, settings))
    return settings if args.workers is None else replace(settings, workers=wanted_workers(args.workers))
