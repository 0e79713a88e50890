"""What the parts of the benchmark share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bench.clock import Clock
    from sheetwatch.pipeline import CellReader


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """How to measure. `folder`: for the sheets drawn; `sheets`: how many the daemon gets, `daemon_rounds` times."""

    folder: Path
    reader: CellReader
    clock: Clock
    rounds: int
    sheets: int = 60
    daemon_rounds: int = 3
    idle_s: float = 60
