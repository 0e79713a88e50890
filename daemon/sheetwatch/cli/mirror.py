"""`sheetwatch mirror`: look after the rows in a shared PostgreSQL; the daemon sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from sheetwatch.domain import Field, Settings


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "mirror",
        help="look after the rows in a shared PostgreSQL",
        description="The daemon brings every row and correction into the database that results.database names. Without "
        "an option, or with --status, says how far it is. Exit code 75: the database cannot be used now. 78: none is "
        "configured, or its packages are missing.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="how many rows lie there, and how many wait here")
    what.add_argument(
        "--again", action="store_true", help="send every row anew, and mark as withdrawn what the ledger does not know"
    )
    what.add_argument(
        "--take-over",
        action="store_true",
        help="as --again, where the name of this box belongs to its former state folder",
    )
    what.add_argument("--prepare", action="store_true", help="make tables and views, as somebody who may")
    parser.add_argument("--as", dest="as_whom", metavar="ADDRESS", help="with --prepare: connect with this address")
    parser.add_argument("--grant", metavar="ROLE", help="with --prepare: the role that the daemons connect as")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, order, or prepare."""
    from sheetwatch.domain import UsageError  # noqa: PLC0415 - a command costs nothing until it runs
    from sheetwatch.service import shared  # noqa: PLC0415
    from sheetwatch.settings import load_settings  # noqa: PLC0415

    if (args.as_whom or args.grant) and not args.prepare:
        raise UsageError("--as and --grant belong to --prepare")
    settings = load_settings(args.config)
    shared.require(settings.mirror)
    if args.prepare:
        return _prepare(settings, args.as_whom, args.grant)
    if args.again or args.take_over:
        return _send_again(settings, take_over=args.take_over)
    return _status(settings)


def _status(settings: Settings) -> int:
    from sheetwatch.ledger import Ledger, mirror  # noqa: PLC0415
    from sheetwatch.service import shared  # noqa: PLC0415
    from sheetwatch.service.site import LEDGER_NAME  # noqa: PLC0415

    with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
        waits = mirror.waiting(ledger)
    print("rows that wait here: " + ("all; no daemon ran with this database yet" if waits is None else str(waits)))
    report = shared.report(settings.mirror)
    print(f"rows in {report.place}, of box {settings.mirror.box}: {report.rows}")
    if report.withdrawn:
        print(f"of them withdrawn, because this ledger does not know them: {report.withdrawn}")
    if report.changed_at:
        print(f"changed last: {report.changed_at.astimezone():%Y-%m-%d %H:%M:%S}")
    return 0


def _send_again(settings: Settings, *, take_over: bool) -> int:
    from sheetwatch.ledger import Ledger, mirror, require  # noqa: PLC0415
    from sheetwatch.service.site import LEDGER_NAME  # noqa: PLC0415

    require(settings.state / LEDGER_NAME)
    with Ledger.open(settings.state / LEDGER_NAME) as ledger, ledger.transaction() as tx:
        if not mirror.is_on(tx):
            mirror.switch_on(tx)
        rows = mirror.send_all(tx, take_over=take_over)
    print(f"{rows} rows will be sent by the daemon; how far it is: sheetwatch mirror")
    return 0


def _prepare(settings: Settings, as_whom: str | None, role: str | None) -> int:
    from sheetwatch.ledger import Ledger  # noqa: PLC0415
    from sheetwatch.service import shared  # noqa: PLC0415
    from sheetwatch.service.site import LEDGER_NAME  # noqa: PLC0415
    from sheetwatch.templates import load_templates  # noqa: PLC0415 - brings OpenCV

    fields: dict[str, list[Field]] = {one.name: list(one.fields) for one in load_templates(settings.templates)}
    if (settings.state / LEDGER_NAME).exists():
        with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
            for template, earlier in shared.fields_of(ledger).items():
                fields.setdefault(template, []).extend(earlier)
    troubles = shared.prepare(settings.mirror, as_whom, role, fields)
    for trouble in troubles:
        print(trouble)
    print(f"tables and {len(fields)} views are there in schema {settings.mirror.schema}")
    return 0
