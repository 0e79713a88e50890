"""What every page works with: settings, clock, ledger; each request opens the ledger for itself."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app

from sheetwatch.ledger import Ledger
from sheetwatch.service.clock import SystemClock
from sheetwatch.service.site import LEDGER_NAME
from sheetwatch.service.terminal import Desk
from sheetwatch.web.outlines import Outlines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask

    from sheetwatch.domain import Settings
    from sheetwatch.service.clock import Clock

VIA = "web"
_KEY = "sheetwatch"


@dataclass(slots=True, kw_only=True)
class Place:
    """One installation, as the pages see it. Threads share it; none keeps an open ledger."""

    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    _is_current: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _outlines: Outlines | None = None

    @property
    def ledger_path(self) -> Path:
        """Where the ledger lies."""
        return self.settings.state / LEDGER_NAME

    @property
    def outlines(self) -> Outlines:
        """The forms, as the folders of templates have them."""
        if self._outlines is None:
            self._outlines = Outlines(self.settings.templates)
        return self._outlines

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, to look at. Raises LedgerError when there is none yet."""
        self._make_current()
        with Ledger.open_for_reading(self.ledger_path) as ledger:
            yield ledger

    def desk(self) -> Desk:
        """A review desk, to decide at. Raises LedgerError when there is no ledger yet."""
        return Desk.open(self.settings, via=VIA, hold_s=self.settings.web.undo_s, clock=self.clock)

    def _make_current(self) -> None:
        """Open the ledger for writing once: one that an older program made then has all that we ask for."""
        with self._lock:
            if not self._is_current:
                self.desk().__exit__()
                self._is_current = True

    def attach(self, app: Flask) -> None:
        """Let the requests of an application find this place."""
        app.extensions[_KEY] = self


def here() -> Place:
    """The place of the current request."""
    return cast("Place", current_app.extensions[_KEY])
