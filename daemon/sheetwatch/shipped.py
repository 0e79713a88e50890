"""Where the shipped models and configuration lie: inside the wheel, or in the checkout that this file is part of."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sheetwatch.domain import ConfigError


def shipped_folder(name: Literal["models", "config"]) -> Path:
    """The folder of that name. Raises ConfigError when the installation is damaged."""
    package = Path(__file__).resolve().parent
    for folder in (package / "_shipped" / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise ConfigError(f"the shipped folder {name!r} is missing beside {package}; install Sheetwatch again")
