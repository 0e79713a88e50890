"""What the ledger takes and gives, as types."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - as below
from enum import StrEnum
from typing import TYPE_CHECKING

from sheetwatch.domain import Field, Reading, Reason, SheetPicture  # noqa: TC001 - msgspec and dataclass users resolve them

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path


class ScanState(StrEnum):
    """Where a scan is; the ledger's docstring tells the story."""

    CLAIMING = "claiming"
    CLAIMED = "claimed"
    SETTLED = "settled"
    ARCHIVED = "archived"


class PageState(StrEnum):
    """Where a page is: in exactly one of these."""

    WORK = "work"
    ROW = "row"
    REVIEW = "review"
    DROPPED = "dropped"


class DropCause(StrEnum):
    """Why a page made no row."""

    BLANK = "blank"
    NO_TEMPLATE = "no-template"
    DUPLICATE = "duplicate"
    DISCARDED = "discarded"
    REPLACED = "replaced"


class ReviewState(StrEnum):
    """Where a page's stay in the review folder is."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Resolution(StrEnum):
    """How a review ended."""

    CORRECTED = "corrected"
    DISCARDED = "discarded"
    RETURNED = "returned"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a row needs to know of a template revision: its fields and its key."""

    name: str
    revision: str
    fields: tuple[Field, ...]
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewScan:
    """A scan about to be claimed. `page_count` is 1 where `problem` says why it could not be opened.

    `stem`: of the file's name; one that was in review before tells a page that came back.
    """

    source: Path
    name: str
    suffix: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None
    page_count: int
    claimed_at: datetime
    program: str
    problem: Reason | None = None
    returns_page: int | None = None
    replaces_page: int | None = None
    keep: bool = True
    stem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A scan in the state `claiming`: `source`, as it was opened, is owed a move to the work file."""

    scan: int
    scan_id: str
    source: Path
    suffix: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPage:
    """A page to be read: page `read_page` of the file of the scan `folder`."""

    page: int
    sheet_id: str
    folder: str
    suffix: str
    read_page: int
    page_count: int
    attempts: int
    source_name: str
    page_index: int
    duplicate_of: str | None
    problem: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What was found out about a page, whatever is decided about it."""

    form: Form | None = None
    reasons: tuple[Reason, ...] = ()
    readings: Mapping[str, Reading]
    model: str = ""
    program: str
    alignment: AlignmentSummary | None = None
    picture: str | None = None
    image: str | None = None
    sheet: SheetPicture | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentSummary:
    """How well the template lay on the page."""

    inliers: int
    rms_error_px: float
    worst_field_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """A line for the rolling CSV of a template and a day."""

    template: str
    day: date
    header: str
    line: str
    key_value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A value that an operator gave or confirmed."""

    field: str
    was: str
    became: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decided, when and where: kept with every correction. `sheet_sha256`: of the answer sheet that says so."""

    at: datetime
    by: str
    via: str
    sheet_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenReview:
    """A page in review, with all that its files in the review folder need."""

    review: int
    page: int
    stem: str
    state: ReviewState
    opened_at: datetime
    sheet_id: str
    source_name: str
    page_index: int
    folder: str
    suffix: str
    page_count: int
    form: Form | None
    reasons: tuple[Reason, ...]
    readings: Mapping[str, Reading]
    model: str
    picture: str | None
    image: str | None
    sheet: SheetPicture | None
    page_name: str | None
    page_sha256: str | None
    sheet_sha256: str | None
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """A page in review for a listing."""

    review: int
    stem: str
    opened_at: datetime
    source_name: str
    page_index: int
    template: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewFiles:
    """A page in review, by the names of its files only; `returned_to`: the folder that an operator moved it to.

    `sheet_sha256`: of its answer sheet, as it was written or, once it was decided by that, as it was taken.
    """

    review: int
    stem: str
    page_name: str | None
    sheet_sha256: str | None = None
    returned_to: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledScan:
    """A scan whose pages are all settled; `archived_as` once its place in the archive is chosen.

    `size_bytes`, `mtime_ns`: of the work file when it was taken.
    """

    scan: int
    scan_id: str
    name: str
    suffix: str
    size_bytes: int
    mtime_ns: int
    keep: bool
    archived_as: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldScan:
    """A scan whose file lies in its work folder, as far as the ledger knows."""

    scan_id: str
    suffix: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """One rolling CSV, as far as it was delivered."""

    csv_file: int
    name: str
    day: str
    header: str
    delivered_bytes: int
    fingerprint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Promise 1: pages in = rows + review + dropped + in work. `dropped_by` splits the dropped by cause.

    `decided`: so many of those in review are decided, which may be undone before it is carried out.
    """

    pages_in: int
    rows: int
    review: int
    dropped: int
    in_work: int
    dropped_by: Mapping[str, int]
    decided: int = 0

    @property
    def balanced(self) -> bool:
        """Whether no page is missing and none is counted twice."""
        return self.pages_in == self.rows + self.review + self.dropped + self.in_work


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Effects on files that are written down and not done yet."""

    claims: int
    rows: int
    reviews: int
    archive: int

    @property
    def nothing(self) -> bool:
        """Whether CSVs, review folder and archive say what the ledger says."""
        return not (self.claims or self.rows or self.reviews or self.archive)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetLine:
    """One page for a listing: what it is and what became of it.

    `page`, `row`, `review`: its numbers; a row or an open review only where there is one.
    """

    page: int
    row: int | None
    review: int | None
    sheet_id: str
    source_name: str
    page_index: int
    state: PageState
    decided_at: datetime | None
    template: str | None
    drop_cause: str | None
    corrected: bool
    csv_name: str | None
    stem: str | None
    reasons: tuple[Reason, ...]
    readings: Mapping[str, Reading]
    elapsed_ms: float

    @property
    def became(self) -> str:
        """What became of the page, in words."""
        if self.state is PageState.ROW:
            return f"row ({'corrected' if self.corrected else 'auto'}) in {self.csv_name}"
        if self.state is PageState.REVIEW:
            return "review: " + ", ".join(sorted({reason.code.value for reason in self.reasons}))
        return f"dropped: {self.drop_cause}" if self.state is PageState.DROPPED else "in work"
