"""Environment faults: which stages fail, when to try again, and how others can see it."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sheetwatch.domain import EnvironmentFault
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime
    from pathlib import Path

    import structlog

    from sheetwatch.service.clock import Clock

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 15.0  # two stages in a row may have to be tried before a scan is read; that within 30 s
_HEALTH_NAME = "health.json"
_HEALTH_BYTES = 4096
_MENDS = {
    errno.ENOSPC: "free some space on its disk",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "mount its disk for writing",
    errno.EACCES: "correct its rights",
    errno.EPERM: "correct its rights",
    errno.ENOENT: "put it back, or mount its disk again",
    errno.EMFILE: "raise the limit of open files",
}
_MEND = "check its disk or share"


@dataclass(slots=True)
class _Failing:
    message: str
    since: datetime
    pause_s: float
    again_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A stage that cannot do its work now, for no sheet's fault."""

    stage: str
    message: str
    since: datetime


class Faults:
    """Runs stages; keeps account of those that fail, and tries them again after 1, 2, 4, ... 15 s."""

    def __init__(self, clock: Clock, log: structlog.typing.FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._failing: dict[str, _Failing] = {}
        self._step_began_s = clock.monotonic_s()

    def begin_step(self) -> None:
        """What falls due from here on waits for the next step: a stage has several actions, and their order matters."""
        self._step_began_s = self._clock.monotonic_s()

    def attempt(self, stage: str, action: Callable[[], bool | None]) -> None:
        """Run a stage unless it failed a moment ago. Errors of the program itself go on to the caller.

        `action` returns False when it had nothing to try: a stage that failed is then not known to work again.
        """
        failing = self._failing.get(stage)
        if failing and self._step_began_s < failing.again_s:
            return
        try:
            tried = action()
        except (EnvironmentFault, OSError) as error:
            self._failed(stage, plain_text(_in_words(error)))
        else:
            if tried is not False:
                self._worked(stage)

    @property
    def current(self) -> list[Fault]:
        """What fails now."""
        return [Fault(stage=stage, message=it.message, since=it.since) for stage, it in self._failing.items()]

    def is_failing(self, *, but: Collection[str] = ()) -> bool:
        """Whether any stage fails, but for some."""
        return any(stage not in but for stage in self._failing)

    def is_pausing(self, *, but: Collection[str] = ()) -> bool:
        """Whether any stage, but for some, failed a moment ago and is not due to be tried again in this step."""
        began_s = self._step_began_s
        return any(stage not in but and began_s < failing.again_s for stage, failing in self._failing.items())

    def next_due_s(self) -> float | None:
        """When the next failing stage is tried again."""
        return min((failing.again_s for failing in self._failing.values()), default=None)

    def _failed(self, stage: str, message: str) -> None:
        before = self._failing.get(stage)
        pause_s = min(before.pause_s * 2, _LONGEST_PAUSE_S) if before else _FIRST_PAUSE_S
        since = before.since if before else self._clock.now()
        self._failing[stage] = _Failing(message, since, pause_s, self._clock.monotonic_s() + pause_s)
        if before is None or before.message != message:
            self._log.error("intake_paused", stage=stage, reason=message)

    def _worked(self, stage: str) -> None:
        failing = self._failing.pop(stage, None)
        if failing:
            paused_s = (self._clock.now() - failing.since).total_seconds()
            self._log.info("stage_works_again", stage=stage, paused_s=round(paused_s, 1))


def _in_words(error: EnvironmentFault | OSError) -> str:
    if isinstance(error, EnvironmentFault):
        return str(error)
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
    where = f"{' -> '.join(names)}: " if names else ""
    return f"{where}{error.strerror or error}; {_MENDS.get(error.errno or 0, _MEND)}"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon says of itself to `sheetwatch status`. `polls`: whether it looks into folders unasked.

    `database`: why rows do not reach the shared database, which pauses nothing.
    """

    pid: int
    state: str
    since: str
    polls: bool | None = None
    database: str | None = None
    faults: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def health_of(
    state: str,
    since: datetime,
    faults: Iterable[Fault],
    notices: tuple[str, ...] = (),
    *,
    polls: bool | None = None,
    database: str | None = None,
) -> Health:
    """What this process says of itself."""
    return Health(
        pid=os.getpid(),
        state=state,
        since=since.astimezone().isoformat(timespec="seconds"),
        faults=tuple(
            f"{fault.stage}: {fault.message} (since {fault.since.astimezone():%Y-%m-%d %H:%M:%S})" for fault in faults
        ),
        notices=notices,
        polls=polls,
        database=database,
    )


class HealthFile:
    """A file of a fixed size, written in place, so that it can be written on a full disk; only on changes."""

    def __init__(self, state: Path) -> None:
        self._path = state / _HEALTH_NAME
        self._last: Health | None = None

    def write(self, health: Health) -> None:
        """Say how it goes; a folder that cannot be written must not matter here."""
        if health == self._last:
            return
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.pwrite(descriptor, _fitting(health).ljust(_HEALTH_BYTES), 0)
                self._last = health
            finally:
                os.close(descriptor)


def _fitting(health: Health) -> bytes:
    """As JSON, the texts cut as far as the size of the file demands."""
    data, longest = msgspec.json.encode(health), _HEALTH_BYTES
    while len(data) > _HEALTH_BYTES and longest:
        longest //= 2
        faults, notices = ([_cut(text, longest) for text in texts] for texts in (health.faults, health.notices))
        database = None if health.database is None else _cut(health.database, longest)
        data = msgspec.json.encode(
            msgspec.structs.replace(health, faults=tuple(faults), notices=tuple(notices), database=database)
        )
    return data


def _cut(text: str, longest: int) -> str:
    """The beginning says what, the end why, and how to mend it."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[len(text) - half :]}"


def read_health(state: Path) -> Health | None:
    """What the daemon said last; None when it never ran."""
    try:
        return msgspec.json.decode((state / _HEALTH_NAME).read_bytes(), type=Health)
    except (OSError, msgspec.DecodeError):
        return None
