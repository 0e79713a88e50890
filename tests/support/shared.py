"""What a shared database holds of a box, beside what the box's ledger says it must."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sheetwatch.domain import Mirror
from sheetwatch.ledger import Ledger, rows_by_file
from sheetwatch.service.site import LEDGER_NAME
from support.office import Office, office_settings
from support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.postgres import Server

Line = tuple[Any, ...]


def shared_office(base: Path, server: Server, schema: str, box: str = "a", user: str = "postgres") -> Office:
    """An office whose rows go to the server."""
    mirror = Mirror(database=server.address(user), box=box, schema=schema)
    return Office(settings=replace(office_settings(base), mirror=mirror))


def turn_until(office: Office, condition: Callable[[], bool], timeout_s: float = 30) -> None:
    """Let the loop turn until something has happened in the database, or was said of it."""

    def turned() -> bool:
        office.run_for(1)
        return condition()

    wait_until(turned, timeout_s)


def in_ledger(state: Path) -> list[Line]:
    """The rows that the database must hold: as they stand in the CSVs, values by field."""
    found = []
    with Ledger.open_for_reading(state / LEDGER_NAME) as ledger:
        for file in rows_by_file(ledger):
            for cells in csv.DictReader([file.header, *file.lines]):
                values = {name: cells[name] for name in cells if name in {"roll", "q1", "total"}}
                found.append((cells["sheet_id"], int(cells["page"]), cells["status"], values, file.name))
    return sorted(found)


def in_database(server: Server, schema: str, box: str = "a") -> list[Line]:
    """The rows of a box that are not withdrawn; none before there is a table."""
    if server.sql("SELECT to_regclass('sheetwatch_rows')", schema=schema) == [(None,)]:
        return []
    return server.sql(
        "SELECT sheet_id, page, status, values, csv FROM sheetwatch_rows"
        ' WHERE box = %s AND withdrawn_at IS NULL ORDER BY sheet_id COLLATE "C"',
        box,
        schema=schema,
    )


def is_equal(office: Office, server: Server) -> bool:
    """Whether the database holds exactly the ledger's rows."""
    settings = office.settings
    return in_database(server, settings.mirror.schema, settings.mirror.box) == in_ledger(settings.state)
