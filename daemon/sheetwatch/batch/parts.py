"""Parquet files in folders that say what is in them: template=NAME/day=YYYY-MM-DD/part-000001.parquet.

A file is written before the journal records it. One that no record speaks of is a killed process's and is removed when
the batch goes on: its rows still wait in the journal.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.batch import Part
from sheetwatch.batch.rows import unpacked
from sheetwatch.batch.table import schema_of, tables_of
from sheetwatch.delivery.parquet import write_parquet
from sheetwatch.domain import LedgerError, UsageError
from sheetwatch.files import make_folder, remove, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sheetwatch.batch.journal import Journal, Partition

# No template has such a name. Hive's own word for no value, pyarrow refuses where no folder beside it has a value.
_NONE = "_none"
_PART = re.compile(r"part-\d{6,}\.parquet")


class Parts:
    """The Parquet files below a folder. `fields`: the names of each template's fields, in order."""

    def __init__(self, out: Path, journal: Journal, fields: Mapping[str, Sequence[str]]) -> None:
        self._out = out
        self._journal = journal
        self._fields = fields

    def write_largest(self) -> None:
        """Write the partition of which most rows wait. Raises OSError, EnvironmentFault, DurabilityError."""
        partition = self._journal.largest_partition()
        if partition is None:
            return
        number = self._journal.next_part()
        path = _folder(partition) / f"part-{number:06d}.parquet"
        make_folder((self._out / path).parent)
        rows = map(unpacked, self._journal.rows_of(partition))
        schema = schema_of(self._fields.get(partition.template, ()))
        size_bytes = write_parquet(self._out / path, schema, tables_of(rows, schema))
        part = Part(path=path, row_count=partition.waiting, size_bytes=size_bytes)
        self._journal.record_part(number, part, partition)

    def tidy(self) -> None:
        """Remove what a killed process left. Raises LedgerError where a recorded file is missing or is another one."""
        recorded = set()
        for part in self._journal.parts():
            recorded.add(part.path)
            if not _is_there(self._out / part.path, part.size_bytes):
                raise LedgerError(
                    f"{self._out / part.path}: somebody removed or changed this file with {part.row_count} rows; "
                    "put it back, or begin in another folder (--out)"
                )
        for folder in _folders(self._out):
            sweep(folder)
            remove(*(path for path in _parts_in(folder) if path.relative_to(self._out) not in recorded))


def refuse_tables_without_journal(out: Path, journal: Path) -> None:
    """Raise UsageError where Parquet files lie in a folder that no journal speaks of: they are somebody else's."""
    if not journal.exists() and any(_parts_in(folder) for folder in _folders(out)):
        raise UsageError(
            f"{out}: there are tables here already, and no journal of them; choose an empty folder (--out)"
        )


def _folder(partition: Partition) -> Path:
    return Path(f"template={partition.template or _NONE}") / f"day={partition.day or _NONE}"


def _folders(out: Path) -> Iterator[Path]:
    return out.glob("template=*/day=*/")


def _parts_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _PART.fullmatch(path.name)]


def _is_there(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False
