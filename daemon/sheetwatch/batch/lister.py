"""Lists the sources in a thread of its own, a bounded way ahead of who journals what was found."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

from sheetwatch.batch.patience import Patience
from sheetwatch.domain import EnvironmentFault, UsageError
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sheetwatch.batch import Found
    from sheetwatch.batch.sources import Source

_SCANS_AT_ONCE = 500
_AHEAD = 4
_STOPS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """Some scans more."""

    scans: Sequence[Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingEnded:
    """Nothing more will come: all is listed, or the listing failed. `left_alone`: things that are no scans."""

    left_alone: int
    error: Exception | None = None


class Lister:
    """The thread; a context manager. `tell` is called from it with what happened, Listed or ListingEnded."""

    def __init__(
        self, sources: Sequence[Source], patience_s: float, tell: Callable[[Listed | ListingEnded], None]
    ) -> None:
        self._sources = sources
        self._patience_s = patience_s
        self._tell = tell
        self._room = threading.Semaphore(_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sheetwatch-lister", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """A listing that hangs in the system is left to end with the process."""
        self._stop.set()
        self._room.release()
        self._thread.join(_STOPS_WITHIN_S)

    def taken(self) -> None:
        """What was told of last is journalled: there is room for more."""
        self._room.release()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            for source in self._sources:
                self._list(source)
        except Exception as caught:  # noqa: BLE001 - raised by who listens
            error = caught
        self._tell(ListingEnded(left_alone=sum(source.left_alone for source in self._sources), error=error))

    def _list(self, source: Source) -> None:
        """One source; begun again after a fault, since who journals knows what he knows."""
        patience, since_s = Patience(self._patience_s), None
        while not self._stop.is_set():
            try:
                self._pass_on(source)
            except (OSError, EnvironmentFault) as error:
                now_s = time.monotonic()
                since_s = since_s or now_s
                patience.failed(error, since_s=since_s, now_s=now_s)
                self._stop.wait(patience.again_s - now_s)
            else:
                return

    def _pass_on(self, source: Source) -> None:
        """Raises UsageError where there is none: a pattern without a match is a slip of the pen."""
        scans, found = source.scans(), 0
        while some := list(islice(scans, _SCANS_AT_ONCE)):
            self._room.acquire()
            if self._stop.is_set():
                return
            self._tell(Listed(scans=some))
            found += len(some)
        if not found:
            raise UsageError(f"{plain_text(source.address)}: no scan was found there; correct the name or pattern")
