"""Who still has a scan open for writing, as far as the kernel tells: leases, fcntl(2).

A scanner may keep its file open between pages for longer than any file needs to settle. A lease for reading is refused
while a file is open for writing anywhere on this machine, a file server's included. It is asked for and given back at
once. The kernel grants leases only on one's own files (or with CAP_LEASE), and network file systems refuse them for
reasons of their own: there, settling has to do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from typing import TYPE_CHECKING

from sheetwatch.intake.mounts import mount_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sheetwatch.intake.listing import Seen


class Writers:
    """Which settled files are held open, and since when; `patience_s`: after so long it no longer counts."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since_s: dict[Seen, float] = {}

    def hold(self, seen: Seen, *, now_s: float) -> bool:
        """Whether to wait, because somebody may go on writing."""
        if not is_open_for_writing(seen.path):
            self._since_s.pop(seen, None)
            return False
        return now_s - self._since_s.setdefault(seen, now_s) < self._patience_s

    def is_new(self, seen: Seen) -> bool:
        """Whether nobody was known to hold the file open yet."""
        return seen not in self._since_s

    def forget_gone(self, is_current: Callable[[Seen], bool]) -> None:
        """Forget files that have left the inboxes, or were written to since."""
        self._since_s = {seen: since_s for seen, since_s in self._since_s.items() if is_current(seen)}


def is_open_for_writing(path: Path) -> bool:
    """Whether a process has the file open for writing now; False where the kernel cannot tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # whoever opens it next learns why
    try:
        # Somebody may open it while the lease is ours; the signal that says so would end us, were it the default one.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN and mount_of(path.parent).tells_events
    finally:
        os.close(descriptor)
    return False
