"""`sheetwatch spot`: find the handwritten numbers anywhere on a picture or PDF; changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.cli.spot_pages import SpotReport


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "spot",
        help="find the handwritten numbers anywhere on a picture; needs no template",
        description="Prints a line for each written line, its numbers from left to right. Exit code 1: a page, or the "
        "whole file, could not be read.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="JPEG, PNG, TIFF, PDF, HEIC, WebP or BMP, upright")
    parser.add_argument("--json", action="store_true", help="print one JSON object per page, with boxes and confidence")
    parser.add_argument(
        "--picture", type=Path, metavar="OUT.png", help="draw the boxes; later pages go to OUT-2.png ..."
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Spot the numbers of every page."""
    from sheetwatch.cli.spot_pages import json_line, spot_pages  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.settings import load_settings_or_default  # noqa: PLC0415

    settings = load_settings_or_default(args.config)
    all_read = True
    for report in spot_pages(args.file, settings, draw=args.picture is not None):
        if args.json:
            print(json_line(report), flush=True)
        else:
            _print_text(report)
        if args.picture is not None and report.outcome.picture is not None:
            _write_picture(args.picture, report)
        all_read &= report.outcome.spotted is not None
    return 0 if all_read else 1


def _print_text(report: SpotReport) -> None:
    """The numbers to stdout, ready to copy; everything else to stderr."""
    from sheetwatch.names import plain_text  # noqa: PLC0415

    where = f"{plain_text(str(report.source))}, page {report.page + 1} of {report.page_count}"
    if report.outcome.problem is not None:
        print(f"sheetwatch: {where}: {report.outcome.problem.detail}", file=sys.stderr)
    elif report.outcome.spotted is None or not report.outcome.spotted.lines:
        print(f"sheetwatch: {where}: no numbers found", file=sys.stderr)
    else:
        if report.page:
            print()
        print(report.outcome.spotted.text, flush=True)


def _write_picture(path: Path, report: SpotReport) -> None:
    from sheetwatch.files import write_atomically  # noqa: PLC0415

    target = path if report.page == 0 else path.with_name(f"{path.stem}-{report.page + 1}{path.suffix}")
    write_atomically(target, report.outcome.picture or b"")
