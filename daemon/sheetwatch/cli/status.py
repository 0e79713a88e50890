"""`sheetwatch status`: the accounting, the queue, the last sheets, and how the daemon does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from sheetwatch.service.report import StatusReport

_NAGIOS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


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
    parser.add_argument(
        "--nagios",
        action="store_true",
        help="print one line for Nagios, Icinga or Zabbix. Exit code 0: OK. 1: pages wait in review, or no daemon "
        "runs. 2: a person is needed. 3: unknown",
    )
    parser.add_argument("--last", type=int, default=10, metavar="N", help="how many of the last sheets to list (10)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    from sheetwatch.service.report import report_of  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    if args.nagios:
        return _nagios(args.config)
    report = report_of(load_settings(args.config), last=args.last)
    if args.json:
        print(json.dumps(_as_json(report)))
    else:
        _print(report)
    return 0 if report.healthy else 1


def _nagios(config: Path | None) -> int:
    """One line, whatever happens (Monitoring Plugins Development Guidelines)."""
    from sheetwatch.domain import SheetwatchError  # noqa: PLC0415
    from sheetwatch.names import plain_text  # noqa: PLC0415
    from sheetwatch.service.report import report_of  # noqa: PLC0415
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    try:
        report = report_of(load_settings(config), last=0)
    except (SheetwatchError, OSError) as error:
        print(f"SHEETWATCH UNKNOWN - {plain_text(str(error)).replace('|', '/')}")
        return _NAGIOS.index("UNKNOWN")
    state, words = _verdict(report)
    counts = report.accounting
    figures = (
        f"pages_in={counts.pages_in}c rows={counts.rows}c review={counts.review} dropped={counts.dropped}c "
        f"in_work={counts.in_work} inbox_files={report.inbox_files}"
    )
    print(f"SHEETWATCH {state} - {plain_text('; '.join(words)).replace('|', '/')} | {figures}")
    return _NAGIOS.index(state)


def _verdict(report: StatusReport) -> tuple[str, list[str]]:
    """A word of Nagios, and why."""
    if not report.healthy:
        return "CRITICAL", list(report.problems)
    review = report.accounting.review
    words = [f"{review} page{' waits' if review == 1 else 's wait'} in review"] if review else []
    if report.daemon == "not running":
        words.append("the daemon does not run")
    return ("WARNING", words) if words else ("OK", [report.daemon])


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
        "database_waits": report.database_waits,
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
    if report.database_waits is not None:
        console.print(f"        {report.database_waits} rows not yet in the database", markup=False)
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
