"""Worker processes: everything that touches a scan's bytes happens in one, under limits of memory and time.

The daemon never loads OpenCV, the interpreter or a decoder; what crosses the pipe are small values. A worker that
crashes, hangs or outgrows its memory costs the page that it was reading, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sheetwatch.domain import PageReading, Pages, Reason, ReasonCode, SheetPicture, Spotted, Template, Verdict

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a scan is: how many pages, which content; `problem` when it cannot be opened (then it counts as one page).

    `sha256` is None for a file too large to be hashed.
    """

    page_count: int
    sha256: str | None
    problem: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTask:
    """A page to be read.

    `draw`: write its picture even if nothing on the page asks for a person. `pictures`: False where nobody will look
    at any.
    """

    scan_file: Path
    page: int
    page_count: int
    draw: bool = False
    pictures: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageOutcome:
    """What a page says, and the files that were written beside its scan for the review folder.

    `template`: the one that fits, without its reference image and rosters. `picture`: the aligned sheet with its
    boxes; `image`: the page alone, of a scan with several pages; `sheet`: the sheet without anything drawn on it.
    """

    reading: PageReading
    template: Template | None = None
    picture: str | None = None
    image: str | None = None
    sheet: SheetPicture | None = None
    drawn: bool = False
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotTask:
    """A page on which numbers are to be spotted. `draw`: a picture of it is wanted."""

    scan_file: Path
    page: int
    draw: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOutcome:
    """What was spotted, or the `problem` why nothing could be. `picture`: a PNG, where one was wanted."""

    spotted: Spotted | None = None
    problem: Reason | None = None
    picture: bytes | None = None
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened among the workers. `mend`: what somebody should do, where that is so."""

    text: str
    mend: str | None = None


class WorkerFailure(Exception):  # noqa: N818 - it becomes a reason, not a message
    """A page, or a scan, that ended its worker: crashed, too slow or too large."""

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def reason(self) -> Reason:
        """The failure as a reason for review."""
        return Reason(code=self.code, detail=self.detail)


class PageWorker(Protocol):
    """What the service needs of its workers.

    The futures raise WorkerFailure for what the scan did to the worker, OSError and EnvironmentFault for what is no
    scan's fault.
    """

    @property
    def count(self) -> int:
        """How many pages are read at the same time."""

    def start(self) -> None:
        """Load model and templates. Raises ConfigError when one of them is wrong."""

    def reload(self) -> None:
        """Load model and templates anew, while nothing is being read.

        Raises ConfigError, EnvironmentFault; all is then as it was.
        """

    def probe(self, path: Path) -> Future[Probe]:
        """Open a scan and look at its structure."""

    def read(self, task: PageTask) -> Future[PageOutcome]:
        """Read one page."""

    def check(self) -> None:
        """Raise EnvironmentFault while there is nobody who could read a page."""

    def news(self) -> list[News]:
        """What happened among the workers since it was last asked."""

    def expire(self, *, now_s: float) -> None:
        """Give up tasks that should have ended long ago; now_s: time.monotonic()."""

    def stop(self) -> None:
        """End the processes, whatever they are doing."""


def is_dropped(verdict: Verdict, pages: Pages) -> bool:
    """Whether the settings drop a page with this verdict: no row, no review, so no picture."""
    codes = {reason.code for reason in verdict.reasons}
    return bool(codes) and codes <= dropped_codes(pages)


def dropped_codes(pages: Pages) -> set[ReasonCode]:
    """The reasons that drop a page instead of sending it to review."""
    codes = {ReasonCode.BLANK_PAGE: pages.blank, ReasonCode.NO_TEMPLATE: pages.no_template}
    return {code for code, what in codes.items() if what == "drop"}
