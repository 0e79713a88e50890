"""`sheetwatch demo`: generated scans arrive in a fresh folder, the real daemon reads them, the truth judges it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from sheetwatch.cli.demo_daemon import Daemon
    from sheetwatch.cli.demo_scans import DemoScan
    from sheetwatch.cli.demo_score import PageScore
    from sheetwatch.domain import Settings, Template
    from sheetwatch.ledger import Accounting, SheetLine

_TIMEOUT_S = 300.0
_FEWEST_COLUMNS = 132
_LEDGER = "sheetwatch.db"


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
    from sheetwatch.settings import load_settings  # noqa: PLC0415
    from sheetwatch.shipped import shipped_folder  # noqa: PLC0415
    from sheetwatch.templates import load_templates  # noqa: PLC0415

    configuration = prepare_folder(args.dir.absolute(), shipped_folder("config") / "templates")
    settings = load_settings(configuration)
    console = _console()
    console.print(f"Sheetwatch demo in {configuration.parent}")
    scans, seconds = _let_it_work(configuration, settings, load_templates(settings.templates), args.seed, console)
    return _report(settings, scans, seconds, console)


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms

    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=_FEWEST_COLUMNS)


def _let_it_work(
    configuration: Path, settings: Settings, templates: Sequence[Template], seed: int, console: Console
) -> tuple[list[DemoScan], float]:
    """Start the daemon, send every scan, wait until all is settled, stop it. Returns the scans and the seconds."""
    from sheetwatch.cli.demo_daemon import Daemon, wait_until  # noqa: PLC0415

    pause = threading.Event()
    with _Progress(console) as progress, Daemon(configuration) as daemon:
        start_s = time.monotonic()
        scans = list(_send(templates, seed, settings, daemon, progress, pause))
        pages = sum(len(scan.pages) for scan in scans)

        def settled() -> bool:
            done = _settled_pages(settings)
            progress.settled(done, pages)
            return done == pages and _nothing_owed(settings)

        progress.waiting(pages)
        if not wait_until(settled, daemon, timeout_s=_TIMEOUT_S, pause=pause):
            console.print(f"Not everything was settled within {_TIMEOUT_S:g} s; see {daemon.log}", style="bold red")
        return scans, time.monotonic() - start_s


def _send(
    templates: Sequence[Template],
    seed: int,
    settings: Settings,
    daemon: Daemon,
    progress: _Progress,
    pause: threading.Event,
) -> Iterator[DemoScan]:
    """Send the scans one after another; yields each without its bytes once it lies in the inbox."""
    from sheetwatch.cli.demo_daemon import deliver  # noqa: PLC0415
    from sheetwatch.cli.demo_scans import demo_scans  # noqa: PLC0415 - brings OpenCV

    for scan in demo_scans(templates, seed):
        daemon.check()
        deliver(scan, settings.inbox[0], pause)
        progress.sent(scan)
        yield replace(scan, data=b"")


def _settled_pages(settings: Settings) -> int:
    """How many pages the ledger holds a decision about; 0 while there is no ledger yet."""
    counts = _accounting(settings)
    return counts.pages_in - counts.in_work if counts else 0


def _accounting(settings: Settings) -> Accounting | None:
    from sheetwatch.domain import LedgerError  # noqa: PLC0415
    from sheetwatch.ledger import Ledger, accounting  # noqa: PLC0415

    try:
        with Ledger.open_for_reading(settings.state / _LEDGER) as ledger:
            return accounting(ledger)
    except LedgerError:  # the daemon has not made it yet
        return None


def _nothing_owed(settings: Settings) -> bool:
    from sheetwatch.ledger import Ledger, owed  # noqa: PLC0415

    with Ledger.open_for_reading(settings.state / _LEDGER) as ledger:
        return owed(ledger).nothing


class _Progress:
    """Bars on a terminal, a line for each event elsewhere."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

        from sheetwatch.cli.demo_scans import SCAN_COUNT  # noqa: PLC0415

        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<42}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._sent = self._bars.add_task("sending scans", total=SCAN_COUNT)
        self._settled = self._bars.add_task("pages settled", total=None)
        self._last = 0

    def __enter__(self) -> _Progress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def sent(self, scan: DemoScan) -> None:
        """A scan lies in the inbox."""
        what = scan.pages[0].what if len(scan.pages) == 1 else f"{len(scan.pages)} pages"
        self._bars.update(self._sent, advance=1, description=f"sent {what}")
        if self._bars.disable:
            self._console.print(f"sent {scan.name}: {what}")

    def waiting(self, pages: int) -> None:
        """Everything is sent."""
        self._bars.update(self._sent, description="all scans are sent")
        self._bars.update(self._settled, total=pages)

    def settled(self, done: int, pages: int) -> None:
        """So many pages are decided."""
        self._bars.update(self._settled, completed=done)
        if self._bars.disable and done != self._last:
            self._console.print(f"{done} of {pages} pages settled")
        self._last = done


