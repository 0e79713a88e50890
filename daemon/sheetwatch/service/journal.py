"""Events as entries of systemd's journal, each value in a field: `journalctl SHEETWATCH_SCAN=20260314-00012`.

Needs systemd-python (python3-systemd), which not every machine has; where it is missing, lines go to stderr instead.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
SYSLOG: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_PREFIX = "SHEETWATCH_"
# Short names for what people search by.
_NAMES = {"scan_id": "SCAN", "sheet_id": "SHEET"}


def sender() -> Callable[..., object] | None:
    """What takes an entry's fields; None where systemd-python is missing."""
    try:
        from systemd import journal  # noqa: PLC0415 - only under systemd, and not on every machine
    except ImportError:
        return None
    send: Callable[..., object] = journal.sendv
    return send


class JournalLogger:
    """What structlog ends in: takes the fields of one entry."""

    def __init__(self, send: Callable[..., object]) -> None:
        self._send = send

    def msg(self, *fields: bytes) -> None:
        """Send an entry; one that cannot be sent must not undo what it tells of."""
        with contextlib.suppress(OSError):
            self._send(*fields)

    debug = info = warning = error = critical = exception = msg


def as_entry(_: object, __: str, event: Mapping[str, Any]) -> tuple[tuple[bytes, ...], dict[str, Any]]:
    """The last processor: an event as the fields of a journal entry (systemd.journal-fields(7))."""
    level = event.get("level", "info")
    values = {name: _text(value) for name, value in event.items() if name != "level" and value is not None}
    fields = {"MESSAGE": _line(values), "PRIORITY": SYSLOG.get(level, 6), "SYSLOG_IDENTIFIER": "sheetwatch"}
    if "scan_id" not in values and "sheet_id" in values:
        values["scan_id"] = values["sheet_id"].rpartition("-p")[0]  # the ledger names sheets <scan>-p<page>
    fields |= {_PREFIX + _NAMES.get(name, name.upper()): value for name, value in values.items()}
    return tuple(f"{name}={value}".encode(errors="backslashreplace") for name, value in fields.items()), {}


def _line(values: Mapping[str, str]) -> str:
    """For whoever reads along: what happened first, and then its values."""
    rest = {name: value for name, value in values.items() if name != "event"}
    return f"{values.get('event', '')} {structlog.processors.LogfmtRenderer()(None, '', rest)!s}".rstrip()


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
