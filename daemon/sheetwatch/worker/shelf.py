"""Scans that a worker of a cluster holds: in memory, as files that only its own child processes can open.

Nothing lies on a disk, and nothing is left behind by a killed worker: the files have no names (memfd_create(2)).
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.files import write_all

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotHeldError(LookupError):
    """A scan is not on the shelf, or no longer."""


@dataclass(slots=True)
class _Held:
    descriptor: int
    size_bytes: int
    users: int = 0


class Shelf:
    """Holds scans by name, the longest unused ones only as long as all together stay below `most_bytes`.

    Any thread may use it. A scan that is being read stays, however large it is.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def put(self, name: str, data: bytes) -> None:
        """Hold a scan. Raises OSError when there is no memory for it."""
        with self._lock:
            if name not in self._held:
                self._held[name] = _Held(_in_memory(data), len(data))
            self._make_room()

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """A path by which child processes can read a scan. Raises NotHeldError."""
        with self._lock:
            if name not in self._held:
                raise NotHeldError(name)
            held = self._held[name] = self._held.pop(name)  # the last is the one used last
            held.users += 1
        try:
            yield _path(held.descriptor)
        finally:
            with self._lock:
                held.users -= 1
                self._make_room()

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            held, self._held = self._held, {}
            for one in held.values():
                os.close(one.descriptor)

    def _make_room(self) -> None:
        """Let go of what was asked for longest ago; what came last is about to be read."""
        total_bytes = sum(held.size_bytes for held in self._held.values())
        for name, held in list(self._held.items())[:-1]:
            if total_bytes > self._most_bytes and not held.users:
                total_bytes -= held.size_bytes
                os.close(self._held.pop(name).descriptor)


@contextlib.contextmanager
def passing(data: bytes) -> Iterator[Path]:
    """A path by which child processes can read a scan that nobody will ask for again. Raises OSError."""
    descriptor = _in_memory(data)
    try:
        yield _path(descriptor)
    finally:
        os.close(descriptor)


def _in_memory(data: bytes) -> int:
    """The descriptor of a file without a name. Raises OSError."""
    descriptor = os.memfd_create("sheetwatch-scan", os.MFD_CLOEXEC)
    try:
        write_all(descriptor, data)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _path(descriptor: int) -> Path:
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")
