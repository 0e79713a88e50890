"""The shared database as an administrator's commands see it: tested, prepared, compared with the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.delivery import postgres
from sheetwatch.domain import ConfigError
from sheetwatch.ledger import mirror

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sheetwatch.domain import Field, Mirror
    from sheetwatch.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedReport:
    """What lies in the database of this box. `withdrawn`: of the rows, those that its ledger does not know."""

    place: str
    rows: int
    withdrawn: int
    changed_at: datetime | None


def require(settings: Mirror) -> str:
    """The database's address. Raises ConfigError where none is configured, or what it needs is not installed."""
    if settings.database is None:
        raise ConfigError("no database is configured; name one: results: {folder: results, database: ..., box: ...}")
    postgres.require(settings.database)
    return settings.database


def check(settings: Mirror) -> str:
    """Connect and look, changing nothing. Returns where rows go. Raises ConfigError, EnvironmentFault."""
    address = require(settings)
    from sheetwatch.delivery.shared_table import SharedTable  # noqa: PLC0415 - the packages are there

    table = SharedTable(settings.schema)
    with postgres.Database(address) as database, database.transaction() as tx:
        where = f"{database.name}, schema {settings.schema}, as {settings.box}"
        if table.is_missing(tx):
            table.check_may_create(tx)
            return f"{where}; the tables will be made by `sheetwatch run`"
        table.check_version(tx)
        table.check_rights(tx)
        return where


def report(settings: Mirror) -> SharedReport:
    """Count the rows of this box. Raises ConfigError, EnvironmentFault."""
    address = require(settings)
    from sheetwatch.delivery.shared_table import SharedTable  # noqa: PLC0415 - the packages are there

    table = SharedTable(settings.schema)
    with postgres.Database(address) as database, database.transaction() as tx:
        place = f"{database.name}, schema {settings.schema}"
        rows, withdrawn, changed_at = (0, 0, None) if table.is_missing(tx) else table.counts(tx, settings.box)
        return SharedReport(place=place, rows=rows, withdrawn=withdrawn, changed_at=changed_at)


def prepare(
    settings: Mirror, as_whom: str | None, role: str | None, fields_by_template: Mapping[str, Sequence[Field]]
) -> list[str]:
    """Make tables and views, as the user of another address where one is given, and let a role write into the tables.

    Returns what could not be done, in words. Raises ConfigError, EnvironmentFault.
    """
    address = as_whom or require(settings)
    postgres.require(address)
    from sheetwatch.delivery.shared_table import SharedTable  # noqa: PLC0415 - the packages are there
    from sheetwatch.delivery.shared_views import make_views  # noqa: PLC0415

    table = SharedTable(settings.schema)
    with postgres.Database(address) as database, database.transaction() as tx:
        table.prepare(tx)
        if role:
            table.grant(tx, role)
        return make_views(tx, table, fields_by_template)


def fields_of(ledger: Ledger) -> dict[str, list[Field]]:
    """The fields of every revision that a page was ever read with, by template."""
    found: dict[str, list[Field]] = {}
    with ledger.reading() as tx:
        for form in mirror.forms(tx):
            found.setdefault(form.name, []).extend(form.fields)
    return found
