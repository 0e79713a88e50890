"""A running daemon under faults: what it says of itself, to systemd, in its log and to `sheetwatch status`."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import psutil

from sheetwatch.ledger import Ledger, owed
from sheetwatch.service.site import LEDGER_NAME
from support.office import doubt, row, sheet
from support.processes import SETTINGS, Installation, wait_until
from support.promises import check, check_commands

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

RESUMES_S = 30.0
_BUSY = 0.3  # of a core; an idle daemon takes a hundredth
_LINES_PER_FAULT = 6  # and six more for every minute


class Systemd:
    """Listens as systemd does, and keeps what it heard."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.bind(self.address)
        self._thread = threading.Thread(target=self._listen)

    @property
    def status(self) -> str:
        return next((text for text in reversed(self.heard) if text.startswith("STATUS=")), "")

    def _listen(self) -> None:
        while message := self._socket.recv(4096):
            self.heard.append(message.decode())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()


@dataclass
class Office:
    """An installation with its daemon, and everything that was dropped into its inbox."""

    place: Installation
    process: subprocess.Popen[str]
    systemd: Systemd
    entered: list[bytes] = field(default_factory=list)

    @property
    def base(self) -> Path:
        return self.place.base

    def drop(self, count: int = 2) -> list[str]:
        """Scans, in turn of a row alone, and of a row and a page for review, which keeps it out of the archive."""
        first = len(self.entered)
        names = [f"s{number:03d}.tif" for number in range(first, first + count)]
        for number, name in enumerate(names, first):
            pages = [row(2 * number), doubt(2 * number + 1)]
            self.entered.append(sheet(*pages[: 1 + number % 2]))
            self.place.drop(name, self.entered[-1])
        return names

    @property
    def is_done(self) -> bool:
        """Whether every scan is a row and a review, and nothing fails."""
        count = len(self.entered)
        rows, review = len(self.place.csv_lines()), len(self.place.names("review"))
        arrived = (rows, review) == (count, 4 * (count // 2)) and not self.place.names("inbox")
        return arrived and not self.faults and self._nothing_is_owed()

    def _nothing_is_owed(self) -> bool:
        with Ledger.open_for_reading(self.base / "state" / LEDGER_NAME) as ledger:
            return owed(ledger).nothing

    @property
    def faults(self) -> str:
        """What fails, as systemd heard it last."""
        return self.systemd.status.partition("paused: ")[2]

    def wait_until_paused(self, *words: str) -> None:
        """Wait until the daemon says that intake is paused, and why."""
        wait_until(lambda: all(word in self.faults for word in words) and bool(self.faults))
        assert self.process.poll() is None
        status = self.place.command("status", "--json")
        if not (self.base / "state" / "sheetwatch.db").exists():
            assert (status.returncode, "there is no ledger yet" in status.stderr) == (74, True), status
            return
        assert status.returncode == 1, status
        problems: Any = json.loads(status.stdout)["problems"]
        assert any(all(word in problem for word in words) for problem in problems), problems

    def wait_until_done(self) -> float:
        """Wait until everything is read; fail when work does not resume in time. Returns the seconds it took."""
        started_s = time.monotonic()
        wait_until(lambda: self.is_done or self.process.poll() is not None, timeout_s=RESUMES_S)
        assert self.process.poll() is None, self.place.log[-2000:]
        return time.monotonic() - started_s

    @contextlib.contextmanager
    def quiet(self, lasting_s: float = 0.0) -> Iterator[None]:
        """Fail when, over the block and at least so long, the daemon spins or fills its log."""
        process, lines = psutil.Process(self.process.pid), len(self.place.log.splitlines())
        started_s, before = time.monotonic(), sum(process.cpu_times()[:2])
        yield
        wait_until(lambda: time.monotonic() - started_s >= lasting_s)
        seconds = time.monotonic() - started_s
        used = (sum(process.cpu_times()[:2]) - before) / seconds
        said = self.place.log.splitlines()[lines:]
        assert used < _BUSY, f"{used:.0%} of a core"
        most = _LINES_PER_FAULT * (1 + seconds / 60)
        assert len([line for line in said if '"info"' not in line]) <= most, "\n".join(said)

    def verify(self) -> None:
        """Check every promise."""
        check(self.place, self.entered)

    def verify_commands(self) -> None:
        check_commands(self.place)


@contextlib.contextmanager
def open_office(base: Path, settings: str = SETTINGS) -> Iterator[Office]:
    """A daemon at work; at the end stopped as systemd does, which must go well."""
    place = Installation(base, settings)
    with Systemd(base / "notify") as systemd:
        with place.daemon(NOTIFY_SOCKET=systemd.address) as process:
            yield Office(place, process, systemd)
        assert process.returncode == 0, place.log[-2000:]


def today() -> str:
    return f"{dt.datetime.now().astimezone():%Y-%m-%d}"
