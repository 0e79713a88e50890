"""The badge of this machine: its program and a model. Loads the reader; runs in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.files import file_sha256
from sheetwatch.reader import load_reader
from sheetwatch.reader.reader import SHIPPED
from sheetwatch.shipped import shipped_folder
from sheetwatch.worker.kit import Badge

if TYPE_CHECKING:
    from pathlib import Path


def badge_of(model: Path | None) -> Badge:
    """The badge with this model; None: the shipped one. Raises ConfigError when the model cannot be used."""
    path = model or shipped_folder("models") / f"{SHIPPED}.tflite"
    return Badge(model=load_reader(model).model_id, model_sha256=file_sha256(path.with_suffix(".json")))
