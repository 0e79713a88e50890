"""Events of the file system, as hints to look sooner: inotify(7), heard by whoever polls its descriptor.

Of watchdog only its bindings to the kernel are taken, not its observers: their threads can die or go deaf and look
healthy (an exception in a handler, a folder unmounted and mounted again, subfolders without a watch). Here no thread
and no handler stands between the kernel and the loop, so nothing can die while the loop lives. Every look watches the
folders that it walks through, before it lists them: a folder that is new, was replaced or mounted again is heard from
then on. That a watched folder went away, or that events were lost, is itself an event.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING, Literal

from watchdog.observers.inotify_c import InotifyConstants, inotify_add_watch, inotify_init, inotify_rm_watch

from sheetwatch.intake import reach
from sheetwatch.intake.mounts import mount_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from watchdog.observers.inotify_c import WatchDescriptor

# What a look itself causes is left out: opening, reading, and files that leave.
_NEWS = (
    InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ_BYTES = 1 << 16
# Too many watches or instances, or no memory for one more; any other refusal is the folder's, and the look says it.
_EXHAUSTED = {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


class Hints:
    """Hears what happens in the folders that are watched; silent where polling is the only way.

    `folders`: the roots, whose mounts decide in mode `auto`.
    """

    def __init__(self, folders: Sequence[Path], mode: Literal["auto", "events", "poll"]) -> None:
        self._folders = folders
        self._mode = mode
        self._descriptor = -1

    @property
    def polls(self) -> bool:
        """Whether looking often is the only way, because the file systems tell nothing.

        Raises OSError, EnvironmentFault when a share does not answer.
        """
        if self._mode == "auto":
            reach.require(("a watched folder", folder) for folder in self._folders)
            return not all(mount_of(folder).tells_events for folder in self._folders)
        return self._mode == "poll"

    @property
    def descriptor(self) -> int | None:
        """What can be read when something happened; None while nothing is listened to."""
        return self._descriptor if self._descriptor >= 0 else None

    def watch(self, folder: Path) -> bool:
        """Listen to a folder from now on, if not yet. False when the system has no watch left for it."""
        if self._descriptor < 0:
            self._descriptor = _listener()
        refused = self._descriptor < 0 or inotify_add_watch(self._descriptor, os.fsencode(folder), _NEWS) < 0
        return not (refused and ctypes.get_errno() in _EXHAUSTED)

    def hear(self) -> bool:
        """Take in what happened. False when events were lost; then it was perhaps more."""
        complete = True
        try:
            while self._descriptor >= 0:
                for watch, mask in _events(os.read(self._descriptor, _READ_BYTES)):
                    complete = complete and not mask & InotifyConstants.IN_Q_OVERFLOW
                    if mask & InotifyConstants.IN_MOVE_SELF:  # perhaps out of the inbox; else it is watched again
                        inotify_rm_watch(self._descriptor, watch)
        except BlockingIOError:
            return complete
        except OSError:  # the next look listens afresh
            self.stop()
            return False
        return complete

    def stop(self) -> None:
        """Listen no more."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _listener() -> int:
    """A descriptor that never blocks; below 0 where there is none left."""
    descriptor = inotify_init()
    if descriptor >= 0:
        os.set_blocking(descriptor, False)
    return descriptor


def _events(data: bytes) -> Iterator[tuple[WatchDescriptor, int]]:
    """Watch and mask of every event."""
    place = 0
    while place < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, place)
        yield watch, mask
        place += _HEAD.size + length
