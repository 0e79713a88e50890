"""What the demo says in the end: a table of every page, the accounting, right and wrong fields, speed, places."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sheetwatch.cli.demo_score import became, fields_right_and_wrong, score, unknown_pages
from sheetwatch.ledger import Ledger, accounting, all_sheets
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.cli.demo_scans import DemoScan
    from sheetwatch.cli.demo_score import PageScore
    from sheetwatch.domain import Settings
    from sheetwatch.ledger import Accounting, SheetLine

_PLAIN_COLUMNS = 150


def demo_console() -> Console:
    """The terminal; elsewhere wide enough that the table keeps its lines whole."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_COLUMNS)


def report(settings: Settings, scans: Sequence[DemoScan], seconds: float, console: Console) -> int:
    """Print what became of everything. Returns the exit code."""
    with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
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
    table = Table("scan", "page", "what it is", "what became of it", "fields right", title="What became of each page")
    for page in scores:
        fields = f"{page.right} of {page.right + len(page.wrong)}" if page.right or page.wrong else ""
        style = "red" if page.fault else ("green" if page.accepted else None)
        table.add_row(page.source, str(page.page + 1), page.expected.what, became(page.line), fields, style=style)
    return table


def _print_counts(
    scores: Sequence[PageScore], counts: Accounting, lines: Sequence[SheetLine], seconds: float, console: Console
) -> None:
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
