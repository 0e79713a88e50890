"""The thread that sends owed rows to the shared database; it reads the ledger, and writes only the database.

It sleeps until it is nudged, connects, sends what is owed in batches, and hangs up when nothing came for a while. What
fails is tried again after 1, 2, 4, ... 60 s, less a random part: boxes that lost the same server come back one by one.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING

from sheetwatch.delivery.postgres import Database, DatabaseFault
from sheetwatch.delivery.rows import AFTER_FIELDS, BEFORE_FIELDS
from sheetwatch.domain import SheetwatchError
from sheetwatch.ledger import Ledger, mirror
from sheetwatch.service.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from sheetwatch.delivery.shared_table import SharedTable, TableRow
    from sheetwatch.domain import Field
    from sheetwatch.domain import Mirror as MirrorSettings
    from sheetwatch.ledger.mirror import OwedRow

_BATCH = 500
_COMPARED_AT_ONCE = 5000
_LINGER_S = 30.0
_STUCK_AFTER_S = 60.0  # longer than any statement may take: the server does not even say that it took too long
_LONGEST_PAUSE_S = 60.0
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the database has committed: every change up to `up_to`, with its token; and the comparison it made."""

    up_to: int
    token: str
    compared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why nothing can be sent now. `reached`: the database answers, but takes nothing."""

    message: str
    since: datetime
    reached: bool

    @property
    def in_words(self) -> str:
        """One line for people."""
        what = "has taken no rows" if self.reached else "has not been reached"
        return f"the database {what} since {self.since.astimezone():%Y-%m-%d %H:%M:%S}: {self.message}"


class Sender:
    """`run` is the thread; everything else is called from the loop's.

    `sent`, `trouble`, `wants_all` are set whole by the thread and read by the loop; `problems` are for a person.
    """

    def __init__(
        self, settings: MirrorSettings, ledger: Path, log: FilteringBoundLogger, wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._log = log
        self._wake = wake
        self._clock = SystemClock()
        self._stop = threading.Event()
        self._nudge = threading.Event()
        self._database: Database | None = None
        self._busy_since_s: float | None = None
        self._failures = 0
        self._sent_up_to = 0
        self._token = ""
        self._compared = 0
        self._viewed: set[tuple[str, str]] = set()
        self.sent: Sent | None = None
        self.trouble: Trouble | None = None
        self.wants_all = False
        self.problems: SimpleQueue[str] = SimpleQueue()

    def nudge(self) -> None:
        """Something is owed."""
        self._nudge.set()

    def end(self) -> None:
        """Finish the batch that is being sent, and end."""
        self._stop.set()
        self._nudge.set()

    def cut(self) -> None:
        """Wait for the database no longer."""
        if (database := self._database) is not None:
            database.cut()

    def cut_if_stuck(self) -> None:
        """As `cut`, where the database has said nothing for too long."""
        since_s = self._busy_since_s
        if since_s is not None and self._clock.monotonic_s() - since_s > _STUCK_AFTER_S:
            self.cut()

    def run(self) -> None:
        """Send until told to end."""
        while not self._stop.is_set():
            try:
                with Ledger.open_for_reading(self._ledger) as ledger:
                    self._session(ledger)
            except Exception as error:  # noqa: BLE001 - told, and tried again: the thread must not die unseen
                self._failed(error)
                self._stop.wait(self._pause_s())
            else:
                self._nudge.wait()

    def _session(self, ledger: Ledger) -> None:
        """Connect, send, and hang up when there was nothing to send for a while."""
        from sheetwatch.delivery.shared_table import SharedTable  # noqa: PLC0415 - only where a database is configured

        database = self._database = Database(self._settings.database or "")
        session = _Session(ledger, database, SharedTable(self._settings.schema), self._settings.box)
        self._busy_since_s = self._clock.monotonic_s()
        try:
            with database:
                if not self._introduce(session):
                    return
                while not self._stop.is_set():
                    self._nudge.clear()
                    self._send_everything(session)
                    if not self._nudge.wait(_LINGER_S):
                        return
        finally:
            self._database = self._busy_since_s = None

    def _introduce(self, session: _Session) -> bool:
        """Make sure of the tables and of whom they know. False where everything has to be sent again first."""
        from sheetwatch.delivery.shared_table import Box  # noqa: PLC0415 - as above

        with session.ledger.reading() as tx:
            bond = mirror.bond(tx)
        with session.database.transaction() as there:
            session.table.prepare(there)
            self._token = session.table.claim(there, Box(session.box, bond.ledger, bond.take_over))
        with session.ledger.reading() as tx:
            is_known = mirror.knows(tx, self._token)
        if not is_known:
            self._log.warning("database_differs", what="it or the ledger was restored; everything is sent again")
            self._viewed.clear()
            self._nudge.clear()
            self.wants_all = True
            self._wake()
            return False
        return True

    def _send_everything(self, session: _Session) -> None:
        self._busy_since_s = self._clock.monotonic_s()
        while not self._stop.is_set() and self._send_some(session):
            self._busy_since_s = self._clock.monotonic_s()
            self._works()
        self._busy_since_s = None
        self._works()

    def _send_some(self, session: _Session) -> bool:
        """One batch, or the comparison that is due after the last one. False when there was nothing to do."""
        with session.ledger.reading() as tx:
            bond = mirror.bond(tx)
            owed = mirror.owed_rows(tx, after=self._sent_up_to, limit=_BATCH)
            newest, _ = mirror.due(tx)
        if owed:
            self._make_views(session, owed)
            self._send(session, owed)
            self._sent_up_to, self._token = owed[-1].change, owed[-1].token
        elif newest > self._sent_up_to:  # rows that are there no more, as an older program forgets them
            self._sent_up_to = newest
        elif bond.compare not in {0, self._compared}:
            self._compare(session)
            self._compared = bond.compare
        else:
            return False
        self.sent = Sent(up_to=self._sent_up_to, token=self._token, compared=self._compared)
        self._wake()
        return True

    def _send(self, session: _Session, owed: Sequence[OwedRow]) -> None:
        """One transaction; one for each row where the database refuses some of them for what they are."""
        rows = [_table_row(row) for row in owed]
        try:
            session.write(owed[-1].token, rows)
        except DatabaseFault as fault:
            if not fault.refused_rows:
                raise
            self._send_one_by_one(session, owed[-1].token, rows)

    def _send_one_by_one(self, session: _Session, token: str, rows: Sequence[TableRow]) -> None:
        refused: dict[str, str] = {}
        for row in rows:
            self._busy_since_s = self._clock.monotonic_s()
            try:
                session.write(token, [row])
            except DatabaseFault as fault:
                if not fault.refused_rows:
                    raise
                refused[row.sheet_id] = str(fault)
        session.write(token, [])  # also where the last one was refused
        names = ", ".join(list(refused)[:_NAMED]) + (", ..." if len(refused) > _NAMED else "")
        for why in list(refused.values())[:1]:
            self._log.error("database_refused_rows", rows=len(refused), sheets=names, reason=why)
            self.problems.put(
                f"the database refused {len(refused)} rows (sheets {names}): {why}. When that is mended: "
                "sheetwatch mirror --again"
            )

    def _make_views(self, session: _Session, owed: Sequence[OwedRow]) -> None:
        """For revisions that are new. Without the right to, rows go on; whoever owns the schema makes the views."""
        from sheetwatch.delivery.shared_views import make_views  # noqa: PLC0415 - as above

        new = {(row.template, row.template_revision): row.fields for row in owed}
        new = {revision: fields for revision, fields in new.items() if revision not in self._viewed}
        if not new:
            return
        by_template: dict[str, list[Field]] = {}
        for (template, _), fields in new.items():
            by_template.setdefault(template, []).extend(fields)
        try:
            with session.database.transaction() as there:
                troubles = make_views(there, session.table, by_template)
        except DatabaseFault as fault:
            if not fault.reached:
                raise
            troubles = [str(fault)]
        self._viewed.update(new)
        for trouble in troubles:
            self._log.warning("view_not_made", templates=sorted(by_template), reason=trouble)

    def _compare(self, session: _Session) -> None:
        """Mark rows as withdrawn that the database has of this box and its ledger does not know."""
        after, withdrawn = "", 0
        while not self._stop.is_set():
            self._busy_since_s = self._clock.monotonic_s()
            with session.database.transaction() as there:
                read_on = session.table.sheets(there, session.box, after, _COMPARED_AT_ONCE)
                with session.ledger.reading() as tx:
                    unknown = mirror.unknown(tx, read_on)
                if unknown:
                    session.table.withdraw(there, session.box, unknown)
            withdrawn += len(unknown)
            if len(read_on) < _COMPARED_AT_ONCE:
                break
            after = max(read_on)
        if withdrawn:
            self._log.warning("rows_withdrawn", rows=withdrawn, what="this ledger does not know them")

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        message = str(error)
        if not isinstance(error, SheetwatchError):
            self._log.error("program_fault", exc_info=error)
            message = f"fault of the program: {error!r}"
        before = self.trouble
        since = before.since if before else self._clock.now()
        reached = not isinstance(error, DatabaseFault) or error.reached
        self.trouble = Trouble(message=message, since=since, reached=reached)
        if before is None or before.message != message:
            self._log.error("database_waits", reason=message)
        self._wake()

    def _works(self) -> None:
        before, self.trouble, self._failures = self.trouble, None, 0
        if before:
            paused_s = (self._clock.now() - before.since).total_seconds()
            self._log.info("database_works_again", paused_s=round(paused_s, 1))
            self._wake()

    def _pause_s(self) -> float:
        longest_s = min(2.0 ** min(self._failures - 1, 10), _LONGEST_PAUSE_S)
        return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class _Session:
    """What a connection works with."""

    ledger: Ledger
    database: Database
    table: SharedTable
    box: str

    def write(self, token: str, rows: Sequence[TableRow]) -> None:
        """One transaction."""
        with self.database.transaction() as there:
            self.table.write(there, self.box, rows)
            self.table.sent(there, self.box, token)


def _table_row(owed: OwedRow) -> TableRow:
    from sheetwatch.delivery.shared_table import TableRow  # noqa: PLC0415 - as above

    cells = owed.cells
    return TableRow(
        sheet_id=owed.sheet_id,
        page=owed.page,
        template=owed.template,
        template_revision=owed.template_revision,
        read_at=datetime.fromisoformat(cells["read_at"]),
        status=cells["status"],
        source=owed.source,
        values={name: value for name, value in cells.items() if name not in {*BEFORE_FIELDS, *AFTER_FIELDS}},
        confidence=float(cells["confidence"]),
        model=owed.model,
        program=owed.program,
        csv=owed.csv_name,
    )
