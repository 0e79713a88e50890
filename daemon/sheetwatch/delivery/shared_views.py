"""A view for each template, with a column for each field: marks as numbers, digits as text, nothing as NULL.

Several boxes may hold several revisions of a template, so a view only ever gains columns: those that its readers use
stay, with their types and rights.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import Numeric, Text, case, cast, func, inspect, literal, select

from sheetwatch.domain import FieldKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.sql.elements import Label

    from sheetwatch.delivery.shared_table import SharedTable
    from sheetwatch.domain import Field

_FIXED = ("box", "sheet_id", "read_at", "source", "page", "status", "confidence", "changed_at")
_OUR_TABLES = frozenset({"rows", "boxes", "version"})
_LONGEST_NAME = 63  # PostgreSQL's own limit
_A_NUMBER = r"^[0-9]+(\.[0-9]+)?$"


def view_name(template: str) -> str:
    """The view of a template: exam-1 is shown by sheetwatch_exam_1."""
    name = f"sheetwatch_{template.replace('-', '_')}"
    if len(name) <= _LONGEST_NAME and template not in _OUR_TABLES:
        return name
    return f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def make_views(tx: Connection, table: SharedTable, fields_by_template: Mapping[str, Iterable[Field]]) -> list[str]:
    """Make the views, and give them the columns that they lack. Returns what could not be done, in words.

    Raises DatabaseFault, as when this role may not.
    """
    return [
        trouble for template, fields in fields_by_template.items() for trouble in _make(tx, table, template, fields)
    ]


def _make(tx: Connection, table: SharedTable, template: str, fields: Iterable[Field]) -> list[str]:
    name = view_name(template)
    wanted = _wanted(fields)
    found = _columns(tx, table.schema, name)
    if missing := {column: is_text for column, is_text in wanted.items() if column not in found}:
        _replace(tx, table, template, {**found, **missing})
    return [
        f"the view {table.schema}.{name} shows {column} as a number, which drops leading zeros; drop the view, and it "
        "is made anew"
        for column, is_text in wanted.items()
        if is_text and not found.get(column, True)
    ]


def _wanted(fields: Iterable[Field]) -> dict[str, bool]:
    """The columns, and whether each is text: one that any revision took for digits is."""
    wanted: dict[str, bool] = {}
    for field in fields:
        column = _column(field.name)
        wanted[column] = wanted.get(column, False) or field.kind is FieldKind.DIGITS
    return wanted


def _column(field: str) -> str:
    return f"{field} (field)" if field in _FIXED else field


def _columns(tx: Connection, schema: str, name: str) -> dict[str, bool]:
    """The columns of fields that a view has, in order, and whether each is text."""
    looking = inspect(tx)
    if name not in looking.get_view_names(schema=schema):
        return {}
    columns = looking.get_columns(name, schema=schema)
    return {one["name"]: isinstance(one["type"], Text) for one in columns if one["name"] not in _FIXED}


def _replace(tx: Connection, table: SharedTable, template: str, columns: Mapping[str, bool]) -> None:
    rows = table.rows.c
    shown = [_shown(rows["values"], column, is_text=is_text) for column, is_text in columns.items()]
    query = select(*(rows[name] for name in _FIXED), *shown)
    query = query.where(rows.template == literal(template), rows.withdrawn_at.is_(None))
    quoted = tx.dialect.identifier_preparer
    place = f"{quoted.quote_identifier(table.schema)}.{quoted.quote_identifier(view_name(template))}"
    meaning = query.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
    tx.exec_driver_sql(f"CREATE OR REPLACE VIEW {place} AS {meaning}")


def _shown(values: ColumnElement[object], column: str, *, is_text: bool) -> Label[Any]:
    value = func.nullif(func.jsonb_extract_path_text(values, literal(column.removesuffix(" (field)"))), literal(""))
    number = case((value.op("~")(literal(_A_NUMBER)), cast(value, Numeric)))
    return (cast(value, Text) if is_text else number).label(column)
