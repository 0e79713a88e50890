"""The table that several boxes share: what it is made of, and how rows come into it.

A row is identified by its box and its sheet. Writing it twice is harmless: what is the same already is not touched. No
row is ever deleted here: one that its ledger knows no more, because it was restored from a backup, is marked withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
    inspect,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.schema import CreateSchema

from sheetwatch.delivery.postgres import DatabaseFault
from sheetwatch.domain import EnvironmentFault
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from sqlalchemy.dialects.postgresql import Insert

VERSION = 1
_LOCK = 0x53485754  # "SHWT": two boxes that come first at once make the tables one after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row; `values` by field, as in the CSV: "" for nothing, "0012" with its zeros."""

    sheet_id: str
    page: int
    template: str
    template_revision: str
    read_at: datetime
    status: str
    source: str
    values: Mapping[str, str]
    confidence: float
    model: str
    program: str
    csv: str


@dataclass(frozen=True, slots=True)
class Box:
    """This installation, as the database knows it. `ledger`: its ledger's own name.

    `take_over`: the name is this ledger's, whatever the database says.
    """

    name: str
    ledger: str
    take_over: bool


class SharedTable:
    """The tables in one schema. Each method is called within a transaction."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._all = MetaData(schema=schema)
        self._version = Table("sheetwatch_version", self._all, Column("version", Integer, nullable=False))
        self._boxes = Table(
            "sheetwatch_boxes",
            self._all,
            Column("box", Text, primary_key=True),
            Column("ledger", Text, nullable=False, unique=True),
            Column("token", Text, nullable=False),
            Column("sent_at", DateTime(timezone=True), nullable=False),
        )
        self.rows = Table(
            "sheetwatch_rows",
            self._all,
            Column("box", Text, ForeignKey(self._boxes.c.box, onupdate="CASCADE"), primary_key=True),
            Column("sheet_id", Text, primary_key=True),
            Column("page", Integer, nullable=False),
            Column("template", Text, nullable=False),
            Column("template_revision", Text, nullable=False),
            Column("read_at", DateTime(timezone=True), nullable=False),
            Column("status", Text, nullable=False),
            Column("source", Text, nullable=False),
            Column("values", JSONB, nullable=False),
            Column("confidence", Double, nullable=False),
            Column("model", Text, nullable=False),
            Column("program", Text, nullable=False),
            Column("csv", Text, nullable=False),
            Column("changed_at", DateTime(timezone=True), nullable=False),
            Column("withdrawn_at", DateTime(timezone=True)),
            Index("sheetwatch_rows_read", "template", "read_at"),
        )
        self._upsert = self._make_upsert()

    def prepare(self, tx: Connection) -> None:
        """Make what is missing. Raises EnvironmentFault when a newer program made the tables."""
        if self.is_missing(tx):
            self._create(tx)
        self.check_version(tx)

    def is_missing(self, tx: Connection) -> bool:
        """Whether a table is."""
        wanted = {table.name for table in self._all.tables.values()}
        return not wanted <= set(inspect(tx).get_table_names(schema=self.schema))

    def check_version(self, tx: Connection) -> None:
        """Raise EnvironmentFault when a newer program made the tables."""
        version = tx.execute(select(func.max(self._version.c.version))).scalar()
        if version != VERSION:
            raise EnvironmentFault(
                f"the tables in schema {self.schema} have version {version}, this program knows {VERSION}; install the "
                "newer Sheetwatch"
            )

    def _create(self, tx: Connection) -> None:
        tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if self.schema not in inspect(tx).get_schema_names():
            tx.execute(CreateSchema(self.schema))
        self._all.create_all(tx)
        if tx.execute(select(func.count()).select_from(self._version)).scalar() == 0:
            tx.execute(insert(self._version).values(version=VERSION))

    def grant(self, tx: Connection, role: str) -> None:
        """Let a role do what a box needs to, and no more."""
        quoted = tx.dialect.identifier_preparer
        whom, schema = quoted.quote_identifier(role), quoted.quote_identifier(self.schema)
        tx.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {whom}"))
        for table in (self._boxes, self.rows):
            tx.execute(text(f"GRANT SELECT, INSERT, UPDATE ON {schema}.{table.name} TO {whom}"))
        tx.execute(text(f"GRANT SELECT ON {schema}.{self._version.name} TO {whom}"))

    def check_may_create(self, tx: Connection) -> None:
        """Raise DatabaseFault where this role cannot make the tables."""
        if self.schema in inspect(tx).get_schema_names():
            may = func.has_schema_privilege(self.schema, "CREATE")
        else:
            may = func.has_database_privilege(func.current_database(), "CREATE")
        if not tx.execute(select(may)).scalar():
            raise DatabaseFault(
                f"there are no tables in schema {self.schema}, and this role may not make them; let an administrator "
                "run: sheetwatch mirror --prepare --grant ROLE",
                reached=True,
            )

    def check_rights(self, tx: Connection) -> None:
        """Raise DatabaseFault where this role lacks a right that sending needs."""
        for table in (self._boxes, self.rows):
            name = f"{self.schema}.{table.name}"
            for right in ("SELECT", "INSERT", "UPDATE"):
                if not tx.execute(select(func.has_table_privilege(name, right))).scalar():
                    raise DatabaseFault(
                        f"the right to {right} {name} is missing; let its owner run: "
                        "sheetwatch mirror --prepare --grant ROLE",
                        reached=True,
                    )

    def claim(self, tx: Connection, box: Box) -> str:
        """The token that the database has of this box; "" when it never saw it. Makes sure of whose the name is.

        Raises EnvironmentFault when the name is another ledger's, or the ledger has another name.
        """
        boxes = self._boxes
        found = tx.execute(select(boxes).where(or_(boxes.c.box == box.name, boxes.c.ledger == box.ledger))).all()
        if other := next((one.box for one in found if one.box != box.name), None):
            raise EnvironmentFault(
                f"this box is called {other!r} in the database, and {box.name!r} in results.box; write {other!r} there,"
                f" or rename it in the database, in the table {self.schema}.{boxes.name}"
            )
        if not found:
            tx.execute(insert(boxes).values(box=box.name, ledger=box.ledger, token="", sent_at=func.now()))
            return ""
        if found[0].ledger == box.ledger:
            return str(found[0].token)
        if not box.take_over:
            raise EnvironmentFault(
                f"another installation is called {box.name!r} already; choose another name for results.box. Where it "
                "was this one, before its state folder was made anew: sheetwatch mirror --take-over"
            )
        tx.execute(update(boxes).where(boxes.c.box == box.name).values(ledger=box.ledger, token=""))
        return ""

    def write(self, tx: Connection, box: str, rows: Sequence[TableRow]) -> None:
        """Bring rows in, or make them what they are now."""
        if rows:
            tx.execute(self._upsert, [_parameters(box, row) for row in rows])

    def sent(self, tx: Connection, box: str, token: str) -> None:
        """Note what this transaction brings, for the next connection to be compared with."""
        boxes = self._boxes
        tx.execute(update(boxes).where(boxes.c.box == box).values(token=token, sent_at=func.now()))

    def sheets(self, tx: Connection, box: str, after: str, limit: int) -> dict[str, str]:
        """The next sheets of this box that are not withdrawn, with the day (UTC) on which they were read."""
        rows = self.rows
        day = func.to_char(func.timezone("UTC", rows.c.read_at), "YYYY-MM-DD")
        query = select(rows.c.sheet_id, day).where(
            rows.c.box == box, rows.c.sheet_id > after, rows.c.withdrawn_at.is_(None)
        )
        return {row[0]: row[1] for row in tx.execute(query.order_by(rows.c.sheet_id).limit(limit))}

    def withdraw(self, tx: Connection, box: str, sheet_ids: Sequence[str]) -> None:
        """Mark rows as known no more."""
        rows = self.rows
        tx.execute(
            update(rows)
            .where(rows.c.box == box, rows.c.sheet_id.in_(sheet_ids))
            .values(withdrawn_at=func.now(), changed_at=func.now())
        )

    def counts(self, tx: Connection, box: str) -> tuple[int, int, datetime | None]:
        """The rows of this box, how many of them are withdrawn, and when one was changed last."""
        rows = self.rows
        query = select(func.count(), func.count(rows.c.withdrawn_at), func.max(rows.c.changed_at))
        all_rows, withdrawn, changed_at = tx.execute(query.where(rows.c.box == box)).one()
        return all_rows, withdrawn, changed_at

    def _make_upsert(self) -> Insert:
        """Leaves alone what is the same already: what is sent again is not written again."""
        brought = insert(self.rows).values(changed_at=func.now())
        new = brought.excluded
        content = [name for name in self.rows.columns.keys() if name not in {"box", "sheet_id", "changed_at"}]  # noqa: SIM118 - no dict
        return brought.on_conflict_do_update(
            index_elements=[self.rows.c.box, self.rows.c.sheet_id],
            set_={**{name: new[name] for name in content}, "changed_at": func.now()},
            where=or_(*(self.rows.c[name].is_distinct_from(new[name]) for name in content)),
        )


def _parameters(box: str, row: TableRow) -> dict[str, Any]:
    """As PostgreSQL takes it: no text there holds a zero byte, or half of a character."""
    return {
        "box": box,
        "sheet_id": row.sheet_id,
        "page": row.page,
        "template": row.template,
        "template_revision": row.template_revision,
        "read_at": row.read_at,
        "status": row.status,
        "source": plain_text(row.source),
        "values": {field: plain_text(value) for field, value in row.values.items()},
        "confidence": row.confidence,
        "model": plain_text(row.model),
        "program": plain_text(row.program),
        "csv": row.csv,
        "withdrawn_at": None,
    }
