"""Which files have settled: pure bookkeeping, told the time, so that a test need not wait.

A file is ready when no look found it changed for `settle_s`. Scanners close a file between pages and open it again up
to 4 s later, and copying tools set old times and the final size first; so neither "closed" nor the file's own times
say that it is whole. A file that has settled and turns out incomplete waits until `incomplete_after_s` after its last
change, and is then given up.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sheetwatch.intake.listing import Seen


class _Phase(Enum):
    SETTLING = auto()
    PROBING = auto()
    INCOMPLETE = auto()
    SET_ASIDE = auto()


@dataclass(frozen=True, slots=True)
class _Waiting:
    seen: Seen
    since_s: float
    phase: _Phase = _Phase.SETTLING


class Tracker:
    """The files of the inboxes between the first look at them and their being taken up."""

    def __init__(self, *, settle_s: float, incomplete_after_s: float = math.inf) -> None:
        self._files: dict[Path, _Waiting] = {}
        self._phases: Counter[_Phase] = Counter()
        self._waits = {
            _Phase.SETTLING: settle_s,
            _Phase.INCOMPLETE: incomplete_after_s,
            _Phase.SET_ASIDE: incomplete_after_s,
        }
        self._next_due_s: float | None = None

    def observe(self, files: Iterable[Seen], *, now_s: float) -> None:
        """Take in one whole look at the inboxes; what it does not hold is forgotten."""
        known, self._files = self._files, {}
        for seen in files:
            waiting = known.get(seen.path)
            unchanged = waiting is not None and waiting.seen == seen
            self._files[seen.path] = waiting if waiting and unchanged else _Waiting(seen, now_s)
        self._phases = Counter(file.phase for file in self._files.values())
        due = [file.since_s + self._waits[file.phase] for file in self._files.values() if file.phase in self._waits]
        self._next_due_s = min((due_s for due_s in due if due_s > now_s), default=None)

    def ready(self, *, now_s: float) -> list[Seen]:
        """Files that have settled and may be opened, the one that changed first in front."""
        settled = [
            waiting
            for waiting in self._files.values()
            if waiting.phase in {_Phase.SETTLING, _Phase.SET_ASIDE}
            and now_s - waiting.since_s >= self._waits[waiting.phase]
        ]
        settled.sort(key=lambda waiting: (waiting.since_s, waiting.seen.mtime_ns, waiting.seen.path))
        return [waiting.seen for waiting in settled]

    def given_up(self, *, now_s: float) -> list[Seen]:
        """Incomplete files that nobody went on writing."""
        return [
            waiting.seen
            for waiting in self._files.values()
            if waiting.phase is _Phase.INCOMPLETE and now_s - waiting.since_s >= self._waits[_Phase.INCOMPLETE]
        ]

    def probing(self, seen: Seen) -> None:
        """The file is being opened; it is not ready a second time."""
        if self.is_current(seen):
            self._put(_Waiting(seen, self._files[seen.path].since_s, _Phase.PROBING))

    def incomplete(self, seen: Seen) -> None:
        """The file does not decode whole; perhaps somebody goes on writing."""
        if self.is_current(seen):
            self._wait(_Waiting(seen, self._files[seen.path].since_s, _Phase.INCOMPLETE))

    def set_aside(self, seen: Seen, *, now_s: float, pause_s: float | None = None) -> None:
        """The file is done with, or cannot be taken up: it waits for a change, and is ready again after a pause.

        `pause_s`: None is `incomplete_after_s`.
        """
        if self.is_current(seen):
            longest_s = self._waits[_Phase.SET_ASIDE]
            early_s = 0.0 if pause_s is None else max(0.0, longest_s - pause_s)
            self._wait(_Waiting(seen, now_s - early_s, _Phase.SET_ASIDE))

    def again(self, seen: Seen, *, now_s: float) -> None:
        """Begin to wait for the file afresh."""
        if seen.path in self._files:
            self._wait(_Waiting(seen, now_s))

    def taken(self, seen: Seen) -> None:
        """The file has left the inbox."""
        if self.is_current(seen):
            self._phases[self._files.pop(seen.path).phase] -= 1

    def is_current(self, seen: Seen) -> bool:
        """Whether no look since has found another file, or a change, under this name."""
        waiting = self._files.get(seen.path)
        return waiting is not None and waiting.seen == seen

    def next_due_s(self) -> float | None:
        """When, after the last look, the next file gets ready or is given up, if nothing changes."""
        return self._next_due_s

    @property
    def settling(self) -> int:
        """How many files are expected to be taken up soon."""
        return self._phases[_Phase.SETTLING] + self._phases[_Phase.PROBING]

    @property
    def waiting(self) -> int:
        """How many files wait in the inboxes, incomplete ones included."""
        return len(self._files) - self._phases[_Phase.SET_ASIDE]

    def _put(self, waiting: _Waiting) -> None:
        self._phases[self._files[waiting.seen.path].phase] -= 1
        self._phases[waiting.phase] += 1
        self._files[waiting.seen.path] = waiting

    def _wait(self, waiting: _Waiting) -> None:
        self._put(waiting)
        due_s = waiting.since_s + self._waits[waiting.phase]
        self._next_due_s = due_s if self._next_due_s is None else min(self._next_due_s, due_s)
