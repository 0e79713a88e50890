"""Starts the daemon often and fast: a process that has imported everything, and forks one daemon after the other.

Each is a process of its own that runs `text_daemon.main` from the start to the end of the interpreter; only importing
is spared, which is most of the half second that a start takes. As a script, this is the process that forks: it reads
one JSON line per daemon (its arguments), answers with the daemon's process id, lets it begin at the next line, and
answers with its exit code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, cast

from support.processes import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.processes import Installation


@dataclass(frozen=True)
class Nursery:
    """The forking process, from outside."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Start it; end it at the end."""
        extra = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        line = [sys.executable, str(Path(__file__))]
        with subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(extra)
        ) as process:
            yield cls(process)
            cast("IO[str]", process.stdin).close()

    def live(
        self, place: Installation, watched: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext()
    ) -> int:
        """One life of a daemon over an inbox (--once). Returns its exit code, negative for a signal.

        `watched` is entered, with the process id, while the daemon waits for its beginning.
        """
        self._say(json.dumps([str(place.config), str(place.base / "log"), "--once"]))
        with watched(self._heard()):
            self._say("begin")
            return self._heard()

    def _say(self, line: str) -> None:
        stdin = cast("IO[str]", self.process.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    def _heard(self) -> int:
        return int(cast("IO[str]", self.process.stdout).readline())


def main() -> None:
    """Fork daemons until there is nothing more to read. A daemon returns from here to the end of its interpreter."""
    from support import text_daemon  # noqa: PLC0415 - only the forking process pays for it

    with open(0, "rb", buffering=0, closefd=False) as commands:  # shared with the daemons
        while line := commands.readline():
            config, log, *options = json.loads(line)
            daemon = os.fork()
            if not daemon:
                _stderr_to(log)
                print(os.getpid(), flush=True)
                commands.readline()
                sys.argv = [text_daemon.__file__, config, *options]
                sys.exit(text_daemon.main())
            print(os.waitstatus_to_exitcode(os.waitpid(daemon, 0)[1]), flush=True)


def _stderr_to(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 2)
    os.close(descriptor)


if __name__ == "__main__":
    main()
