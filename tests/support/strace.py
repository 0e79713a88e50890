"""Make system calls of a running daemon fail, with strace(1): what a test injects is what the kernel would answer."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def attached(process: subprocess.Popen[str], inject: str, paths: Iterable[str | Path]) -> Iterator[Path]:
    """While the block runs, calls on exactly these paths fail as `inject` says (CALLS:error=E:when=N..M).

    Yields strace's log: the calls on these paths, those that failed marked as injected.
    """
    calls = inject.partition(":")[0]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        options = ["-f", "-qqq", "-o", str(log), "-e", f"trace={calls}", "-e", f"inject={inject}"]
        options += [option for path in paths for option in ("-P", str(path))]
        tracer = subprocess.Popen(["strace", *options, "-p", str(process.pid)])
        try:
            wait_until(lambda: _is_traced(process.pid) or tracer.poll() is not None)
            assert tracer.poll() is None, "strace could not attach"
            yield log
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(30)


def injected(log: Path) -> list[str]:
    """The calls that failed, one line each."""
    if not log.exists():
        return []
    return [line for line in log.read_text().splitlines() if line.endswith("(INJECTED)")]


def _is_traced(pid: int) -> bool:
    return all("TracerPid:\t0" not in (task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir())


def why_not() -> str | None:
    """Why no system call can be made to fail here; None where it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-qqq", "-e", "trace=uname", "-e", "inject=uname:error=EIO", "uname"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if "INJECTED" in tried.stderr else f"strace cannot inject: {tried.stderr.strip()}"


_why_not = why_not()
needs_strace = pytest.mark.skipif(_why_not is not None, reason=f"no call can be made to fail here: {_why_not}")
