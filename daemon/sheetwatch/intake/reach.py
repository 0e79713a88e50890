"""Whether folders on other machines answer. A call into a share whose cable was pulled may hang for minutes."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake.mounts import mount_by_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PATIENCE_S = 5.0
_asking: dict[Path, threading.Thread] = {}


def require(folders: Iterable[tuple[str, Path]]) -> None:
    """Raise EnvironmentFault when one of these folders, each with its name in sheetwatch.yaml, does not answer."""
    for name, folder in folders:
        if not answers(folder):
            raise EnvironmentFault(f"{name}: {folder} does not answer; check its network and its server")


def answers(folder: Path) -> bool:
    """Whether a folder can be asked for anything now; a local one always can.

    A thread asks, which may hang as long as it likes: one for each folder, and no other one before it is back. It is
    waited for once.
    """
    if mount_by_name(folder).tells_events:
        return True
    thread = _asking.get(folder)
    if thread is None or not thread.is_alive():
        thread = _asking[folder] = threading.Thread(target=_ask, args=(folder,), daemon=True)
        thread.start()
        thread.join(_PATIENCE_S)
    return not thread.is_alive()


def _ask(folder: Path) -> None:
    """An error is an answer, too: whoever works there meets it."""
    with contextlib.suppress(OSError):
        os.statvfs(folder)
