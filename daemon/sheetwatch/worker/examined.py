"""A page that was read, with its pictures still in memory: written where the scan lies, not where it was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sheetwatch.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sheetwatch.worker import PageOutcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """What a page says, and the files that the outcome names: their names and their bytes."""

    outcome: PageOutcome
    files: Mapping[str, bytes] = field(default_factory=dict)

    def put_beside(self, scan_file: Path) -> PageOutcome:
        """Write the files beside the scan; durable: the ledger will name them. Raises OSError."""
        for name, data in self.files.items():
            write_atomically(scan_file.with_name(name), data)
        return self.outcome
