"""Sheetwatch: watches a scan folder and turns handwritten numbers on known forms into rows of a CSV.

The names below are loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sheetwatch.domain import Field, PageReading, Reading, Template
    from sheetwatch.pipeline import read_file, read_page
    from sheetwatch.reader import load_reader
    from sheetwatch.spotting import spot
    from sheetwatch.templates import load_template

__version__ = "0.1.0"
__all__ = [
    "Field",
    "PageReading",
    "Reading",
    "Template",
    "load_reader",
    "load_template",
    "read_file",
    "read_page",
    "spot",
]

_HOMES = {
    "Field": "sheetwatch.domain",
    "PageReading": "sheetwatch.domain",
    "Reading": "sheetwatch.domain",
    "Template": "sheetwatch.domain",
    "load_reader": "sheetwatch.reader",
    "load_template": "sheetwatch.templates",
    "read_file": "sheetwatch.pipeline",
    "read_page": "sheetwatch.pipeline",
    "spot": "sheetwatch.spotting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
