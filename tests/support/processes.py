"""Start the program as real processes, and wait for what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TEXT_DAEMON = Path(__file__).with_name("text_daemon.py")
SETTINGS = "version: 1\nwatch: {settle_s: 0.3, rescan_s: 0.5, incomplete_after_s: 2}\nlog: {format: json}\n"


def wait_until(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    """Wait for a condition; fail when it does not come true."""
    pause = threading.Event()
    for _ in range(int(timeout_s / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError(f"{condition} did not come true within {timeout_s:g} s")


@dataclass(frozen=True)
class Installation:
    """A folder with a configuration, for processes."""

    base: Path
    settings: str = SETTINGS

    def __post_init__(self) -> None:
        (self.base / "inbox").mkdir(parents=True, exist_ok=True)
        self.config.write_text(self.settings)

    @property
    def config(self) -> Path:
        return self.base / "sheetwatch.yaml"

    def drop(self, name: str, data: bytes) -> None:
        (self.base / "inbox" / name).write_bytes(data)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "sheetwatch", "--config", str(self.config), *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=False, cwd=self.base, env=environment())

    def status(self) -> dict[str, Any]:
        done = self.command("status", "--json")
        return json.loads(done.stdout) if done.stdout else {"accounting": {}, "daemon": done.stderr}

    def command_json(self, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.command(*arguments, "--json").stdout)
        return answer

    def csv_lines(self) -> list[str]:
        files = sorted((self.base / "results").glob("[!.]*.csv"))  # none that is being written
        return [line for file in files for line in file.read_text().splitlines()[1:]]

    def names(self, folder: str) -> list[str]:
        """Every file below a folder, but for those that are being written."""
        root = self.base / folder
        files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".sheetwatch-")]
        return sorted(str(path.relative_to(root)) for path in files)

    def start(self, *program: str, **extra: str) -> subprocess.Popen[str]:
        log = (self.base / "log").open("a")
        with log:
            return subprocess.Popen(
                [sys.executable, *program], stdout=log, stderr=log, text=True, cwd=self.base, env=environment(extra)
            )

    @contextmanager
    def daemon(self, *program: str, **extra: str) -> Iterator[subprocess.Popen[str]]:
        """A running daemon, by default with workers that read text; stopped at the end as systemd does."""
        process = self.start(*(program or (str(TEXT_DAEMON), str(self.config))), **extra)
        try:
            wait_until(lambda: '"started"' in self.log or process.poll() is not None)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    @property
    def log(self) -> str:
        path = self.base / "log"
        return path.read_text() if path.exists() else ""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, with the tests' helpers importable."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(extra or {})}
