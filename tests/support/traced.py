"""Daemons under strace: what they do to the installation's files, and what strikes them at a call."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CHANGING = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile",
    "utimensat", "openat", "open", "creat",
)  # fmt: skip
_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|<(/[^>]*)>')


def need_strace() -> str:
    """The strace program; skips the test, visibly, where it is absent or may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is absent")
    done = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()}")
    return strace


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of a trace; `number`: the how-manieth of its name. `text`: its arguments, as strace has them."""

    name: str
    number: int
    text: str

    def is_below(self, base: Path) -> bool:
        """Whether it concerns a file of an installation: its log and configuration are none."""
        paths = (quoted or angled for quoted, angled in _QUOTED.findall(self.text))
        apart = {str(base / "log"), str(base / "sheetwatch.yaml")}
        return any(path.startswith(f"{base}/") and path not in apart for path in paths)

    @property
    def changes(self) -> bool:
        """Whether it could change something: an open for reading does not."""
        return not self.name.startswith("open") or any(flag in self.text for flag in ("O_CREAT", "O_TRUNC"))


def calls_of(trace: Path) -> list[Call]:
    """The calls of a trace of one process, in order; numbered as strace numbers them for `when=`."""
    calls: list[Call] = []
    numbers: dict[str, int] = {}
    for line in trace.read_text(errors="surrogateescape").splitlines():
        if match := _CALL.match(line):
            name, text = match.groups()
            numbers[name] = numbers.get(name, 0) + 1
            calls.append(Call(name, numbers[name], text))
    return calls


@contextmanager
def attached(strace: str, pid: int, trace: Path, options: Sequence[str] = ()) -> Iterator[None]:
    """Trace a process that waits, from now on and until its end, which must come within the block."""
    line = [strace, "-f", "-y", "-p", str(pid), "-o", str(trace), *options]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        told = cast("IO[str]", process.stderr).readline()
        assert "attached" in told, told
        yield
        process.wait(60)
