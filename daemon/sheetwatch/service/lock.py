"""One daemon per state folder, and only the holder of the lock writes into the folders."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sheetwatch.domain import EnvironmentFault
from sheetwatch.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOCK_NAME = "daemon.lock"
# `status` holds the lock for an instant while it looks.
_PATIENCE_S = 1.0


@contextlib.contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold the lock. Raises EnvironmentFault when another process does."""
    make_folder(state)
    lock = FileLock(state / _LOCK_NAME)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise EnvironmentFault(
            f"{state}: another Sheetwatch works in this folder already; stop it first, or give this one a state folder "
            "of its own"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_held(state: Path) -> bool:
    """Whether a daemon works in this state folder now."""
    try:
        descriptor = os.open(state / _LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
