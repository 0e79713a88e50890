"""Forms that are saved while the daemon runs: seen, and loaded between two pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError
from sheetwatch.templates import list_template_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sheetwatch.service.site import Site
    from sheetwatch.worker import PageWorker

_Stamp = tuple[tuple[str, int, int, int], ...]
_LOOK_EVERY_S = 5.0


class Forms:
    """What the folders of templates hold, against what the workers were last asked to load, loaded or refused.

    A change counts once two looks have found the same: whoever saves by hand is then done.
    """

    def __init__(self, site: Site, worker: PageWorker, notice: Callable[[str], None]) -> None:
        self._site = site
        self._worker = worker
        self._notice = notice
        self._dealt_with = self._seen = _stamp(site.settings.templates)
        self._next_look_s = float("-inf")
        self.changed = False

    def look(self) -> None:
        """Find out whether there is something to load. Costs a few calls of stat, every few seconds."""
        now_s = self._site.clock.monotonic_s()
        if now_s < self._next_look_s:
            return
        self._next_look_s = now_s + _LOOK_EVERY_S
        before, self._seen = self._seen, _stamp(self._site.settings.templates)
        self.changed = self._seen == before != self._dealt_with

    def load(self) -> None:
        """Load what is there now; faulty forms are told, once, and leave all as it was.

        Only while nothing is being read. Raises EnvironmentFault when no worker can be started.
        """
        loading = _stamp(self._site.settings.templates)
        try:
            self._worker.reload()
        except ConfigError as error:
            self._site.log.warning("forms_refused", reason=str(error))
            self._notice(f"{error}; until it is mended, sheets are read with the forms as they were before")
        else:
            self._site.log.info("forms_loaded")
        self._dealt_with, self.changed = loading, False


def _stamp(folders: tuple[Path, ...]) -> _Stamp:
    """Every file of every template, and how it looks; it changes with any of them."""
    stamp = []
    for folder in folders:
        try:
            files = [path for file in list_template_files(folder) for path in file.parent.iterdir()]
            states = [(str(path), path.stat()) for path in sorted(files) if not _is_scratch(path.name)]
        except (ConfigError, OSError):
            continue  # being replaced at this moment, or gone
        stamp += [(name, state.st_ino, state.st_mtime_ns, state.st_size) for name, state in states]
    return tuple(stamp)


def _is_scratch(name: str) -> bool:
    """What an editor keeps beside the file that it has open."""
    return name.startswith(".") or name.endswith("~")
