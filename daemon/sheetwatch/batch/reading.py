"""Scans being read: fetched, opened, and page after page handed to the workers; never more at once than they need."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Self

from sheetwatch.batch import kind_of
from sheetwatch.batch.journal import KeptRow
from sheetwatch.batch.rows import packed, row_of
from sheetwatch.domain import EnvironmentFault, PageReading, Reason, ReasonCode, ScanError, Verdict
from sheetwatch.worker import PageOutcome, PageTask, Probe, WorkerFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sheetwatch.batch import Waiting
    from sheetwatch.batch.fetch import Fetched, Fetcher
    from sheetwatch.batch.patience import Patience
    from sheetwatch.domain import Template
    from sheetwatch.worker import PageWorker

# So many tasks for each page that is read at the same time: the next one is there when a worker has done the last.
_TASKS_AHEAD = 2
_SCANS_AHEAD = 2
_MOST_FETCHING = 32
_MOST_CHANGES = 3


class _State(Enum):
    READING = auto()
    TO_BEGIN_AGAIN = auto()
    FINISHED = auto()


@dataclass(slots=True, eq=False)
class _Open:
    """A scan that is being read. `left`: pages without a row; `on_their_way`: tasks of it that have not come back."""

    scan: Waiting
    changes: int = 0
    state: _State = _State.READING
    fetched: Fetched | None = None
    probe: Probe | None = None
    next_page: int = 0
    left: int = 1
    on_their_way: int = 0
    crashed: set[int | None] = field(default_factory=set)
    rows: list[KeptRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskDone:
    """A task came back. `page`: the one that was read, None for a scan that was fetched or opened."""

    opened: _Open
    of_worker: bool
    page: int | None
    future: Future[Any]


class Reading:
    """The scans in work; a context manager. `tell` is called, from any thread, with every task that comes back."""

    def __init__(
        self,
        worker: PageWorker,
        fetcher: Fetcher,
        patience: Patience,
        forms: Mapping[str, Template],
        tell: Callable[[TaskDone], None],
    ) -> None:
        self._worker = worker
        self._fetcher = fetcher
        self._patience = patience
        self._forms = forms
        self._tell = tell
        self._threads = ThreadPoolExecutor(_MOST_FETCHING, thread_name_prefix="sheetwatch-fetch")
        self._open: set[_Open] = set()
        self._to_probe: deque[_Open] = deque()
        self._to_read: deque[_Open] = deque()
        self._suspects: deque[tuple[_Open, int | None]] = deque()
        self._again: list[_Open] = []
        self._with_worker = 0
        self._is_alone = False
        self._finished: list[tuple[Waiting, Sequence[KeptRow]]] = []
        self.rows_finished = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for opened in self._open:
            _drop(opened)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in work, and nothing is to be tried again."""
        return not self._open and not self._again

    @property
    def wants_more(self) -> bool:
        """Whether there is room for another scan."""
        return len(self._open) + len(self._again) < _SCANS_AHEAD * self._most_tasks and self._is_well

    @property
    def _most_tasks(self) -> int:
        """How many tasks the workers are given; those of a cluster come and go."""
        return _TASKS_AHEAD * max(1, self._worker.count)

    @property
    def _is_well(self) -> bool:
        return time.monotonic() >= self._patience.again_s

    def take(self, scan: Waiting) -> None:
        """Begin with a scan."""
        self._begin(_Open(scan))

    def finished(self) -> list[tuple[Waiting, Sequence[KeptRow]]]:
        """The scans that were read since this was last asked, with their rows."""
        finished, self._finished, self.rows_finished = self._finished, [], 0
        return finished

    def submit(self) -> None:
        """Hand to the workers what there is room for, and begin again with what a fault of the system kept back."""
        if not self._is_well:
            return
        again, self._again = self._again, []
        for opened in again:
            self._begin(opened)
        while self._submit_one():
            pass

    def came_back(self, done: TaskDone) -> None:
        """Take what came back. Raises EnvironmentFault once a fault of the system has lasted too long, ConfigError."""
        opened = done.opened
        opened.on_their_way -= 1
        if done.of_worker:
            self._with_worker -= 1
            self._is_alone = False
        try:
            if opened.state is _State.READING:
                self._take_result(opened, done)
        finally:
            if opened.state is not _State.READING and not opened.on_their_way:
                self._close(opened)

    def _begin(self, opened: _Open) -> None:
        self._open.add(opened)
        opened.on_their_way += 1
        future = self._threads.submit(self._fetcher.fetch, opened.scan)
        future.add_done_callback(
            lambda done: self._tell(TaskDone(opened=opened, of_worker=False, page=None, future=done))
        )

    def _submit_one(self) -> bool:
        """Hand over what is next. A task that ended its worker is tried alone: it must not take another one with it."""
        if self._is_alone or self._with_worker >= (1 if self._suspects else self._most_tasks):
            return False
        if self._suspects:
            self._is_alone = True
            self._hand_over(*self._suspects.popleft())
        elif self._to_read:
            self._hand_over_page(self._to_read[0])
        elif self._to_probe:
            self._hand_over(self._to_probe.popleft(), None)
        else:
            return False
        return True

    def _hand_over_page(self, opened: _Open) -> None:
        """The next page of the oldest scan."""
        page, opened.next_page = opened.next_page, opened.next_page + 1
        if opened.probe is None or opened.next_page == opened.probe.page_count:
            self._to_read.popleft()
        self._hand_over(opened, page)

    def _hand_over(self, opened: _Open, page: int | None) -> None:
        self._with_worker += 1
        opened.on_their_way += 1
        try:
            future = self._task(opened, page)
        except (OSError, EnvironmentFault) as error:  # nobody is there to read it
            future = Future()
            future.set_exception(error)
        future.add_done_callback(
            lambda done: self._tell(TaskDone(opened=opened, of_worker=True, page=page, future=done))
        )

    def _task(self, opened: _Open, page: int | None) -> Future[Any]:
        if opened.fetched is None:
            raise RuntimeError("a scan is fetched before it is opened")
        path = opened.fetched.path
        if page is None or opened.probe is None:
            return self._worker.probe(path)
        return self._worker.read(
            PageTask(scan_file=path, page=page, page_count=opened.probe.page_count, pictures=False)
        )

    def _take_result(self, opened: _Open, done: TaskDone) -> None:
        try:
            result = done.future.result()
            if isinstance(result, PageOutcome):
                self._check(result.reading)
                self._add_row(opened, done.page or 0, result.reading)
            elif isinstance(result, Probe):
                self._opened(opened, result)
            else:
                opened.fetched = result
                self._to_probe.append(opened)
        except WorkerFailure as failure:
            self._suspect(opened, done.page, failure)
        except (OSError, EnvironmentFault, ScanError) as error:
            self._went_wrong(opened, error)

    def _opened(self, opened: _Open, probe: Probe) -> None:
        opened.probe = probe
        if probe.problem is not None:
            self._add_row(opened, 0, _unread(probe.problem))
        else:
            opened.left = probe.page_count
            self._to_read.append(opened)

    def _suspect(self, opened: _Open, page: int | None, failure: WorkerFailure) -> None:
        """Once is no proof: something else may have ended the worker."""
        if page not in opened.crashed:
            opened.crashed.add(page)
            self._suspects.append((opened, page))
        else:
            self._add_row(opened, page or 0, _unread(failure.reason))

    def _check(self, reading: PageReading) -> None:
        """Raise EnvironmentFault where a page was read with another form than the tables were begun with."""
        if reading.template is None:
            return
        form = self._forms.get(reading.template)
        if form is None or form.revision != reading.template_revision:
            raise EnvironmentFault(
                f"the template {reading.template} was changed while the batch ran; put it back as it was"
            )

    def _add_row(self, opened: _Open, page: int, reading: PageReading) -> None:
        self._patience.well()
        opened.rows.append(_row(opened, page, reading))
        opened.left -= 1
        if opened.left:
            return
        if opened.fetched is None or opened.fetched.is_unchanged:
            self._finish(opened)
        elif opened.changes < _MOST_CHANGES:  # which of the two was read?
            opened.changes += 1
            opened.state = _State.TO_BEGIN_AGAIN
        else:
            self._finish_unread(opened, Reason(code=ReasonCode.INCOMPLETE_FILE, detail="it is still being written"))

    def _went_wrong(self, opened: _Open, error: Exception) -> None:
        """A scan that the system refuses becomes a row; a system that refuses scans is waited for."""
        if isinstance(error, OSError) and opened.fetched is not None and not opened.fetched.is_ours:
            error = self._fetcher.whose(error, opened.scan.found.address)
        if isinstance(error, ScanError):
            self._finish_unread(opened, Reason(code=error.code, detail=error.detail))
            return
        now_s = time.monotonic()
        since_s = opened.scan.failing_since_s or now_s
        opened.scan = replace(opened.scan, failing_since_s=since_s)
        opened.state = _State.TO_BEGIN_AGAIN
        self._patience.failed(error, since_s=since_s, now_s=now_s)

    def _finish_unread(self, opened: _Open, reason: Reason) -> None:
        opened.rows = [_row(opened, 0, _unread(reason))]
        self._finish(opened)

    def _finish(self, opened: _Open) -> None:
        opened.state = _State.FINISHED
        self._finished.append((opened.scan, opened.rows))
        self.rows_finished += len(opened.rows)

    def _close(self, opened: _Open) -> None:
        """Nothing of it is on its way any more: forget it, or begin again from nothing."""
        _drop(opened)
        self._open.discard(opened)
        self._to_probe = deque(one for one in self._to_probe if one is not opened)
        self._to_read = deque(one for one in self._to_read if one is not opened)
        self._suspects = deque(one for one in self._suspects if one[0] is not opened)
        if opened.state is _State.TO_BEGIN_AGAIN:
            self._again.append(_Open(opened.scan, opened.changes))


def _drop(opened: _Open) -> None:
    """Remove the copy, if it is one."""
    if opened.fetched is not None:
        opened.fetched.drop()


def _unread(reason: Reason) -> PageReading:
    return PageReading(verdict=Verdict(reasons=(reason,)))


def _row(opened: _Open, page: int, reading: PageReading) -> KeptRow:
    sha256 = opened.probe.sha256 if opened.probe else None
    found = opened.fetched.found if opened.fetched else opened.scan.found
    return KeptRow(
        page=page,
        template=reading.template or "",
        day=found.day,
        kind=kind_of(reading.verdict),
        data=packed(row_of(opened.scan.found.address, page, reading, sha256)),
    )
