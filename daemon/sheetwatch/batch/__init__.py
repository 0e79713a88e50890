"""Archives of any size read into one table of Parquet files, without daemon, ledger or review folder.

What was found and what was read stands in a journal (SQLite); the Parquet files follow from it. So a batch that was
killed at any moment goes on where it was, reads nothing twice and loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.domain import ReasonCode, Verdict

if TYPE_CHECKING:
    from pathlib import Path

_NOT_READ = {
    ReasonCode.UNREADABLE_FILE,
    ReasonCode.INCOMPLETE_FILE,
    ReasonCode.TOO_LARGE,
    ReasonCode.ENCRYPTED,
    ReasonCode.TIMED_OUT,
    ReasonCode.WORKER_CRASHED,
}


class Kind(StrEnum):
    """What became of a page: every page is exactly one of these."""

    ACCEPTED = "accepted"
    REVIEW = "review"
    BLANK = "blank"
    NO_TEMPLATE = "no template"
    UNREADABLE = "unreadable"


def kind_of(verdict: Verdict) -> Kind:
    """What became of a page with this verdict."""
    codes = {reason.code for reason in verdict.reasons}
    if not codes:
        return Kind.ACCEPTED
    if codes & _NOT_READ:
        return Kind.UNREADABLE
    if ReasonCode.NO_TEMPLATE in codes:
        return Kind.NO_TEMPLATE
    return Kind.BLANK if codes == {ReasonCode.BLANK_PAGE} else Kind.REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A scan as a listing found it.

    `address`: an absolute path, or a URL. `mark`: differs once somebody has changed the scan. `day`: on which it was
    last modified, UTC, as YYYY-MM-DD; "" where nobody knows. `problem`: why there is nothing to open.
    """

    address: str
    size_bytes: int | None
    mark: str
    day: str
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A scan of the journal that is still to be read. `failing_since_s`: when the system first refused it."""

    number: int
    found: Found
    failing_since_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A Parquet file that is written whole. `path`: relative to the folder of the batch."""

    path: Path
    row_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a batch is.

    `listed_all`: the listing of this run has ended, so `scans_found` is all. `changed`: scans that somebody changed
    after they were read. `left_alone`: hidden and unfinished files, links to folders. `fault`: what is waited for.
    """

    pages: dict[Kind, int]
    scans_read: int
    scans_found: int
    parts: int
    changed: int = 0
    listed_all: bool = False
    left_alone: int = 0
    fault: str | None = None

    @property
    def pages_read(self) -> int:
        """Pages of every kind."""
        return sum(self.pages.values())
