"""`sheetwatch demo`: generated scans arrive in a fresh folder, the real daemon reads them, the truth judges it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.console import Console

    from sheetwatch.cli.demo_daemon import Daemon
    from sheetwatch.cli.demo_progress import DemoProgress
    from sheetwatch.cli.demo_scans import DemoScan
    from sheetwatch.domain import Settings

_TIMEOUT_S = 300.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="let the real daemon read generated sheets in a fresh folder",
        description=(
            "Exit code 0: every page is accounted for and no accepted page holds a wrong value. "
            "Needs no network and no rights; takes a minute or two."
        ),
    )
    parser.add_argument(
        "--dir", type=Path, default=Path("sheetwatch-demo"), metavar="DIR", help="a new folder (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="other sheets for another number (default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo; its folder stays for a look."""
    from sheetwatch.cli.demo_daemon import prepare_folder  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.cli.demo_report import demo_console, report  # noqa: PLC0415
    from sheetwatch.settings import load_settings  # noqa: PLC0415
    from sheetwatch.shipped import shipped_folder  # noqa: PLC0415

    configuration = prepare_folder(args.dir.absolute(), shipped_folder("config") / "templates")
    settings = load_settings(configuration)
    console = demo_console()
    console.print(f"Sheetwatch demo in {configuration.parent}")
    started_at = datetime.now(UTC)
    scans = _let_it_work(configuration, settings, args.seed, console)
    return report(settings, scans, started_at, console)


def _let_it_work(configuration: Path, settings: Settings, seed: int, console: Console) -> list[DemoScan]:
    """Start the daemon, send every scan, wait until all is settled, stop it. Returns what was sent."""
    from sheetwatch.cli.demo_daemon import Daemon  # noqa: PLC0415
    from sheetwatch.cli.demo_progress import DemoProgress  # noqa: PLC0415

    with DemoProgress(console) as progress, Daemon(configuration, settings) as daemon:
        scans = list(_send(seed, settings, daemon, progress))
        pages = sum(len(scan.pages) for scan in scans)
        progress.all_sent(pages)
        for settled in daemon.settled_pages(pages, timeout_s=_TIMEOUT_S):
            progress.settled(settled, pages)
        return scans


def _send(seed: int, settings: Settings, daemon: Daemon, progress: DemoProgress) -> Iterator[DemoScan]:
    """Send the scans one after another; yields each, without its bytes, once it lies in the inbox."""
    from sheetwatch.cli.demo_daemon import deliver  # noqa: PLC0415
    from sheetwatch.cli.demo_scans import demo_scans  # noqa: PLC0415 - brings OpenCV
    from sheetwatch.templates import load_templates  # noqa: PLC0415 - brings OpenCV

    for scan in demo_scans(load_templates(settings.templates), seed):
        daemon.check()
        deliver(scan, settings.inbox[0])
        progress.sent(scan)
        yield replace(scan, data=b"")
