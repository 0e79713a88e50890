"""The demo's folder, and the real daemon that works in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from sheetwatch.domain import EnvironmentFault, LedgerError, SheetwatchError, UsageError
from sheetwatch.ledger import Ledger, accounting, owed
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from sheetwatch.cli.demo_scans import DemoScan
    from sheetwatch.domain import Settings

_MARKER = ".sheetwatch-demo"
_OURS = ("inbox", "results", "archive", "review", "state", "sheetwatch.yaml", "daemon.log", _MARKER)
_CONFIGURATION = """\
# Written by `sheetwatch demo`. Delete the folder when you have seen enough of it.
version: 1
templates: [{templates}]
accept: {{max_field_error: 0.01}}    # ten times the default, so that rows are seen: see models/README.md
watch: {{settle_s: 1, rescan_s: 2, incomplete_after_s: 8}}    # a demo is more impatient than an office
log: {{format: json}}
"""
_PIECES = 5
_PIECE_PAUSE_S = 0.04
_STOP_S = 30.0
_ASK_S = 0.5


def prepare_folder(folder: Path, templates: Path) -> Path:
    """Make the demo's folder, emptied of an earlier demo. Returns its configuration file.

    Raises UsageError when the folder holds anything that no demo wrote.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: this is no folder; name another one with --dir")
    if folder.is_dir() and any(folder.iterdir()):
        _clear(folder)
    (folder / "inbox").mkdir(parents=True)
    (folder / _MARKER).write_text("This folder was made by `sheetwatch demo`, which empties it again.\n", "utf-8")
    configuration = folder / "sheetwatch.yaml"
    configuration.write_text(_CONFIGURATION.format(templates=_quoted(templates)), "utf-8")
    return configuration


def _clear(folder: Path) -> None:
    if not (folder / _MARKER).is_file():
        raise UsageError(f"{folder}: the folder is not empty and no earlier demo's; name another one with --dir")
    strangers = sorted(path.name for path in folder.iterdir() if path.name not in _OURS)
    if strangers:
        raise UsageError(f"{folder}: holds {strangers[0]}, which no demo wrote; move it away, or use --dir")
    for name in _OURS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _quoted(path: Path) -> str:
    """A path as a YAML string."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Daemon:
    """`sheetwatch run` as a process of its own, stopped when the block ends, however it ends."""

    def __init__(self, configuration: Path, settings: Settings) -> None:
        self._settings = settings
        self.log = configuration.with_name("daemon.log")
        self._command = [sys.executable, "-m", "sheetwatch", "run", "--config", str(configuration)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C is for the demo, which then stops the daemon in good order.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check(self) -> None:
        """Raise SheetwatchError when the daemon has ended by itself."""
        code = self._process.poll() if self._process else 0
        if code is not None:
            raise SheetwatchError(f"the daemon ended with code {code}: {self.last_line()}; see {self.log}")

    def last_line(self) -> str:
        """What the daemon said last."""
        lines = self.log.read_text("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

    def settled_pages(self, pages: int, *, timeout_s: float) -> Iterator[int]:
        """How many pages are decided, asked twice a second until it is all and nothing is owed, or time runs out.

        Raises SheetwatchError when the daemon ends meanwhile.
        """
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            self.check()
            decided, nothing_owed = self._look()
            yield decided
            if decided == pages and nothing_owed:
                return
            time.sleep(_ASK_S)

    def _look(self) -> tuple[int, bool]:
        """Pages decided, and whether the folders say what the ledger says."""
        try:
            with Ledger.open_for_reading(self._settings.state / LEDGER_NAME) as ledger:
                counts = accounting(ledger)
                return counts.pages_in - counts.in_work, owed(ledger).nothing
        except LedgerError:  # the daemon has not made it yet
            return 0, False

    def stop(self) -> int:
        """SIGTERM, and its exit code. Raises EnvironmentFault when it does not go, after it was killed."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise EnvironmentFault(f"the daemon did not stop within {_STOP_S:g} s of SIGTERM; see {self.log}") from None


def deliver(scan: DemoScan, inbox: Path) -> None:
    """Write a scan as scanners do: in pieces under its own name, or whole under another and then renamed."""
    target = inbox / scan.name
    written = target if scan.bit_by_bit else target.with_name(f"{scan.name}.tmp")
    size = -(-len(scan.data) // _PIECES)
    with written.open("wb", buffering=0) as file:
        for start in range(0, len(scan.data), size):
            file.write(scan.data[start : start + size])
            time.sleep(_PIECE_PAUSE_S)
        os.fsync(file.fileno())
    if written != target:
        written.rename(target)
