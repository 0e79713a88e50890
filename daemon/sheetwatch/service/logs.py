"""Logs are events with fields. Under systemd they go to the journal, on a terminal they are coloured, else JSON.

The journal takes the fields as they are (`sheetwatch.service.journal`), or lines with a priority from stderr.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

import structlog

from sheetwatch.service import journal

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import FilteringBoundLogger, Processor

    from sheetwatch.domain import Log

_COMMON: tuple[Processor, ...] = (structlog.processors.add_log_level, structlog.processors.format_exc_info)
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(log: Log) -> FilteringBoundLogger:
    """Set up logging as the settings ask, and return the program's logger."""
    chosen = _chosen_format(log)
    send = journal.sender() if chosen == "journal" else None
    structlog.configure(
        processors=[*_COMMON, journal.as_entry] if send else _processors(chosen),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[log.level]),
        logger_factory=(lambda: journal.JournalLogger(send)) if send else _to_stderr(),
        cache_logger_on_first_use=False,
    )
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _to_stderr() -> structlog.WriteLoggerFactory:
    return structlog.WriteLoggerFactory(file=cast("TextIO", _Forgiving(sys.stderr)))


class _Forgiving(io.TextIOBase):
    """A stream whose faults matter to nobody: a log line that cannot be written must not undo what it tells of."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.flush()


def _chosen_format(log: Log) -> str:
    if log.format != "auto":
        return log.format
    if _is_journal():
        return "journal"
    return "console" if sys.stderr.isatty() else "json"


def _is_journal() -> bool:
    """Whether stderr is the journal's stream (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _processors(chosen: str) -> list[Processor]:
    stamped: list[Processor] = [*_COMMON, structlog.processors.TimeStamper(fmt="iso", utc=chosen == "json")]
    if chosen == "console":
        return [*stamped[:1], stamped[-1], structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    if chosen == "journal":
        return [*_COMMON, _journal_line]
    return [*stamped, structlog.processors.JSONRenderer(ensure_ascii=True)]


def _journal_line(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """One line with its priority in front (sd-daemon(3)); the journal adds time and unit itself."""
    level = event.pop("level", "info")
    line = structlog.processors.LogfmtRenderer(key_order=["event"], bool_as_flag=False)(None, "", event)
    return f"<{journal.SYSLOG.get(level, 6)}>{line}"
