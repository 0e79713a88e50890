"""Where scans come from: files, folders, patterns, lists, and addresses of other file systems."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sheetwatch.batch.buckets import BucketSource, found_object
from sheetwatch.batch.folders import FolderSource, found_at
from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sheetwatch.batch import Found


class Source(Protocol):
    """Scans, in an order that stays the same; listed lazily, as often as asked for."""

    @property
    def address(self) -> str:
        """What was asked for."""

    @property
    def left_alone(self) -> int:
        """How many things the last listing has met that are no scans."""

    def check(self) -> None:
        """Raise OSError or EnvironmentFault unless there is something and it can be reached."""

    def covers(self, address: str) -> bool:
        """Whether a scan lies below this source, so that `check` says whether it could be reached."""

    def scans(self) -> Iterator[Found]:
        """Every scan, from the first. Raises OSError, EnvironmentFault."""


class ListSource:
    """The scans named in a text file, one path or address a line; empty lines and those that begin with # count not."""

    left_alone = 0

    def __init__(self, file: Path) -> None:
        self._file = file
        self.address = f"@{file}"

    def check(self) -> None:
        """Raise OSError unless the list can be read."""
        self._file.open("rb").close()

    def covers(self, _: str) -> bool:
        """That the list is there says nothing about the scans."""
        return False

    def scans(self) -> Iterator[Found]:
        """Every scan, in the order of the list."""
        with self._file.open("rb") as lines:
            for line in lines:
                name = os.fsdecode(line.strip())
                if name and not name.startswith("#"):
                    yield found_object(name) if is_address(name) else found_at(_absolute(name))


def source_of(text: str) -> Source:
    """The source that a word of the command line names; nothing is looked at. Raises UsageError."""
    if text.startswith("@"):
        return ListSource(Path(_absolute(text[1:])))
    return BucketSource(text) if is_address(text) else FolderSource(_absolute(text))


def require(source: Source, *, begun: bool) -> None:
    """Raise UsageError where there is nothing to read; EnvironmentFault where there was, when the batch was begun."""
    try:
        source.check()
    except OSError as error:
        kind = EnvironmentFault if begun else UsageError
        raise kind(
            f"{plain_text(source.address)}: there is nothing to read: {error.strerror or error}; correct the name, or "
            "mount what it lies on"
        ) from error


def is_address(text: str) -> bool:
    """Whether a text is for fsspec; a path of this machine is not."""
    return "://" in text and not text.startswith("file://")


def check_reach(address: str, sources: Sequence[Source]) -> None:
    """Raise OSError or EnvironmentFault where a scan cannot be read because its source is gone, not the scan alone."""
    above = [source for source in sources if source.covers(address)]
    if above:
        above[0].check()
    elif is_address(address):
        BucketSource(address.rpartition("/")[0]).check()
    else:
        FolderSource(os.path.dirname(address)).check()  # noqa: PTH120 - an address


def refuse_own_folder(out: Path, sources: Sequence[Source]) -> None:
    """Raise UsageError where the tables would lie among the scans, and be read as such."""
    below = str(out.resolve() / "x")
    for source in sources:
        if source.covers(below) or FolderSource(os.path.realpath(source.address)).covers(below):
            raise UsageError(f"{out}: the tables would lie among the scans of {source.address}; choose another --out")


def _absolute(name: str) -> str:
    return os.path.abspath(name.removeprefix("file://"))  # noqa: PTH100 - `resolve` would follow links, and names say who scanned what
