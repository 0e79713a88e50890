"""Wake the loop from another thread or from a signal handler."""

from __future__ import annotations

import os
import select
from typing import Self


class Wake:
    """An eventfd: setting it is safe in a signal handler, where `threading.Event` may lock up."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def set(self) -> None:
        """Wake the loop, or keep it from going to sleep."""
        if self._descriptor >= 0:
            os.eventfd_write(self._descriptor, 1)

    def wait(self, timeout_s: float) -> None:
        """Sleep until somebody sets it, at most so long."""
        if self._poll.poll(max(0, timeout_s * 1000)):
            os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back; setting does nothing from now on."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
