"""When to look into the folders: after a hint, when something is due, and every `rescan_s` whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.intake.hints import Hints

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.service.site import Site

# A burst of events costs one look.
_LEAST_BETWEEN_LOOKS_S = 0.25
# Looking through thousands of files takes a while: so many times as long is left for reading them.
_REST_PER_LOOK = 4.0


class Lookout:
    """Listens for hints, keeps the listener alive, and knows the time of the next look."""

    def __init__(self, site: Site, wake: Callable[[], None]) -> None:
        self._site = site
        self._wake = wake
        self._hinted = False
        self._looked_s: float | None = None
        self._rests_until_s = 0.0
        self._hints = Hints([*site.settings.inbox, site.settings.review], self._hint, site.settings.watch.mode)
        self._listening = False
        self._said_deaf = False

    @property
    def polls(self) -> bool:
        """Whether the file system tells no events."""
        return self._hints.polls

    @property
    def has_looked(self) -> bool:
        """Whether there was a look at all."""
        return self._looked_s is not None

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
        return min(watch.rescan_s, max(1.0, watch.settle_s)) if self.polls else watch.rescan_s

    def begin_look(self) -> None:
        """Note the look, and see that somebody listens; looking every `rescan_s` goes on without."""
        self._hinted = False
        self._looked_s = self._site.clock.monotonic_s()
        if self._listening and not self._hints.alive:
            self._site.log.warning("observer_rebuilt")
        self._listening = self._hints.ensure()
        if not (self._listening or self.polls or self._said_deaf):
            self._said_deaf = True
            self._site.log.warning("observer_failed", mend="raise fs.inotify.max_user_watches")

    def end_look(self) -> None:
        """Note how long the look took: the more it had to look at, the longer until the next one."""
        now_s = self._site.clock.monotonic_s()
        took_s = now_s - (self._looked_s or now_s)
        rest_s = min(_REST_PER_LOOK * took_s, self._site.settings.watch.rescan_s)
        self._rests_until_s = now_s + max(rest_s, _LEAST_BETWEEN_LOOKS_S)

    def stop(self) -> None:
        """End the listener."""
        self._hints.stop()

    def _hint(self) -> None:
        self._hinted = True
        self._wake()
