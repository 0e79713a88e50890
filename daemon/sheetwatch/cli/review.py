"""`sheetwatch review`: list, show, correct or discard the pages that need a person."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.domain import Settings, Template
    from sheetwatch.ledger import OpenReview
    from sheetwatch.service.terminal import Desk


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "review",
        help="list, show, correct or discard the pages that need a person",
        description="Works beside a running daemon and without one. The first decision on a page counts.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    actions.add_parser("list", help="one line per page that waits, longest waiting first")
    show = actions.add_parser("show", help="why a page waits, and what was read")
    accept = actions.add_parser("accept", help="make the page a row, with these values where the reading is wrong")
    discard = actions.add_parser("discard", help="make no row of the page")
    for action in (show, accept, discard):
        action.add_argument("stem", metavar="STEM", help="the common stem of the page's files in the review folder")
    accept.add_argument(
        "values", nargs="*", metavar="FIELD=VALUE", help="`ok` for: as read; `-` for: nothing is written there"
    )
    accept.add_argument("--template", metavar="NAME", help="for a page that no template fits")
    for action in (accept, discard):
        action.add_argument("--by", default=_user(), metavar="NAME", help="who decides (your user name)")


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    from sheetwatch.service.terminal import Desk  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    settings = load_settings(args.config)
    with Desk.open(settings) as desk:
        if args.action == "list":
            _list(desk)
        elif args.action == "show":
            _show(desk.find(args.stem))
        elif args.action == "accept":
            template = _template(args.template, settings) if args.template else None
            print(f"row added to {desk.accept(args.stem, _values(args.values), args.by, template)}")
        else:
            desk.discard(args.stem, args.by)
            print("discarded")
    return 0


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _values(pairs: list[str]) -> dict[str, str]:
    from sheetwatch.domain import UsageError  # noqa: PLC0415

    values = {}
    for pair in pairs:
        field, sign, value = pair.partition("=")
        if not sign or not value.strip():
            raise UsageError(f"{pair!r} is not FIELD=VALUE; for a field where nothing is written: {field}=-")
        values[field.strip()] = value.strip()
    return values


def _template(name: str, settings: Settings) -> Template:
    from sheetwatch.domain import UsageError  # noqa: PLC0415
    from sheetwatch.templates import load_templates  # noqa: PLC0415 - needs the decoders

    templates = {template.name: template for template in load_templates(settings.templates)}
    if name not in templates:
        raise UsageError(f"there is no template {name!r}; known are {', '.join(templates)}")
    return templates[name]


def _list(desk: Desk) -> None:
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    waiting = desk.waiting()
    if not waiting:
        print("no page waits for a person")
        return
    console = Console(highlight=False)
    table = Table(box=None, header_style="bold")
    table.add_column("stem", overflow="fold")
    for title in ("since", "template", "why"):
        table.add_column(title)
    for review in waiting:
        why = ", ".join(sorted({reason.code.value for reason in review.reasons}))
        since = f"{review.opened_at.astimezone():%Y-%m-%d %H:%M}"
        table.add_row(escape(review.stem), since, review.form.name if review.form else "", why)
    console.print(table)


def _show(review: OpenReview) -> None:
    from sheetwatch.service.deliveries import note_text  # noqa: PLC0415

    print(note_text(review))
    if review.form is None:
        return
    width = max(len(field.name) for field in review.form.fields)
    for field in review.form.fields:
        reading = review.readings.get(field.name)
        if reading is None:
            print(f"  {field.name:<{width}}  (not read)")
            continue
        others = ", ".join(f"{other.value or 'empty'} {other.probability:.2f}" for other in reading.alternatives[:3])
        or_else = f"  or {others}" if others else ""
        print(f"  {field.name:<{width}}  {reading.value or reading.state.value:<14} {reading.probability:.4f}{or_else}")
