"""Which file system a folder lies on, from /proc/self/mountinfo (proc(5))."""

from __future__ import annotations

import os
import re
import select
import threading
from dataclasses import dataclass
from pathlib import Path

# On these the kernel tells nothing of what other machines write; under an autofs it may become any of them.
_SILENT = {
    "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "gfs2", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
    "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
}  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")
_TABLE = "/proc/self/mountinfo"
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A mounted file system, or the folder `root` of one, as a bind mount shows it."""

    point: Path
    kind: str
    device: str = ""
    root: Path = Path("/")

    @property
    def tells_events(self) -> bool:
        """Whether inotify sees everything that is written there."""
        return self.kind not in _SILENT and not self.kind.startswith("fuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a folder lies on its file system, whatever names it has."""

    device: str
    path: Path

    def is_within(self, other: Place) -> bool:
        """Whether this is the other place, or lies below it."""
        return self.device == other.device and self.path.is_relative_to(other.path)


def mount_of(folder: Path, table: str | None = None) -> Mount:
    """The mount on which a folder lies. `table`: what /proc/self/mountinfo says; None: what it says now."""
    real = folder.resolve()  # first: on its way it may have something mounted
    return mount_by_name(real, table)


def mount_by_name(folder: Path, table: str | None = None) -> Mount:
    """The mount on which an absolute path lies that leads through no link. The folder itself is not touched."""
    best, parts = Mount(point=Path("/"), kind="unknown"), folder.parts
    for mount in _parse(table):
        point = mount.point.parts
        # A later line covers an earlier one on the same point.
        if parts[: len(point)] == point and len(point) >= len(best.point.parts):
            best = mount
    return best


def places_of(folder: Path, table: str | None = None) -> list[Place]:
    """Where a folder lies, and then what is mounted below it: all that a look into it finds."""
    real, mount = folder.resolve(), mount_of(folder, table)
    below = [other for other in _parse(table) if other.point != mount.point and other.point.is_relative_to(real)]
    own = Place(device=mount.device, path=mount.root / real.relative_to(mount.point))
    return [own, *(Place(device=other.device, path=other.root) for other in below)]


def _parse(table: str | None) -> tuple[Mount, ...]:
    return _kernel.mounts() if table is None else _mounts_in(table)


def _mounts_in(table: str) -> tuple[Mount, ...]:
    mounts = []
    for line in table.split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:
            root, point = Path(_unescape(fields[3])), Path(_unescape(fields[4]))
            mounts.append(Mount(point=point, kind=right.split(" ")[0], device=fields[2], root=root))
    return tuple(mounts)


class _KernelTable:
    """The mounts of now, read again only when the kernel says that they changed: proc(5), on polling mountinfo.

    Every stage asks for them before it writes, several times for each sheet.
    """

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._descriptor = -1
        self._mounts: tuple[Mount, ...] = ()

    def mounts(self) -> tuple[Mount, ...]:
        """As the table says. Raises OSError."""
        with self._one_at_a_time:
            if self._descriptor < 0:
                self._descriptor = os.open(_TABLE, os.O_RDONLY | os.O_CLOEXEC)
                self._mounts = ()
            if not self._mounts or self._has_changed():
                self._mounts = ()  # a table that cannot be read now is read the next time
                self._mounts = _mounts_in(self._read())
            return self._mounts

    def _has_changed(self) -> bool:
        """Whether the kernel has told of a change since it was asked last: before the table is read, not after."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLPRI)
        return bool(poll.poll(0))

    def _read(self) -> str:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        blocks = iter(lambda: os.read(self._descriptor, _READ_BYTES), b"")
        return b"".join(blocks).decode("utf-8", "surrogateescape")


_kernel = _KernelTable()


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
