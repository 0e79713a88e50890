"""A whole office for tests: folders, a ledger, a clock that stands still, and workers that read plain text.

A sheet for these workers is a text file: a first line SHEETS, one line per page, and a last line END. A page is
`row q1=7 roll=0012`, `doubt q1=7`, `unclear-roll roll=0007`, `blank`, `foreign`,
`crash` or `damaged`; what follows names the values.
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
import structlog

from sheetwatch.domain import (
    Field,
    FieldKind,
    PageReading,
    Reading,
    Reason,
    ReasonCode,
    Settings,
    State,
    Template,
    Verdict,
    Watch,
)
from sheetwatch.files import write_atomically
from sheetwatch.intake.folders import make_folders
from sheetwatch.ledger import Accounting, Ledger, accounting, owed
from sheetwatch.service.loop import Service
from sheetwatch.service.notify import Notifier
from sheetwatch.service.site import LEDGER_NAME, Site
from sheetwatch.worker import News, PageOutcome, PageTask, Probe, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

FIELDS = (
    Field(name="roll", kind=FieldKind.DIGITS, length=4, required=True),
    Field(name="q1", kind=FieldKind.MARK, max=10),
    Field(name="total", kind=FieldKind.MARK, max=100),
)
TEMPLATE = Template(name="exam", title="Exam", reference=np.zeros((0, 0), np.uint8), fields=FIELDS, key="roll",
                    revision="abc123")  # fmt: skip


def sheet(*pages: str) -> bytes:
    """A scan for the fake workers."""
    return "\n".join(["SHEETS", *pages, "END", ""]).encode()


def row(roll: int | str, q1: str = "7", total: str = "7") -> str:
    """A page that is read without doubt."""
    return f"row roll={roll:0>4} q1={q1} total={total}"


def doubt(roll: int | str, q1: str = "7", total: str = "7") -> str:
    """A page whose q1 is not clear."""
    return row(roll, q1, total).replace("row", "doubt", 1)


class FakeClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.monotonic = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic_s(self) -> float:
        return self.monotonic

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.monotonic += seconds


class TextWorker:
    """Reads text sheets, at once and in this process."""

    count = 2

    def __init__(self) -> None:
        self.template = TEMPLATE
        self.tasks: deque[PageTask] = deque(maxlen=1000)  # a daemon must not grow by them
        self.fault: Exception | None = None

    def start(self) -> None:
        """Nothing to load."""

    def reload(self) -> None:
        """Nothing to load."""

    def check(self) -> None:
        """Somebody is always there."""

    def news(self) -> list[News]:
        """Nothing happens."""
        return []

    def expire(self, *, now_s: float) -> None:
        """Nothing is late."""

    def stop(self) -> None:
        """Nothing to end."""

    def probe(self, path: Path) -> Future[Probe]:
        return later(lambda: self._probe(path.read_bytes()))

    def read(self, task: PageTask) -> Future[PageOutcome]:
        self.tasks.append(task)
        return later(lambda: self._read(task))

    def _probe(self, data: bytes) -> Probe:
        sha256 = hashlib.sha256(data).hexdigest()
        if not data.startswith(b"SHEETS\n"):
            problem = Reason(code=ReasonCode.UNREADABLE_FILE, detail="no sheets")
            return Probe(page_count=1, sha256=sha256, problem=problem)
        if not data.endswith(b"END\n"):
            problem = Reason(code=ReasonCode.INCOMPLETE_FILE, detail="no end")
            return Probe(page_count=1, sha256=sha256, problem=problem)
        if b"probe-crash" in data:
            raise WorkerFailure(ReasonCode.WORKER_CRASHED, "code -11")
        return Probe(page_count=len(_pages(data)), sha256=sha256)

    def _read(self, task: PageTask) -> PageOutcome:
        if self.fault:
            raise self.fault
        word, _, rest = _pages(task.scan_file.read_bytes())[task.page].partition(" ")
        values = dict(item.split("=", 1) for item in rest.split())
        if word == "crash":
            raise WorkerFailure(ReasonCode.WORKER_CRASHED, "code -11")
        if word == "damaged":
            reading = PageReading(verdict=Verdict.review(ReasonCode.UNREADABLE_FILE, "pixels"))
            return PageOutcome(reading=reading, drawn=True)
        outcome = PageOutcome(reading=self._reading(word, values), template=self.template if values else None)
        wanted = task.draw or word in {"doubt", "unclear-roll", "foreign"}
        return _draw(task, outcome) if wanted else outcome

    def _reading(self, word: str, values: Mapping[str, str]) -> PageReading:
        verdicts = {
            "blank": Verdict.review(ReasonCode.BLANK_PAGE, ""),
            "foreign": Verdict.review(ReasonCode.NO_TEMPLATE, "looks like none"),
            "doubt": Verdict.review(ReasonCode.LOW_CONFIDENCE, "7 (0.62) or 1 (0.31)", "q1"),
            "unclear-roll": Verdict.review(ReasonCode.LOW_CONFIDENCE, "1 (0.62) or 7 (0.31)", "roll"),
        }
        fields = {
            name: Reading(value=value, state=State.WRITTEN if value else State.EMPTY, probability=0.9991)
            for name, value in values.items()
        }
        return PageReading(verdict=verdicts.get(word, Verdict()), fields=fields, model="fake-1",
                           template=self.template.name if values else None)  # fmt: skip


def _draw(task: PageTask, outcome: PageOutcome) -> PageOutcome:
    picture = f"page-{task.page:04d}.review.png"
    write_atomically(task.scan_file.with_name(picture), b"picture")
    if task.page_count == 1:
        return replace(outcome, drawn=True, picture=picture)
    image = f"page-{task.page:04d}.png"
    page = _pages(task.scan_file.read_bytes())[task.page]
    write_atomically(task.scan_file.with_name(image), sheet(page))
    return replace(outcome, drawn=True, picture=picture, image=image)


def _pages(data: bytes) -> list[str]:
    return data.decode().splitlines()[1:-1]


def later(work: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001 - as a worker hands it over
        future.set_exception(error)
    return future


@dataclass
class Office:
    """An installation with fake workers, driven by hand; `restart` drops the process and keeps the disk."""

    settings: Settings
    clock: FakeClock = field(default_factory=FakeClock)
    worker: TextWorker = field(default_factory=TextWorker)
    events: list[Mapping[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        make_folders(self.settings)
        self._open()

    def _open(self) -> None:
        self.ledger = Ledger.open(self.settings.state / LEDGER_NAME)
        log = structlog.wrap_logger(
            None, processors=[self._note], wrapper_class=structlog.make_filtering_bound_logger(0)
        )
        self.site = Site(settings=self.settings, ledger=self.ledger, clock=self.clock, log=log)
        self.service = Service(self.site, self.worker, Notifier({}))

    def _note(self, _: object, __: str, event: Mapping[str, object]) -> Mapping[str, object]:
        self.events.append(dict(event))
        raise structlog.DropEvent

    def restart(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self.service.__exit__()
        self.ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def inbox(self) -> Path:
        return self.settings.inbox[0]

    def drop(self, name: str, data: bytes) -> Path:
        path = self.inbox / name
        path.write_bytes(data)
        return path

    def run_for(self, seconds: float) -> None:
        end = self.clock.monotonic + seconds
        while self.clock.monotonic < end:
            self.service.step()
            self.clock.advance(0.5)

    def settle(self, seconds: float = 12) -> Accounting:
        """Let everything happen that will; check what must always hold."""
        self.run_for(seconds)
        return self.check()

    def check(self) -> Accounting:
        counts = accounting(self.ledger)
        assert counts.balanced, counts
        assert not list(self.settings.state.parent.rglob(".sheetwatch-*"))
        return counts

    @property
    def nothing_owed(self) -> bool:
        return owed(self.ledger).nothing

    def csv_lines(self) -> list[str]:
        """Every line of every CSV but the headers."""
        files = sorted(self.settings.results.glob("*.csv"))
        return [line for file in files for line in file.read_text().splitlines()[1:]]

    def names(self, folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    def logged(self, event: str) -> list[Mapping[str, object]]:
        return [entry for entry in self.events if entry["event"] == event]


def office_settings(base: Path) -> Settings:
    """Settings with every folder below `base`."""
    return Settings(
        inbox=(base / "inbox",),
        results=base / "results",
        archive=base / "archive",
        review=base / "review",
        state=base / "state",
        watch=Watch(mode="poll", settle_s=5, rescan_s=2, incomplete_after_s=60),
    )
