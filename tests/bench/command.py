"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

import sheetwatch
from bench import growth_daemon, ratios
from bench.clock import CLOCKS
from bench.conditions import Bench
from bench.kept import machine_kind
from bench.sections import SECTIONS, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.table import Table

COMMANDS: Mapping[str, Callable[[list[str]], int]] = {"growth": growth_daemon.run, "ratios": ratios.main}
"""What has options of its own."""

_ROUNDS, _SHEETS, _DAEMON_ROUNDS = 15, 60, 3
_FEWEST_SHEETS = 10


def parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(
        prog="python tests/bench",
        description="Times Sheetwatch beside the floor: opening the file with cv2.imread. Pages are timed on one core.",
        epilog="`python tests/bench growth --help`: how the daemon's cost grows with backlog and ledger; "
        "`python tests/bench ratios --help`: what CI compares.",
    )
    it.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all of them without")
    it.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each page is read (default %(default)s)")
    it.add_argument("--sheets", type=int, default=_SHEETS, help="that the daemon gets (default %(default)s)")
    it.add_argument("--daemon-rounds", type=int, default=_DAEMON_ROUNDS, help="for daemon and start (%(default)s)")
    it.add_argument("--quick", action="store_true", help="3 rounds, 20 sheets once: rough figures")
    it.add_argument(
        "--clock",
        choices=sorted(CLOCKS),
        default="wall",
        help="for pages; cpu leaves out what others do on a busy machine (default %(default)s)",
    )
    it.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    return it


def main(arguments: list[str]) -> int:
    """Print each section when it is measured. Returns 1 where a page was taken for another form or not read."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    it = parser()
    options = it.parse_args(arguments)
    if unknown := sorted(set(options.sections) - set(SECTIONS)):
        it.error(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    if options.rounds < 1 or options.daemon_rounds < 1 or options.sheets < _FEWEST_SHEETS:
        it.error(f"--rounds and --daemon-rounds are 1 or more, --sheets {_FEWEST_SHEETS} or more")
    print(f"{_machine()}; {options.clock} clock", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = _bench(options, Path(folder))
        tables = {section: _measured(section, bench) for section in options.sections or SECTIONS}
    if options.json:
        told = {name: [table.as_json() for table in row or ()] for name, row in tables.items()}
        head = {"machine": _machine(), "clock": options.clock}
        options.json.write_text(json.dumps({**head, "sections": told}, indent=1) + "\n")
    return 1 if None in tables.values() else 0


def _bench(options: argparse.Namespace, folder: Path) -> Bench:
    reader, clock = sheetwatch.load_reader(), CLOCKS[options.clock]
    if options.quick:
        return Bench(folder=folder, reader=reader, clock=clock, rounds=3, sheets=20, daemon_rounds=1, idle_s=20)
    return Bench(
        folder=folder,
        reader=reader,
        clock=clock,
        rounds=options.rounds,
        sheets=options.sheets,
        daemon_rounds=options.daemon_rounds,
    )


def _measured(section: str, bench: Bench) -> list[Table] | None:
    """Measure and print one section; None where a page was not read as it must be, or the daemon did not finish."""
    try:
        tables = measure(section, bench)
    except AssertionError as fault:
        print(f"\n{section}: {fault}", flush=True)
        return None
    for table in tables:
        print(f"\n{table.text()}", flush=True)
    return tables


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{machine_kind()}, {os.cpu_count()} cores, Python {platform.python_version()}, OpenCV {cv2.__version__}, "
        f"load {load:.1f}"
    )
