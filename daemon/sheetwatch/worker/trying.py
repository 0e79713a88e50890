"""The numbers on a picture that somebody tries, spotted in a process of its own, under a worker's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import Reason, ReasonCode
from sheetwatch.worker import SpotOutcome, WorkerFailure
from sheetwatch.worker.alone import run_alone

if TYPE_CHECKING:
    from sheetwatch.domain import Settings


def try_picture(data: bytes, settings: Settings) -> SpotOutcome:
    """Spot the numbers of a file's first page, and draw it. Takes seconds: it starts a process. Stores nothing.

    Raises SheetwatchError when the model or the system is at fault; what is wrong with the file is in the outcome.
    """
    try:
        return run_alone(_spot, data, settings, limits=settings.limits)
    except WorkerFailure as failure:
        return SpotOutcome(problem=failure.reason)
    except OSError as error:
        return SpotOutcome(problem=Reason(code=ReasonCode.UNREADABLE_FILE, detail=str(error)))


def _spot(data: bytes, settings: Settings) -> SpotOutcome:
    """Runs in the process. Raises ConfigError."""
    from sheetwatch.worker.spot_desk import SpotDesk  # noqa: PLC0415 - the pages must not load OpenCV

    return SpotDesk.set_up(settings).spot_bytes(data)
