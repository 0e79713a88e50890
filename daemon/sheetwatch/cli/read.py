"""`sheetwatch read`: read scans and print what they say; changes nothing but the overlay pictures asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from sheetwatch.cli.reports import PageReport


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "read",
        help="read scans and print what they say; changes nothing",
        description="Exit code 0: every page was read, whatever its verdict. 1: a file could not be read at all.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="JPEG, PNG, TIFF, PDF, HEIC, WebP or BMP")
    parser.add_argument(
        "--template",
        action="append",
        default=[],
        metavar="NAME_OR_PATH",
        help="try this template; may be given several times; without it, all of the configuration's",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per page, one per line")
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="write a picture of every page into this folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Read every file; one that fails stops no other."""
    from sheetwatch.cli.choose import choose_templates  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.cli.isolated import IsolatedReader  # noqa: PLC0415
    from sheetwatch.settings import load_settings_or_default  # noqa: PLC0415

    settings = load_settings_or_default(args.config)
    settings = replace(settings, templates=choose_templates(args.template, settings))
    if args.overlay is not None:
        args.overlay.mkdir(parents=True, exist_ok=True)
    emit = _emitter(as_json=args.json)
    all_read = True
    with IsolatedReader(settings, args.overlay) as reader:
        for report in reader.read(args.files):
            emit(report)
            all_read &= report.was_read
    return 0 if all_read else 1


def _emitter(*, as_json: bool) -> Callable[[PageReport], None]:
    from sheetwatch.cli import reports  # noqa: PLC0415 - only needed by this command

    if as_json:
        return lambda report: print(reports.json_line(report), flush=True)
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms

    console = Console(highlight=False)
    return lambda report: reports.print_report(console, report)
