"""Events of the file system, as hints to look sooner.

watchdog ends its observer thread on any exception in a handler, and stays deaf without a word when a root is
deleted, renamed or unmounted. So the handler does nothing that can fail, and `ensure` builds the observer anew
when a thread died or a root is no longer the folder that was watched.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Literal

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

from sheetwatch.intake.mounts import mount_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# watchdog warns of what the next look mends: lost events, a thread that ends while it reads.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

_JOIN_S = 5.0
# Opening and reading without writing is what the daemon itself does all day.
_WITHOUT_NEWS = {"opened", "closed_no_write"}


class _Handler(FileSystemEventHandler):
    def __init__(self, hint: Callable[[], None]) -> None:
        self._hint = hint

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type not in _WITHOUT_NEWS:
            with contextlib.suppress(Exception):
                self._hint()


class Hints:
    """Calls `hint` from a thread of its own when something happens below a folder; silent in poll mode."""

    def __init__(
        self, folders: Sequence[Path], hint: Callable[[], None], mode: Literal["auto", "events", "poll"]
    ) -> None:
        self._folders = folders
        self._handler = _Handler(hint)
        self._mode = mode
        self._observer: InotifyObserver | None = None
        self._watched: tuple[tuple[int, int] | None, ...] = ()

    @property
    def polls(self) -> bool:
        """Whether looking often is the only way, because the file systems tell nothing."""
        if self._mode == "auto":
            return not all(mount_of(folder).tells_events for folder in self._folders)
        return self._mode == "poll"

    @property
    def alive(self) -> bool:
        """Whether the threads live and the folders are those that are watched."""
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and all(emitter.is_alive() for emitter in observer.emitters)
            and self._watched == self._identities()
        )

    def ensure(self) -> bool:
        """Build the observer where there is none that hears. Returns whether there is one now."""
        if self.polls:
            self.stop()
            return False
        if not self.alive:
            self.stop()
            self._start()
        return self._observer is not None

    def stop(self) -> None:
        """End the threads."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            with contextlib.suppress(RuntimeError):  # its thread never started
                observer.join(_JOIN_S)

    def _start(self) -> None:
        watched = self._identities()
        observer = InotifyObserver()
        try:
            for folder, identity in zip(self._folders, watched, strict=True):
                if identity is not None:
                    observer.schedule(self._handler, str(folder), recursive=True)
            observer.start()
        except (OSError, RuntimeError):  # out of inotify watches: looking every rescan_s must do
            with contextlib.suppress(Exception):
                observer.unschedule_all()
            return
        self._observer, self._watched = observer, watched

    def _identities(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_identity(folder) for folder in self._folders)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116 - one system call, two numbers
    except OSError:
        return None
    return status.st_dev, status.st_ino
