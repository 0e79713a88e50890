"""Daemons under strace: what they do to the installation's files, and what strikes them at a call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

CHANGING = (
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat",
    "mkdir", "mkdirat", "rmdir", "truncate", "ftruncate", "fallocate", "copy_file_range", "sendfile",
    "utimensat", "openat", "open", "creat",
)  # fmt: skip
_CALL = re.compile(r"(?:(\d+) +)?(\w+)\((.*)")
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
    def file(self) -> str:
        """The path of its first descriptor."""
        return self.text.partition("<")[2].partition(">")[0]

    @property
    def changes(self) -> bool:
        """Whether it could change something: an open for reading does not."""
        return not self.name.startswith("open") or any(flag in self.text for flag in ("O_CREAT", "O_TRUNC"))


def calls_of(trace: Path) -> list[Call]:
    """The calls of a trace of one process, in order; numbered as strace numbers them for `when=`."""
    (calls,) = calls_by_process(trace).values()
    return calls


def calls_by_process(trace: Path) -> dict[str, list[Call]]:
    """The calls of every process, or thread, of a trace."""
    calls: dict[str, list[Call]] = {}
    numbers = Counter[tuple[str, str]]()
    for line in trace.read_text(errors="surrogateescape").splitlines():
        if match := _CALL.match(line):
            process, name, text = match.groups(default="")
            numbers[process, name] += 1
            calls.setdefault(process, []).append(Call(name, numbers[process, name], text))
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


# Everything that could change the installation, and what tells which file a descriptor is.
RECORDED = ("-xx", "-s", "1000000", "-e", "trace=" + ",".join(
    f"?{name}" for name in (*CHANGING, "close", "dup", "dup2", "dup3", "fcntl", "lseek", "mmap", "chmod",
                            "fchmod", "fchmodat", "mknod", "mknodat", "pwritev", "splice", "vmsplice", "io_submit",
                            "io_uring_setup", "ioctl")
))  # fmt: skip
_RECORDED = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (.*)")
_HEX = re.compile(r"\\x([0-9a-f]{2})")
_SECONDS = re.compile(r"tv_sec=(\d+), tv_nsec=(\d+)")
_HARMLESS = {"ioctl", "fcntl"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One whole system call of a trace with RECORDED: its arguments with data and descriptors' paths in hex."""

    name: str
    text: str
    result: str

    @property
    def failed(self) -> bool:
        """Whether it did nothing: refused, or cut off by a kill as it was entered."""
        return self.result.startswith(("-1", "?"))

    @property
    def descriptor(self) -> int:
        """The result as a number: a descriptor, a position, a count."""
        return int(self.result.partition("<")[0], 0)

    @property
    def mtime_ns(self) -> int:
        seconds, nanoseconds = _SECONDS.findall(self.text)[1]
        return int(seconds) * 10**9 + int(nanoseconds)

    def number(self, index: int) -> int:
        return int(self._argument(index).partition("<")[0], 0)

    def data(self, index: int) -> bytes:
        return _unhex(self._argument(index))

    def path(self, index: int) -> Path:
        """The path that is the first, or second, string of the call, made whole by its folder's descriptor."""
        strings = [(place, part) for place, part in enumerate(self.text.split(", ")) if part.startswith('"')]
        place, part = strings[index]
        folder = self._argument(place - 1).partition("<")[2] if place else ""
        return Path(os.fsdecode(_unhex(folder))) / os.fsdecode(_unhex(part))

    def concerns(self, base: Path, descriptors: Container[int]) -> bool:
        """Whether it is about files of the installation, or tells something in its log."""
        if self.name in _HARMLESS:
            return False
        first = self.text.partition(", ")[0]
        names_a_file = self.name.endswith("at") and '"' in self.text
        if first.partition("<")[0].isdecimal() and not names_a_file:
            number = self.number(0)
            return number in descriptors or (self.name == "write" and number == 2)
        if self.name == "mmap":
            return self.number(4) in descriptors
        return self.path(0).is_relative_to(base)

    def _argument(self, index: int) -> str:
        return self.text.split(", ")[index]


def recorded(trace: Path) -> list[Recorded]:
    """The calls of a trace of one process with one thread, in order."""
    calls = []
    for line in trace.read_text().splitlines():
        if match := _RECORDED.match(line):
            calls.append(Recorded(*match.groups()))
        else:
            assert "<unfinished" not in line or line.endswith("<unfinished ...>) = ?"), line
    return calls


def _unhex(text: str) -> bytes:
    return bytes.fromhex("".join(_HEX.findall(text)))
