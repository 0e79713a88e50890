"""How much of a fault suite runs: a fast selection, or with SHEETWATCH_FAULTS=full everything."""

from __future__ import annotations

import os


def amount(fast: int, full: int) -> int:
    """How many cases to run."""
    return full if os.environ.get("SHEETWATCH_FAULTS") == "full" else fast
