"""`sheetwatch status`: the accounting, the queue, the last sheets, and how the daemon does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from sheetwatch.service.report import StatusReport


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "status",
        help="show the accounting, the queue and the last sheets",
        description="Looks only; works beside a running daemon and without one. Exit code 0: all is well. 1: a person "
        "is needed: intake is paused, work is left and no daemon runs, the accounting does not balance, or "
        "needs-a-person.txt in the state folder names what somebody has to see to and then remove it.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--last", type=int, default=10, metavar="N", help="how many of the last sheets to list (10)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    from sheetwatch.service.report import report_of  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    report = report_of(load_settings(args.config), last=args.last)
    if args.json:
        print(json.dumps(_as_json(report)))
    else:
        _print(report)
    return 0 if report.healthy else 1


def _as_json(report: StatusReport) -> dict[str, Any]:
    counts, owed = report.accounting, report.owed
    return {
        "healthy": report.healthy,
        "daemon": report.daemon,
        "problems": list(report.problems),
        "notices": list(report.notices),
        "accounting": {
            "pages_in": counts.pages_in,
            "rows": counts.rows,
            "review": counts.review,
            "dropped": counts.dropped,
            "in_work": counts.in_work,
            "decided": counts.decided,
            "dropped_by": dict(counts.dropped_by),
            "balanced": counts.balanced,
        },
        "inbox_files": report.inbox_files,
        "owed": {"claims": owed.claims, "rows": owed.rows, "reviews": owed.reviews, "archive": owed.archive},
        "last": [
            {
                "sheet_id": sheet.sheet_id,
                "source": sheet.source_name,
                "page": sheet.page_index,
                "state": sheet.state.value,
                "template": sheet.template,
                "csv": sheet.csv_name,
                "dropped": sheet.drop_cause,
                "reasons": [reason.code.value for reason in sheet.reasons],
                "decided_at": sheet.decided_at.isoformat() if sheet.decided_at else None,
            }
            for sheet in report.last
        ],
    }


def _print(report: StatusReport) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms
    from rich.table import Table  # noqa: PLC0415

    console = Console(highlight=False)
    counts = report.accounting
    console.print(f"Daemon: {report.daemon}", markup=False)
    balance = f"{counts.rows} rows + {counts.review} review + {counts.dropped} dropped + {counts.in_work} in work"
    sign = "=" if counts.balanced else "IS NOT"
    console.print(f"Pages:  {counts.pages_in} in {sign} {balance}", markup=False)
    if counts.decided:
        console.print(f"        review: {counts.decided} decided on the operator's pages, to be carried out shortly")
    if counts.dropped_by:
        dropped = ", ".join(f"{count} {cause}" for cause, count in sorted(counts.dropped_by.items()))
        console.print(f"        dropped: {dropped}", markup=False)
    console.print(f"Queue:  {report.inbox_files} files in the inbox, {report.owed.rows} rows not yet in their CSV")
    for text in report.problems:
        console.print(f"Needs a person: {text}", style="red", markup=False)
    for text in report.notices:
        console.print(f"Note: {text}", style="yellow", markup=False)
    if report.last:
        table = Table("sheet", "source", "became", "template", "decided", box=None, header_style="bold")
        for sheet in report.last:
            decided = f"{sheet.decided_at.astimezone():%Y-%m-%d %H:%M:%S}" if sheet.decided_at else ""
            cells = (sheet.sheet_id, sheet.source_name, sheet.became, sheet.template or "", decided)
            table.add_row(*(_plain(cell) for cell in cells))
        console.print(table)


def _plain(cell: str) -> str:
    from rich.markup import escape  # noqa: PLC0415

    return escape(cell)
