"""What runs in a worker process. Light to import, because the daemon imports it too, to name the functions."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sheetwatch.domain import ConfigError, EnvironmentFault

if TYPE_CHECKING:
    from sheetwatch.domain import Settings
    from sheetwatch.worker import PageOutcome, PageTask, Probe, SpotOutcome, SpotTask
    from sheetwatch.worker.desk import Desk
    from sheetwatch.worker.examined import Examined
    from sheetwatch.worker.kit import Badge, Kit, Packed
    from sheetwatch.worker.spot_desk import SpotDesk

_PR_SET_PDEATHSIG = 1
_state: list[Desk | SpotDesk | Exception] = []


def initialise(settings: Settings, daemon_pid: int) -> None:
    """Put the process under its limits, then load model and templates.

    What goes wrong is kept and raised by the first task: a worker that fails to start tells nobody why.
    """
    confine(settings.limits.worker_memory_mb, daemon_pid)
    try:
        from sheetwatch.worker.desk import Desk  # noqa: PLC0415 - the daemon must not load OpenCV

        _state[:] = [Desk.set_up(settings)]
    except Exception as error:  # noqa: BLE001 - raised by the first task
        _state[:] = [error]


def initialise_packed(packed: Packed, settings: Settings, worker_pid: int) -> None:
    """As `initialise`, with the templates of another machine."""
    confine(settings.limits.worker_memory_mb, worker_pid)
    try:
        from sheetwatch.worker.desk import Desk  # noqa: PLC0415 - as above

        _state[:] = [Desk.unpack(packed, settings)]
    except Exception as error:  # noqa: BLE001 - raised by the first task
        _state[:] = [error]


def initialise_spotting(settings: Settings, daemon_pid: int) -> None:
    """As `initialise`, for `spot`: without templates."""
    confine(settings.limits.worker_memory_mb, daemon_pid)
    try:
        from sheetwatch.worker.spot_desk import SpotDesk  # noqa: PLC0415 - as above

        _state[:] = [SpotDesk.set_up(settings)]
    except Exception as error:  # noqa: BLE001 - raised by the first task
        _state[:] = [error]


def confine(memory_mb: int, parent_pid: int) -> None:
    """Put the process under its limits: it ends with its parent, and does not outgrow its memory."""
    _die_with(parent_pid)
    _limit(memory_mb)
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says of files must not get into our log


def ready() -> tuple[str, ...]:
    """What was loaded. Raises what went wrong at the start, if anything."""
    return _desk().loaded


def pack(loaded: tuple[str, ...]) -> tuple[Badge, Kit]:
    """What this daemon's pages are read with, for other machines. Raises EnvironmentFault as `probe` does."""
    return cast("Desk", _same_desk(loaded)).pack()


def probe(path: Path, loaded: tuple[str, ...]) -> Probe:
    """Open a scan and look at its structure. Raises EnvironmentFault unless `loaded` is what this worker has."""
    return _same_desk(loaded).probe(path)


def read(task: PageTask, loaded: tuple[str, ...]) -> PageOutcome:
    """Read one page, and write what the review folder will need. Raises EnvironmentFault as `probe` does."""
    return cast("Desk", _same_desk(loaded)).read(task)


def badge(model: Path | None) -> Badge:
    """What is installed here; for a process that does nothing else. Raises ConfigError."""
    from sheetwatch.worker.badge import badge_of  # noqa: PLC0415 - brings the reader

    return badge_of(model)


def examine(task: PageTask, loaded: tuple[str, ...]) -> Examined:
    """Read one page, and write nothing. Raises EnvironmentFault as `probe` does."""
    return cast("Desk", _same_desk(loaded)).examine(task)


def spot(task: SpotTask, loaded: tuple[str, ...]) -> SpotOutcome:
    """Spot the numbers of one page. Raises EnvironmentFault as `probe` does."""
    return cast("SpotDesk", _same_desk(loaded)).spot(task)


def _desk() -> Desk | SpotDesk:
    desk = _state[0]
    if isinstance(desk, Exception):
        raise desk
    return desk


def _same_desk(loaded: tuple[str, ...]) -> Desk | SpotDesk:
    """The desk, if it is the one that the daemon counts on: a worker made later finds files edited meanwhile."""
    try:
        desk = _desk()
    except ConfigError as error:
        raise EnvironmentFault(f"{error} (changed since it was loaded; mend it)") from error
    if desk.loaded != loaded:
        changed = ", ".join(sorted({*desk.loaded} ^ {*loaded}))
        raise EnvironmentFault(
            f"templates or model changed since they were loaded; for a new model restart Sheetwatch ({changed})"
        )
    return desk


def _die_with(daemon_pid: int) -> None:
    """Be killed when the daemon is, and be the first that the kernel kills when memory runs out."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != daemon_pid:  # it died while we started
        os._exit(1)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


def _limit(memory_mb: int) -> None:
    """RLIMIT_DATA, not RLIMIT_AS: shared libraries map far more than they use; what a bomb grows is private data."""
    limit = memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
