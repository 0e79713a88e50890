"""The columns of the Parquet files: the same for every template at first, then three for each of its fields."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sheetwatch.batch.rows import PageRow, ReasonRow

_ROWS_OF_A_BATCH = 1_000
_BATCHES_OF_A_GROUP = 10
_FIXED = (
    "source",
    "page",
    "verdict",
    "confidence",
    "reasons",
    "sha256",
    "inliers",
    "rms_error_px",
    "worst_field_px",
    "model",
    "program",
    "template_revision",
)


# The folders' names are columns too, to whoever reads them.
_TAKEN = {*_FIXED, "template", "day"}


def schema_of(fields: Sequence[str]) -> Any:
    """The schema (pyarrow.Schema) of a template with these fields; of the pages without a template, with none."""
    import pyarrow as pa  # noqa: PLC0415 - costs 200 ms and 60 MB

    reason = pa.struct([("code", pa.string()), ("field", pa.string()), ("detail", pa.string())])
    kinds = {
        "page": pa.int32(),
        "confidence": pa.float64(),
        "reasons": pa.list_(reason),
        "inliers": pa.int32(),
        "rms_error_px": pa.float64(),
        "worst_field_px": pa.float64(),
    }
    columns = [(name, kinds.get(name, pa.string())) for name in _FIXED]
    for name in fields:
        columns += [
            (value_column(name), pa.string()),
            (f"{name}.state", pa.string()),
            (f"{name}.probability", pa.float64()),
        ]
    return pa.schema(columns)


def value_column(field: str) -> str:
    """The column of a field's value: its name, but where a column of every table has that name already."""
    return f"{field}.value" if field in _TAKEN else field


def tables_of(rows: Iterable[PageRow], schema: Any) -> Iterator[Any]:
    """The rows as tables (pyarrow.Table) of some thousand rows, each to become a row group."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    batches = _batches(rows, schema, pa.system_memory_pool())  # other pools keep what was freed
    while some := list(islice(batches, _BATCHES_OF_A_GROUP)):
        yield pa.Table.from_batches(some, schema)


def _batches(rows: Iterable[PageRow], schema: Any, memory: Any) -> Iterator[Any]:
    """Small ones: as Python values, rows take ten times the memory."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    remaining = iter(rows)
    while some := list(islice(remaining, _ROWS_OF_A_BATCH)):
        columns = zip(_columns(some, len(schema) - len(_FIXED)), schema, strict=True)
        arrays = [pa.array(column, field.type, memory_pool=memory) for column, field in columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _columns(rows: Sequence[PageRow], field_columns: int) -> Iterator[list[Any]]:
    """One column after the other, so that only one of them is there as Python values."""
    for name in _FIXED:
        yield [_fixed(row, name) for row in rows]
    for index in range(field_columns // 3):
        for part in ("value", "state", "probability"):
            yield [getattr(row.fields[index], part) if row.fields else None for row in rows]


def _fixed(row: PageRow, name: str) -> Any:
    if name == "reasons":
        return [_reason(one) for one in row.reasons]
    return getattr(row, name)


def _reason(reason: ReasonRow) -> dict[str, str | None]:
    return {"code": reason.code, "field": reason.field, "detail": reason.detail}
