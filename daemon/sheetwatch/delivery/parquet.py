"""Parquet files: written whole or not at all, in row groups, so that memory does not grow with the rows."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sheetwatch.domain import UsageError
from sheetwatch.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def require_pyarrow() -> None:
    """Raise UsageError where the package is not installed."""
    if find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow; install: pip install 'sheetwatch[cluster]'")


def write_parquet(path: Path, schema: Any, tables: Iterable[Any]) -> int:
    """Write tables (pyarrow.Table) of one schema, a row group each. Returns the file's size in bytes.

    Afterwards the file is on the disk; before, nothing lies under its name. Raises OSError, DurabilityError.
    """
    import pyarrow as pa  # noqa: PLC0415 - costs 200 ms and 60 MB, and few need it
    from pyarrow import parquet  # noqa: PLC0415 - as above

    memory = pa.system_memory_pool()  # others keep what was freed
    with pa.BufferOutputStream(memory_pool=memory) as sink:
        with parquet.ParquetWriter(sink, schema, compression="zstd", memory_pool=memory) as writer:
            for table in tables:
                writer.write_table(table)
        data = sink.getvalue()
    write_atomically(path, data.to_pybytes())
    return int(data.size)
