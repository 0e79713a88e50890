"""Wake the loop from another thread, from a signal handler, or when the file system tells something."""

from __future__ import annotations

import contextlib
import os
import select
from typing import Self


class Wake:
    """An eventfd: setting it is safe in a signal handler, where `threading.Event` may lock up."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def set(self) -> None:
        """Wake the loop, or keep it from going to sleep."""
        if self._descriptor >= 0:
            os.eventfd_write(self._descriptor, 1)

    def forget(self) -> None:
        """What it was set for was dealt with."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._descriptor)

    def wait(self, timeout_s: float, other: int | None = None) -> bool:
        """Sleep until somebody sets it, or `other` can be read; at most so long. Returns whether `other` can."""
        poll = select.poll()
        for descriptor in (self._descriptor, *([] if other is None else [other])):
            poll.register(descriptor, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(max(0, timeout_s * 1000))]
        if self._descriptor in ready:
            os.eventfd_read(self._descriptor)
        return other in ready

    def close(self) -> None:
        """Give the descriptor back; setting does nothing from now on."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
