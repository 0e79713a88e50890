"""How much the workers have in hand, so that what they are done with is dealt with together.

Every step of the loop costs the same few transactions and fsyncs, whether one page was read since the last one or ten.
So the workers are given more than they can do at once, and the loop is woken when few pages of it are left, early
enough that none of them waits; a file that comes alone wakes it at once. Scans are opened before the pages that wait
are read: when the loop is woken, there are new pages to be claimed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

# For each worker.
_FEW_PAGES = 2
_PAGES = 6
_SCANS = 4


class Hands:
    """What was given to the workers, and how much they get.

    `workers`: how many pages are read at once, which may change; `wake`: called from any thread.
    """

    def __init__(self, workers: Callable[[], int], wake: Callable[[], None]) -> None:
        self._workers = workers
        self._wake = wake
        self._pages = 0
        self._news = False
        self._one_at_a_time = threading.Lock()

    @property
    def most_pages(self) -> int:
        """How many pages are read, or wait for that in a worker's hands, at the same time."""
        return (_PAGES + _SCANS) * self._workers()

    def scans_to_open(self, *, in_work: int, opening: int) -> int:
        """How many more scans are to be opened, while so many pages are in work and so many scans being opened."""
        return max(0, min(_SCANS * self._workers(), self.most_pages - in_work) - opening)

    def should_be_filled(self) -> bool:
        """Whether something was done since `collecting`, and little is left to do."""
        with self._one_at_a_time:
            return self._news and self._pages <= _FEW_PAGES * self._workers()

    def collecting(self) -> None:
        """What was done until now is being dealt with."""
        with self._one_at_a_time:
            self._news = False

    def give_scan(self, opening: Future[Any]) -> None:
        """A scan is being opened, which is quick."""
        opening.add_done_callback(lambda _: self.done())

    def give_page(self, reading: Future[Any]) -> None:
        """A page is being read, which takes its time."""
        with self._one_at_a_time:
            self._pages += 1
        reading.add_done_callback(lambda _: self.done(pages=1))

    def done(self, *, pages: int = 0) -> None:
        """There is something to deal with."""
        with self._one_at_a_time:
            self._pages -= pages
            self._news = True
        if self.should_be_filled():
            self._wake()
