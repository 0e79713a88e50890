"""What the demo says in the end: a table of every page, the accounting, right and wrong fields, speed, places."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sheetwatch.cli.demo_score import became, faults, fields_right_and_wrong, read_delivered, score
from sheetwatch.domain import Accept
from sheetwatch.ledger import Ledger, accounting, all_sheets
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sheetwatch.cli.demo_scans import DemoScan
    from sheetwatch.cli.demo_score import PageScore
    from sheetwatch.domain import Settings
    from sheetwatch.ledger import Accounting, SheetLine

_PLAIN_COLUMNS = 150


def demo_console() -> Console:
    """The terminal; elsewhere wide enough that the table keeps its lines whole."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PLAIN_COLUMNS)


def report(settings: Settings, scans: Sequence[DemoScan], started_at: datetime, console: Console) -> int:
    """Print what became of everything. Returns the exit code."""
    with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
        counts, lines = accounting(ledger), all_sheets(ledger)
    delivered = read_delivered(settings.results, settings.review)
    scores = score(scans, lines, delivered)
    console.print(_table(scores))
    _print_accounting(counts, console)
    _print_fields(scores, console)
    console.print(
        f"Accepted unseen: fields of which at most {settings.accept.max_field_error:.1%} may be wrong"
        f" (the default is {Accept().max_field_error:.1%}, at which more goes to review)"
    )
    _print_speed(lines, started_at, console)
    _print_places(settings, console)
    found = faults(scans, scores, lines, counts, delivered)
    for fault in found:
        console.print(f"WRONG: {fault}", style="bold red")
    if not found:
        console.print("Every page is accounted for, and no accepted page holds a wrong value.", style="bold green")
    return 1 if found else 0


def _table(scores: Sequence[PageScore]) -> Table:
    table = Table("scan", "page", "what it is", "what became of it", "fields right", title="What became of each page")
    for page in scores:
        fields = f"{page.right} of {page.right + len(page.wrong)}" if page.right or page.wrong else ""
        style = "red" if page.fault else ("green" if page.accepted else None)
        table.add_row(page.source, str(page.page + 1), page.expected.what, became(page.line), fields, style=style)
    return table


def _print_accounting(counts: Accounting, console: Console) -> None:
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(counts.dropped_by.items())) or "none"
    sign = "=" if counts.balanced else "is NOT"
    console.print(
        f"Accounting: {counts.pages_in} pages in {sign} {counts.rows} rows + {counts.review} in review"
        f" + {counts.dropped} dropped ({causes}) + {counts.in_work} in work"
    )


def _print_fields(scores: Sequence[PageScore], console: Console) -> None:
    for words, accepted in (("in rows", True), ("that went to review", False)):
        right, wrong = fields_right_and_wrong(scores, accepted=accepted)
        console.print(f"Fields of the pages {words}: {right} right, {wrong} wrong")


def _print_speed(lines: Sequence[SheetLine], started_at: datetime, console: Console) -> None:
    """Over the pages that were read; a file that is cut off is waited for, not read."""
    read = [line for line in lines if line.elapsed_ms and line.decided_at]
    if not read:
        return
    seconds = max((line.decided_at - started_at).total_seconds() for line in read if line.decided_at)
    each = median(line.elapsed_ms for line in read)
    console.print(
        f"Speed: {60 * len(read) / seconds:.0f} sheets per minute from the first scan sent to the last page decided,"
        f" while this program drew them; {each:.0f} ms of reading for a page (median)"
    )


def _print_places(settings: Settings, console: Console) -> None:
    for csv in sorted(settings.results.glob("*.csv")):
        console.print(f"CSV:    {csv}")
    console.print(f"Review: {settings.review}")
