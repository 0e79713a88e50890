"""Tell systemd how the service does (sd_notify(3)): datagrams to $NOTIFY_SOCKET; silent without it."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_S = 2.0


class Notifier:
    """READY, STATUS, WATCHDOG and STOPPING."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._last_status = ""
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1e6 if mine else 0.0

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._address)

    @property
    def alive_every_s(self) -> float:
        """How often the watchdog must hear of us; infinity without one."""
        return self.watchdog_s / 2 or float("inf")

    def ready(self) -> None:
        """The daemon watches its inboxes now."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The daemon finishes what it has begun."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The loop turns; systemd restarts a service whose loop does not."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`, when it is another one."""
        if text != self._last_status:
            self._last_status = text
            self._send(f"STATUS={plain_text(text)}", patience_s=0)  # a further line would be a message of its own

    def _send(self, message: str, *, patience_s: float = _PATIENCE_S) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # Nobody listens any more, or listens but does not read: the service must neither end nor wait for that.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
        ):
            out.settimeout(patience_s)
            out.sendto(message.encode(), address)