def _report(settings: Settings, scans: Sequence[DemoScan], seconds: float, console: Console) -> int:
    """Print what became of everything. Returns the exit code."""
    from sheetwatch.cli.demo_score import score, unknown_pages  # noqa: PLC0415
    from sheetwatch.ledger import Ledger, accounting, all_sheets  # noqa: PLC0415

    with Ledger.open_for_reading(settings.state / _LEDGER) as ledger:
        counts, lines = accounting(ledger), all_sheets(ledger)
    scores = score(scans, lines)
    faults = [f"{page.source} page {page.page + 1}: {page.fault}" for page in scores if page.fault]
    faults += [f"{line.source_name}: in the ledger, but never sent" for line in unknown_pages(scans, lines)]
    if counts.in_work:
        faults.append(f"{counts.in_work} pages are still in work")
    if not counts.balanced:
        faults.append("the accounting does not add up")
    console.print(_table(scores))
    _print_counts(scores, counts, lines, seconds, console)
    _print_places(settings, console)
    for fault in faults:
        console.print(f"WRONG: {fault}", style="bold red")
    if not faults:
        console.print("Every page is accounted for, and no accepted page holds a wrong value.", style="bold green")
    return 1 if faults else 0


def _table(scores: Sequence[PageScore]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    from sheetwatch.cli.demo_score import became  # noqa: PLC0415

    table = Table("scan", "page", "what it is", "what became of it", "fields right", title="What became of each page")
    for page in scores:
        fields = f"{page.right} of {page.right + len(page.wrong)}" if page.right or page.wrong else ""
        style = "red" if page.fault else ("green" if page.accepted else None)
        table.add_row(page.source, str(page.page + 1), page.expected.what, became(page.line), fields, style=style)
    return table


def _print_counts(
    scores: Sequence[PageScore], counts: Accounting, lines: Sequence[SheetLine], seconds: float, console: Console
) -> None:
    from statistics import median  # noqa: PLC0415

    from sheetwatch.cli.demo_score import fields_right_and_wrong  # noqa: PLC0415

    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(counts.dropped_by.items())) or "none"
    sign = "=" if counts.balanced else "is NOT"
    console.print(
        f"Accounting: {counts.pages_in} pages in {sign} {counts.rows} rows + {counts.review} in review"
        f" + {counts.dropped} dropped ({causes}) + {counts.in_work} in work"
    )
    for words, accepted in (("rows", True), ("review", False)):
        right, wrong = fields_right_and_wrong(scores, accepted=accepted)
        console.print(f"Fields of the pages in {words}: {right} right, {wrong} wrong")
    times = [line.elapsed_ms for line in lines if line.elapsed_ms]
    reading = f", {median(times):.0f} ms of reading for a page (median)" if times else ""
    console.print(f"Speed: {60 * counts.pages_in / seconds:.0f} sheets per minute, sending included{reading}")


def _print_places(settings: Settings, console: Console) -> None:
    for csv in sorted(settings.results.glob("*.csv")):
        console.print(f"CSV:    {csv}")
    console.print(f"Review: {settings.review}")
