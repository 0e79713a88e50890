"""The folders of a running daemon: apart from each other, there, and still the same ones."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, EnvironmentFault
from sheetwatch.files import make_folder
from sheetwatch.intake import reach
from sheetwatch.intake.mounts import mount_of, places_of

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Settings


def check_folders(settings: Settings) -> None:
    """Raise ConfigError when two folders are the same, or one lies inside another: scans would be read in circles."""
    folders = named_folders(settings)
    for index, (name, folder) in enumerate(folders):
        for other_name, other in folders[index + 1 :]:
            if overlap(folder, other):
                raise ConfigError(
                    f"{name} ({folder}) and {other_name} ({other}) overlap; "
                    "give each a folder of its own, none inside another"
                )
    for name, inbox in folders[: len(settings.inbox)]:
        for templates in settings.templates:
            if overlap(inbox, templates):
                raise ConfigError(
                    f"{name} ({inbox}) and templates ({templates}) overlap, so templates would be taken for scans; "
                    "give each a folder of its own, none inside another"
                )


def named_folders(settings: Settings) -> list[tuple[str, Path]]:
    """Every folder that the daemon writes into, with its name in sheetwatch.yaml."""
    return [
        *(("inbox", inbox) for inbox in settings.inbox),
        ("results", settings.results),
        ("archive", settings.archive),
        ("review", settings.review),
        ("state", settings.state),
    ]


def overlap(one: Path, other: Path) -> bool:
    """Whether one is the other or lies inside it: by name, through links, or through what is mounted where."""
    real, other_real = one.resolve(), other.resolve()
    if real.is_relative_to(other_real) or other_real.is_relative_to(real):
        return True
    others = places_of(other)
    return any(place.is_within(there) or there.is_within(place) for place in places_of(one) for there in others)


def make_folders(settings: Settings) -> None:
    """Make the folders that are missing. Raises EnvironmentFault when one cannot be made."""
    for name, folder in named_folders(settings):
        try:
            make_folder(folder)
        except OSError as error:
            raise EnvironmentFault(
                f"{name}: {folder} cannot be made ({error.strerror}); make it, or correct its parent's rights"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A folder as it was at the start, to notice when a share is no longer mounted under its name."""

    name: str
    folder: Path
    mounted_at: Path

    @classmethod
    def of(cls, name: str, folder: Path) -> Root:
        """The folder as it is now."""
        return cls(name=name, folder=folder, mounted_at=mount_of(folder).point)

    def check(self) -> None:
        """Raise EnvironmentFault unless the folder is there, on the mount where it was, and can be written."""
        reach.require([(self.name, self.folder)])
        if not self.folder.is_dir():
            raise EnvironmentFault(f"{self.name}: {self.folder} is not there; mount it or make it again")
        point = mount_of(self.folder).point
        if point != self.mounted_at and point.is_relative_to(self.mounted_at):
            raise EnvironmentFault(
                f"{self.name}: another file system is mounted at {point} since the start; restart Sheetwatch to "
                "use it, or unmount it"
            )
        if point != self.mounted_at:
            raise EnvironmentFault(f"{self.name}: {self.mounted_at} is not mounted; mount it again")
        if is_read_only(self.folder):
            raise EnvironmentFault(f"{self.name}: {self.folder} is read-only; mount it for writing")
        if not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise EnvironmentFault(f"{self.name}: {self.folder} cannot be written; correct its rights or its mount")


def is_read_only(folder: Path) -> bool:
    """Whether a folder lies on a file system that nobody can write to. Raises OSError."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def is_full(folder: Path) -> bool:
    """Whether a folder lies on a file system without a free block. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_blocks > 0 and status.f_bavail == 0
