"""When to look into the folders: after a hint, when something is due, and every `rescan_s` whatever happens."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault
from sheetwatch.intake.hints import Hints
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.service.site import Site

# A burst of events costs one look.
_LEAST_BETWEEN_LOOKS_S = 0.25
# Looking through thousands of files takes a while: so many times as long is left for reading them. Where files wait to
# be read anyway, nobody waits for what a look would find.
_REST_PER_LOOK = 4.0
_REST_WHILE_FILES_WAIT = 30.0


class Lookout:
    """Listens for hints, and knows the time of the next look."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._hints = Hints([*site.settings.inbox, site.settings.review], site.settings.watch.mode)
        self._polls = self._hints.polls
        self._hinted = False
        self._looked_s: float | None = None
        self._rests_until_s = 0.0
        self._deaf = self._said_deaf = False

    @property
    def polls(self) -> bool:
        """Whether the file system tells no events."""
        return self._polls

    @property
    def has_looked(self) -> bool:
        """Whether there was a look at all."""
        return self._looked_s is not None

    @property
    def listens_to(self) -> int | None:
        """What to sleep by; None when the next look is due whatever else happens."""
        return None if self._hinted else self._hints.descriptor

    def hint(self) -> None:
        """Something happened in a folder; what it was, the next look finds."""
        self._hinted = True

    def next_s(self, due: list[float | None]) -> float:
        """When to look next. `due`: when files may have settled, or faults be over."""
        last_s = self._looked_s
        if last_s is None:
            return float("-inf")
        if self._hinted:
            return self._rests_until_s
        later = [due_s for due_s in due if due_s is not None and due_s > last_s]
        return max(min([last_s + self._rescan_s, *later]), self._rests_until_s)

    @property
    def _rescan_s(self) -> float:
        watch = self._site.settings.watch
        return min(watch.rescan_s, max(1.0, watch.settle_s)) if self._polls else watch.rescan_s

    def begin_look(self) -> None:
        """Note the look, which finds all that happened before; find out whether there is anything to hear."""
        self._hinted = False
        self._looked_s = self._site.clock.monotonic_s()
        self._said_deaf, self._deaf = self._deaf, False
        with contextlib.suppress(OSError, EnvironmentFault):  # no table of mounts, a share does not answer: as before
            self._polls = self._hints.polls
        if self._polls:
            self._hints.stop()
        elif not self._hints.hear():
            self._site.log.warning("events_lost", what="the folders are looked through, and listened to again")

    def watch(self, folder: Path) -> None:
        """Listen to a folder that is about to be looked into; looking every `rescan_s` goes on without."""
        if self._polls or self._hints.watch(folder):
            return
        self._deaf = True
        if not self._said_deaf:
            self._said_deaf = True
            self._site.log.warning(
                "no_watch_left",
                folder=plain_text(str(folder)),
                what=f"it is looked through every {self._rescan_s:g} s",
                mend="raise fs.inotify.max_user_watches or fs.inotify.max_user_instances",
            )

    def end_look(self, *, files_wait: bool) -> None:
        """Note how long the look took: the more it had to look at, the longer until the next one."""
        now_s = self._site.clock.monotonic_s()
        took_s = now_s - (self._looked_s or now_s)
        rest = _REST_WHILE_FILES_WAIT if files_wait else _REST_PER_LOOK
        rest_s = min(rest * took_s, self._site.settings.watch.rescan_s)
        self._rests_until_s = now_s + max(rest_s, _LEAST_BETWEEN_LOOKS_S)

    def stop(self) -> None:
        """End the listening."""
        self._hints.stop()
