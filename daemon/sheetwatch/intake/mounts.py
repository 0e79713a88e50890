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
    """A mounted file system."""

    point: Path
    kind: str

    @property
    def tells_events(self) -> bool:
        """Whether inotify sees everything that is written there."""
        return self.kind not in _SILENT and not self.kind.startswith("fuse")


def mount_of(folder: Path, table: str | None = None) -> Mount:
    """The mount on which a folder lies. `table`: what /proc/self/mountinfo says, read now when None."""
    real = folder.resolve()  # first: on its way it may have something mounted
    text = table if table is not None else Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    best = Mount(point=Path("/"), kind="unknown")
    for mount in _parse(text):
        # A later line covers an earlier one on the same point.
        if real.is_relative_to(mount.point) and len(mount.point.parts) >= len(best.point.parts):
            best = mount
    return best


def _parse(text: str) -> list[Mount]:
    mounts = []
    for line in text.split("\n"):
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) > 4 and right:
            mounts.append(Mount(point=Path(_unescape(fields[4])), kind=right.split(" ")[0]))
    return mounts


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
