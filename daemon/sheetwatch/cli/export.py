"""`sheetwatch export`: write the rows of the ledger again, as CSV, XLSX or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "export",
        help="write the accepted rows again, as CSV, XLSX or Parquet",
        description="csv: every rolling CSV, byte for byte as the daemon wrote it. xlsx: one workbook, one sheet per "
        "template, numbers as numbers. parquet: one table for each template, fields as text; needs pyarrow.",
    )
    parser.add_argument("--format", choices=("csv", "xlsx", "parquet"), default="csv")
    parser.add_argument("--template", metavar="NAME", help="only the rows of this template")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="folder for csv and parquet (sheetwatch-export), file for xlsx (sheetwatch.xlsx)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    from sheetwatch.ledger import Ledger, rows_by_file  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.service import export  # noqa: PLC0415
    from sheetwatch.service.site import LEDGER_NAME  # noqa: PLC0415
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    settings = load_settings(args.config)
    out = args.out or Path("sheetwatch.xlsx" if args.format == "xlsx" else "sheetwatch-export")
    export.refuse_own_folders(out, settings)
    writers = {"csv": export.write_csvs, "xlsx": export.write_workbook, "parquet": export.write_parquets}
    write = writers[args.format]
    with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger, _Progress() as progress:
        done = write(rows_by_file(ledger, args.template), out, progress.advance)
    print(f"{done.rows} rows of {done.files} files written to {out}")
    return 0


class _Progress:
    """A bar on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - costs 100 ms
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("rows", total=None)
        self.advance: Callable[[int], None] = lambda rows: self._bar.advance(self._task, rows)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
