"""Which file system a folder lies on, from /proc/self/mountinfo (proc(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# On these the kernel tells nothing of what other machines write; under an autofs it may become any of them.
_SILENT = {
    "9p", "afs", "autofs", "beegfs", "ceph", "cifs", "coda", "gfs2", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
    "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
}  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")


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
    """The mount on which a folder lies. `table`: what /proc/self/mountinfo says, read now when None."""
    real = folder.resolve()  # first: on its way it may have something mounted
    return mount_by_name(real, table)


def mount_by_name(folder: Path, table: str | None = None) -> Mount:
    """The mount on which an absolute path lies that leads through no link. The folder itself is not touched."""
    best = Mount(point=Path("/"), kind="unknown")
    for mount in _parse(table):
        # A later line covers an earlier one on the same point.
        if folder.is_relative_to(mount.point) and len(mount.point.parts) >= len(best.point.parts):
            best = mount
    return best


def places_of(folder: Path, table: str | None = None) -> list[Place]:
    """Where a folder lies, and then what is mounted below it: all that a look into it finds."""
    real, mount = folder.resolve(), mount_of(folder, table)
    below = [other for other in _parse(table) if other.point != mount.point and other.point.is_relative_to(real)]
    own = Place(device=mount.device, path=mount.root / real.relative_to(mount.point))
    return [own, *(Place(device=other.device, path=other.root) for other in below)]


def _parse(table: str | None) -> list[Mount]:
    text = table if table is not None else Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    mounts = []
    for line in text.split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:
            root, point = Path(_unescape(fields[3])), Path(_unescape(fields[4]))
            mounts.append(Mount(point=point, kind=right.split(" ")[0], device=fields[2], root=root))
    return mounts


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
