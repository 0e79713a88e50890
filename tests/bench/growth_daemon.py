"""What a sheet costs the daemon itself, and how that grows: with workers, waiting files and the ledger.

    PYTHONPATH=tests python -m bench.growth_daemon [workers] [backlog] [ledger] [--sheets N] [--repeat N]
        [--page-ms MS] [--real] [--waiting N...] [--rows N...] [--folder DIR]

Without a table's name all three are measured, in about ten minutes, on a machine with nothing else to do. The real
daemon process runs, with the real pool of worker processes, over a full inbox: from the file to the fsynced row and the
archive. Its workers take --page-ms of the processor for a page of 30 fields and read nothing, so that what is measured
is the daemon; with --real they read generated 300-dpi sheets, and only the table `workers` is made.

Each line of a table is the median of the repetitions, with the fastest and the slowest:

    daemon ms     the daemon process's own user and system time for a sheet
    sheet ms      from one sheet to the next, all processes at work
    a minute      sheets, from that
    ready s       from its start, without imports, until it begins to look
    MiB           of the daemon process, at the end

The table `ledger` writes a past of so many sheets into a ledger, 500 a day, and tells what `sheetwatch status` takes,
and what forgetting the oldest tenth of them does. One million sheets take 2 GB in --folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from sheetwatch.ledger import Ledger, accounting, retention
from sheetwatch.shipped import shipped_folder
from support import paced_daemon
from support.big_ledger import PER_DAY, fill
from support.paced_daemon import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TABLES = ("workers", "backlog", "ledger")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table: the costs of the repetitions."""

    name: str
    costs: tuple[Cost, ...]

    def median(self, figure: Callable[[Cost], float]) -> float:
        return statistics.median(map(figure, self.costs))

    def spread(self, figure: Callable[[Cost], float]) -> str:
        """Median (fastest to slowest)."""
        figures = sorted(map(figure, self.costs))
        return f"{statistics.median(figures):.2f} ({figures[0]:.2f} to {figures[-1]:.2f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a ledger of so many sheets costs whoever looks at it, in seconds."""

    sheets: int
    ledger_mib: float
    status_s: float
    accounting_s: float
    forgotten: int
    forget_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Every table that was made."""

    lines: dict[str, tuple[Line, ...]]
    pasts: tuple[Past, ...] = ()


class Bench:
    """An inbox that is filled and emptied again and again, each time with sheets that were never seen before."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder = folder
        self._options = options
        self._rolls = 0

    def run(self, place: Path | None = None, *, workers: int, waiting: int = 0) -> Cost:
        """Let a daemon read so many sheets as the options say, while that many files are left over.

        `place`: an installation with a past; else a fresh one.
        """
        place, sheets = place or self.place(), self._options.sheets
        self._fill(place / "inbox", sheets + waiting)
        config = self._configure(place, workers)
        real = ["--real"] if self._options.real else []
        done = subprocess.run(
            [sys.executable, str(Path(paced_daemon.__file__)), str(config), str(sheets), *real],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "SHEETWATCH_PAGE_MS": str(self._options.page_ms),
            },
        )
        shutil.rmtree(place / "inbox")
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Cost)

    def place(self) -> Path:
        """A fresh installation."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    def line(self, name: str, run: Callable[[], Cost]) -> Line:
        """Run it a few times."""
        return Line(name=name, costs=tuple(run() for _ in range(self._options.repeat)))

    def _configure(self, place: Path, workers: int) -> Path:
        config = place / "sheetwatch.yaml"
        templates = shipped_folder("config") / "templates"
        config.write_text(
            f"version: 1\ntemplates: ['{templates}']\nworkers: {workers}\n"
            "watch: {settle_s: 0.3}\nlog: {format: json}\n"
        )
        return config

    def _fill(self, inbox: Path, files: int) -> None:
        if self._options.real:
            from bench.daemon import draw_scans  # noqa: PLC0415 - OpenCV and the generator, only where they are wanted

            inbox.mkdir(exist_ok=True)
            for number, scan in enumerate(draw_scans(inbox.parent, files)):
                (inbox / f"sheet-{number:08}.jpg").write_bytes(scan)
            return
        inbox.mkdir(exist_ok=True)
        for _ in range(files):
            self._rolls += 1
            (inbox / f"sheet-{self._rolls:08}.jpg").write_text(f"{self._rolls:08}")


def workers_table(bench: Bench) -> tuple[Line, ...]:
    """One worker and two."""
    return tuple(bench.line(f"{workers} worker(s)", partial(bench.run, workers=workers)) for workers in (1, 2))


def backlog_table(bench: Bench, waiting: Sequence[int]) -> tuple[Line, ...]:
    """So many files wait beside those that are read."""
    return tuple(bench.line(f"{files} waiting", partial(bench.run, workers=2, waiting=files)) for files in waiting)


def ledger_table(bench: Bench, rows: Sequence[int]) -> tuple[tuple[Line, ...], tuple[Past, ...]]:
    """A past of so many sheets; the figures of the empty ledger in front."""
    lines, pasts = [], []
    for sheets in (0, *rows):
        place = bench.place()
        if sheets:
            with Ledger.open(place / "state" / "sheetwatch.db") as ledger:
                fill(ledger, sheets, datetime.now(UTC).date().isoformat())
        lines.append(bench.line(f"{sheets} before", partial(bench.run, place, workers=2)))
        if sheets:
            pasts.append(look_at(place, sheets))
        shutil.rmtree(place)
    return tuple(lines), tuple(pasts)


def look_at(place: Path, sheets: int) -> Past:
    """What `status` takes, and forgetting the oldest tenth."""
    path = place / "state" / "sheetwatch.db"
    command = [sys.executable, "-m", "sheetwatch", "--config", str(place / "sheetwatch.yaml"), "status", "--json"]
    status_s, _ = timed(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=False))
    oldest = datetime.now(UTC).date() - timedelta(days=sheets // PER_DAY * 9 // 10)
    with Ledger.open(path) as ledger:
        accounting_s, counts = timed(lambda: accounting(ledger))
        with ledger.transaction() as tx:
            forget_s, forgotten = timed(lambda: retention.forget_before(tx, oldest))
    return Past(
        sheets=counts.pages_in,
        ledger_mib=path.stat().st_size / 2**20,
        status_s=status_s,
        accounting_s=accounting_s,
        forgotten=forgotten,
        forget_s=forget_s,
    )


def timed(action: Callable[[], Result]) -> tuple[float, Result]:
    began_s = time.perf_counter()
    result = action()
    return time.perf_counter() - began_s, result


def print_lines(table: str, lines: Sequence[Line]) -> None:
    """Each line as medians and spread, and how its daemon compares with that of the first line."""
    print(f"\n{table:<16}{'daemon ms':>24}{'of first':>10}{'sheet ms':>24}{'a minute':>10}{'ready s':>9}{'MiB':>6}")
    first = lines[0].median(lambda cost: cost.cpu_ms)
    for line in lines:
        sheet_ms = line.median(lambda cost: cost.wall_ms)
        print(
            f"{line.name:<16}{line.spread(lambda cost: cost.cpu_ms):>24}"
            f"{line.median(lambda cost: cost.cpu_ms) / first:>10.2f}"
            f"{line.spread(lambda cost: cost.wall_ms):>24}{60_000 / sheet_ms:>10.0f}"
            f"{line.median(lambda cost: cost.ready_s):>9.2f}{line.median(lambda cost: cost.rss_mib):>6.0f}"
        )


def print_pasts(pasts: Sequence[Past]) -> None:
    """What looking at a long past takes."""
    print(f"\n{'sheets before':>14}{'ledger MiB':>12}{'status s':>10}{'counting s':>12}{'forgotten':>11}{'in s':>8}")
    for past in pasts:
        print(
            f"{past.sheets:>14}{past.ledger_mib:>12.0f}{past.status_s:>10.2f}{past.accounting_s:>12.3f}"
            f"{past.forgotten:>11}{past.forget_s:>8.2f}"
        )


def run(arguments: list[str]) -> int:
    """As a command of the benchmark."""
    main(arguments)
    return 0


def main(arguments: list[str] | None = None) -> Figures:
    """Measure, print and return the tables."""
    options = parsed(arguments)
    lines: dict[str, tuple[Line, ...]] = {}
    pasts: tuple[Past, ...] = ()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        bench = Bench(Path(name), options)
        for table in options.tables or TABLES:
            if table == "ledger":
                lines[table], pasts = ledger_table(bench, options.rows)
            else:
                lines[table] = workers_table(bench) if table == "workers" else backlog_table(bench, options.waiting)
            print_lines(table, lines[table])
        if pasts:
            print_pasts(pasts)
    return Figures(lines=lines, pasts=pasts)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description="What a sheet costs the daemon, and how that grows.")
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="default: all")
    parser.add_argument("--sheets", type=int, default=400)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--page-ms", type=float, default=50)
    parser.add_argument(
        "--real", action="store_true", help="300-dpi sheets and the real reader; only the table workers"
    )
    parser.add_argument("--waiting", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="default: where temporary files lie")
    options = parser.parse_args(arguments)
    if options.real:
        options.tables = ["workers"]
    return options


if __name__ == "__main__":
    main()
