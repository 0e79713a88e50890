"""Read files in a child process that may be killed; the parent holds no decoder, no model and no picture."""

from __future__ import annotations

import dataclasses
import multiprocessing
from typing import TYPE_CHECKING, Self

from sheetwatch.cli.reading_child import Closed, Failed, Message, Opened, Ready, Request, failure, serve
from sheetwatch.cli.reports import PageReport
from sheetwatch.domain import ReasonCode, ScanError, SheetwatchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_START_TIMEOUT_S = 120.0


class _ChildLost(Exception):  # noqa: N818 - what happened, not an error to report
    """The child hung or died; `error` says which, for the page that it was at."""

    def __init__(self, error: ScanError) -> None:
        super().__init__(error)
        self.error = error


class _Child:
    """A child process at work on a request; a context manager that never leaves it behind."""

    def __init__(self, request: Request) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(theirs, request), daemon=True)
        self._process.start()
        theirs.close()

    def message(self, timeout_s: float) -> Message:
        """The next message. Raises _ChildLost when none comes in time or the child is gone."""
        if not self._connection.poll(timeout_s):
            raise _ChildLost(
                ScanError(ReasonCode.TIMED_OUT, f"not read within {timeout_s:g} s (limits.page_timeout_s)")
            )
        try:
            message: Message = self._connection.recv()
        except (EOFError, OSError) as error:
            self._process.join(10)
            code = self._process.exitcode
            detail = f"reading ended without a word (exit code {code}); the file may be hostile or memory ran out"
            raise _ChildLost(ScanError(ReasonCode.WORKER_CRASHED, detail)) from error
        return message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def read_isolated(request: Request) -> Iterator[PageReport]:
    """One report per page, in order; one for a whole file that cannot be read.

    A page that hangs or ends the child is reported as such, and a new child goes on behind it. Raises
    SheetwatchError when templates, model or the overlay folder are at fault.
    """
    progress = _Progress(request)
    while not progress.done:
        yield from progress.through_one_child()


class _Progress:
    """Where reading stands: the file, the page of it, and how many pages it has once that is known."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._file = 0
        self._page = 0
        self._page_count: int | None = None

    @property
    def done(self) -> bool:
        """Whether every file has been read."""
        return self._file >= len(self._request.files)

    def through_one_child(self) -> Iterator[PageReport]:
        """The reports of one child, until all is read or the child is lost."""
        request = dataclasses.replace(self._request, first_file=self._file, first_page=self._page)
        with _Child(request) as child:
            self._expect_ready(child)
            while not self.done:
                try:
                    report = self._take(child.message(self._request.settings.limits.page_timeout_s))
                except _ChildLost as lost:
                    yield from self._lost_page(lost.error)
                    return
                if report is not None:
                    yield report

    @staticmethod
    def _expect_ready(child: _Child) -> None:
        try:
            message = child.message(_START_TIMEOUT_S)
        except _ChildLost as lost:
            raise SheetwatchError(f"the reading process did not start: {lost.error.detail}") from lost
        if isinstance(message, Failed):
            raise message.error

    def _take(self, message: Message) -> PageReport | None:
        """Follow the child by one message; returns a page's report when it is one."""
        match message:
            case Failed(error=error):
                raise error
            case Opened(page_count=count):
                self._page_count = count
            case PageReport():
                self._page += 1
                return message
            case Closed():
                self._next_file()
            case Ready():
                pass
        return None

    def _lost_page(self, error: ScanError) -> Iterator[PageReport]:
        """The report on the page at which the child was lost; the next child begins behind it."""
        file, page, count = self._request.files[self._file], self._page, self._page_count
        if count is None or page < count:
            yield failure(file, page, count or page + 1, error, elapsed_ms=0.0)
        self._page += 1
        if count is None or self._page >= count:
            self._next_file()

    def _next_file(self) -> None:
        self._file += 1
        self._page = 0
        self._page_count = None
