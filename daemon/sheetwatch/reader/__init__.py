"""Cells in, readings out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sheetwatch.reader.reader import Reader, load_reader

__all__ = ["Reader", "load_reader"]


def __getattr__(name: str) -> Any:
    """Loaded on first use: the reader needs OpenCV and the interpreter."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("sheetwatch.reader.reader"), name)
