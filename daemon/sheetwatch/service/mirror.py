"""The loop's side of the shared database: notes what was sent, tells the sender of what is new, and stops it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sheetwatch.ledger import mirror
from sheetwatch.service.mirror_sender import Sender
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.ledger import Ledger
    from sheetwatch.service.mirror_sender import Sent
    from sheetwatch.service.site import Site

# Noting costs a commit, and what was not noted is sent again after a kill at most.
_NOTE_EVERY_S = 2.0
_STOP_WITHIN_S = 5.0
_CUT_WITHIN_S = 2.0


def switch_off(ledger: Ledger) -> None:
    """The configuration names no database: rows are noted for it no more."""
    with ledger.reading() as tx:
        if not mirror.is_on(tx):
            return
    with ledger.transaction() as tx:
        mirror.switch_off(tx)


class Mirror:
    """Lets the database follow from the ledger. Nothing else waits for it."""

    def __init__(self, site: Site, wake: Callable[[], None], problem: Callable[[str], None]) -> None:
        """`problem`: told what needs a person."""
        self._site = site
        self._problem = problem
        self._sender = Sender(site.settings.mirror, site.settings.state / LEDGER_NAME, site.log, wake)
        self._thread = threading.Thread(target=self._sender.run, name="mirror", daemon=True)
        self._noted: Sent | None = None
        self._note_again_s = float("-inf")
        self._due = (0, 0)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be sent now, in words."""
        trouble = self._sender.trouble
        return trouble.in_words if trouble else None

    def step(self) -> None:
        """What the loop does for it; a moment, whatever the database does. Raises EnvironmentFault, LedgerError."""
        if self._thread.ident is None:
            self._start()
        while not self._sender.problems.empty():
            self._problem(self._sender.problems.get())
        if self._sender.wants_all:
            self._send_all()
        self._note()
        self._look()
        self._sender.cut_if_stuck()

    def is_done(self) -> bool:
        """Whether everything was sent, or cannot be sent now."""
        with self._site.ledger.reading() as tx:
            owes = any(mirror.due(tx))
        return not owes or self._sender.trouble is not None

    def stop(self) -> None:
        """Let the batch that is being sent end, within bounds, and note it."""
        self._sender.end()
        self._note_again_s = float("-inf")
        if self._thread.ident is None:
            return
        self._thread.join(_STOP_WITHIN_S)
        if self._thread.is_alive():
            self._sender.cut()
            self._thread.join(_CUT_WITHIN_S)

    def _start(self) -> None:
        with self._site.ledger.reading() as tx:
            was_on = mirror.is_on(tx)
        if not was_on:
            with self._site.ledger.transaction() as tx:
                mirror.switch_on(tx)
        self._thread.start()

    def _send_all(self) -> None:
        with self._site.ledger.transaction() as tx:
            mirror.send_all(tx)
        self._sender.wants_all = False
        self._sender.nudge()

    def _note(self) -> None:
        sent, now_s = self._sender.sent, self._site.clock.monotonic_s()
        if sent is None or sent is self._noted or now_s < self._note_again_s:
            return
        with self._site.ledger.transaction() as tx:
            mirror.note_sent(tx, up_to=sent.up_to, token=sent.token, compared=sent.compared)
        self._noted, self._note_again_s = sent, now_s + _NOTE_EVERY_S

    def _look(self) -> None:
        with self._site.ledger.reading() as tx:
            due = mirror.due(tx)
        if due != self._due:
            self._due = due
            self._sender.nudge()
