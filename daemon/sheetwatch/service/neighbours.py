"""Other daemons on this machine that work in a folder of ours, or above or below one, whatever their state folder.

Each daemon binds an abstract socket for every folder it works in and for every folder above those. They are named by
inode, so that links and bind mounts do not hide them: no file in a share, nothing left behind by a kill, nothing that
keeps a share from being unmounted. Daemons in another network namespace or on another machine are not seen.
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake.folders import named_folders
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sheetwatch.domain import Settings

_LONGEST_NAME_BYTES = 107  # unix(7): sun_path
_PREFIX = "@sheetwatch "
_IN, _ABOVE = "in", "above"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """That a daemon works in a folder (`how` is "in"), or in one below it ("above").

    `state`: its state folder's inode; `folder`: the one it works in, the end of its name where that is long.
    """

    how: str
    inode: str
    state: str
    process: str
    folder: str

    @property
    def socket_name(self) -> bytes:
        """As an abstract socket address."""
        name = f"\0sheetwatch {self.how} {self.inode} {self.state} {self.process} ".encode()
        folder, room = self.folder.encode(), _LONGEST_NAME_BYTES - len(name)
        return name + (folder if len(folder) <= room else b"..." + folder[3 - room :])

    def disturbs(self, ours: _Claim) -> bool:
        """Whether the two folders are one, or one lies inside the other. Two may lie side by side."""
        return self.inode == ours.inode and _IN in {self.how, ours.how}


def check(settings: Settings) -> None:
    """Raise EnvironmentFault when a daemon with another state folder works in our folders."""
    if found := conflict(settings):
        raise EnvironmentFault(found)


@contextlib.contextmanager
def kept_out(settings: Settings) -> Iterator[None]:
    """Keep other daemons out of our folders, which are there. Raises EnvironmentFault when another one is too."""
    ours = _claims(settings)
    with contextlib.ExitStack() as stack:
        for claim in ours:
            holder = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC))
            with contextlib.suppress(OSError):
                holder.bind(claim.socket_name)
        # Bound first, looked second: of two that start at once, at least one sees the other.
        me = str(os.getpid())
        if found := _conflict(ours, [claim for claim in _bound_now() if claim.process != me]):
            raise EnvironmentFault(found)
        yield


def conflict(settings: Settings) -> str | None:
    """Which other daemon works in our folders now, in words; our own may be running."""
    state = _inode(settings.state)
    return _conflict(_claims(settings), [claim for claim in _bound_now() if claim.state != state])


def _conflict(ours: list[_Claim], theirs: Iterable[_Claim]) -> str | None:
    for other in theirs:
        for claim in ours:
            if other.disturbs(claim):
                return (
                    f"{claim.folder}: another Sheetwatch (process {other.process}) works in {other.folder}; "
                    "give each its own folders, none inside another's"
                )
    return None


def _claims(settings: Settings) -> list[_Claim]:
    """One for each folder that is there, and one for each folder above any."""
    claims: dict[tuple[str, str], _Claim] = {}
    state, process = _inode(settings.state), str(os.getpid())
    for _, folder in named_folders(settings):
        real = folder.resolve()
        for place in (real, *real.parents):
            if inode := _inode(place):
                how = _IN if place == real else _ABOVE
                claim = _Claim(how=how, inode=inode, state=state, process=process, folder=plain_text(str(folder)))
                claims.setdefault((how, inode), claim)
    return list(claims.values())


def _inode(folder: Path) -> str:
    try:
        status = os.stat(folder)  # noqa: PTH116 - one system call, two numbers
    except OSError:
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def _bound_now() -> Iterator[_Claim]:
    """What the daemons of this machine have bound (proc(5): /proc/net/unix)."""
    for line in Path("/proc/self/net/unix").read_text("utf-8", "replace").splitlines():
        words = line.partition(_PREFIX)[2].split(" ", 4)
        if len(words) == 5:
            how, inode, state, process, folder = words
            yield _Claim(how=how, inode=inode, state=state, process=process, folder=folder)
