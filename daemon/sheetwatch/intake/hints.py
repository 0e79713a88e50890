"""Events of the file system, as hints to look sooner: inotify(7), heard by whoever polls its descriptor.

No thread and no handler stands between the kernel and the loop, so nothing can die here while the loop lives. Every
look watches the folders that it walks through, before it lists them: a folder that is new, was replaced or mounted
again is heard from then on. That a watched folder went away, or that events were lost, is itself an event.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import TYPE_CHECKING, Literal

from sheetwatch.intake.mounts import mount_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# From linux/inotify.h. What a look itself causes is left out: opening, reading, and files that leave.
_CLOSE_WRITE, _ATTRIB, _MOVED_TO, _CREATE = 0x8, 0x4, 0x80, 0x100
_DELETE_SELF, _MOVE_SELF, _LOST, _ONLY_FOLDERS = 0x400, 0x800, 0x4000, 0x1000000
_NEWS = _CLOSE_WRITE | _ATTRIB | _MOVED_TO | _CREATE | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_READ_BYTES = 1 << 16
# Too many watches or instances, or no memory for one more; any other refusal is the folder's, and the look says it.
_EXHAUSTED = {errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_libc = ctypes.CDLL(None, use_errno=True)


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
        """Whether looking often is the only way, because the file systems tell nothing. Raises OSError."""
        if self._mode == "auto":
            return not all(mount_of(folder).tells_events for folder in self._folders)
        return self._mode == "poll"

    @property
    def descriptor(self) -> int | None:
        """What can be read when something happened; None while nothing is listened to."""
        return self._descriptor if self._descriptor >= 0 else None

    def watch(self, folder: Path) -> bool:
        """Listen to a folder from now on, if not yet. False when the system has no watch left for it."""
        if self._descriptor < 0:
            self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        refused = self._descriptor < 0 or _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _NEWS) < 0
        return not (refused and ctypes.get_errno() in _EXHAUSTED)

    def hear(self) -> bool:
        """Take in what happened. False when events were lost; then it was perhaps more."""
        complete = True
        try:
            while self._descriptor >= 0:
                for watch, mask in _events(os.read(self._descriptor, _READ_BYTES)):
                    complete = complete and not mask & _LOST
                    if mask & _MOVE_SELF:  # perhaps out of the inbox; if not, the next look watches it again
                        _libc.inotify_rm_watch(self._descriptor, watch)
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


def _events(data: bytes) -> Iterator[tuple[int, int]]:
    """Watch and mask of every event."""
    place = 0
    while place < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, place)
        yield watch, mask
        place += _HEAD.size + length
