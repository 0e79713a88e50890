"""One daemon per state folder, and only the holder of the lock writes into the folders."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sheetwatch.domain import EnvironmentFault
from sheetwatch.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
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


@contextlib.contextmanager
def folders_held(folders: Iterable[Path]) -> Iterator[None]:
    """Keep daemons with another state folder out of these folders. Raises EnvironmentFault when one is there.

    An abstract socket per folder, named by its inode: no file in a share, nothing left behind by a kill, nothing that
    keeps a share from being unmounted. It does not see daemons in another network namespace or on another machine.
    """
    with contextlib.ExitStack() as stack:
        for folder in folders:
            status = folder.stat()
            holder = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
            try:
                holder.bind(f"\0sheetwatch-{status.st_dev}-{status.st_ino}")
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    continue
                raise EnvironmentFault(
                    f"{folder}: another Sheetwatch, with another state folder, works here; give each its own folders"
                ) from None
        yield


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
