"""Disks that a test mounts, fills and takes away again."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mount_memory(folder: Path, size: str = "64m") -> None:
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))


def unmount(folder: Path, *options: str) -> None:
    subprocess.run(["umount", *options, str(folder)], check=True)


@contextlib.contextmanager
def mounted(folder: Path, size: str = "64m") -> Iterator[Path]:
    """A small disk in memory at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mount_memory(folder, size)
    try:
        yield folder
    finally:
        _unmount_whatever(folder)


@contextlib.contextmanager
def bound(base: Path, names: Iterable[str]) -> Iterator[None]:
    """Folders of `base` that are mounts: of `<name>-aside`, where their content survives an unmount."""
    folders = [base / name for name in names]
    try:
        for folder in folders:
            aside = folder.with_name(f"{folder.name}-aside")
            aside.mkdir(parents=True)
            folder.mkdir()
            mount("--bind", str(aside), str(folder))
        yield
    finally:
        for folder in folders:
            _unmount_whatever(folder)


def fill(folder: Path) -> Path:
    """Write a file that leaves no space on the disk; removing it frees all."""
    ballast = folder / ".ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
    return ballast


def _unmount_whatever(folder: Path) -> None:
    while os.path.ismount(folder) or _is_bound(folder):
        unmount(folder, "--lazy")


def _is_bound(folder: Path) -> bool:
    """Whether a folder of the same disk is mounted there, which ismount cannot see."""
    return any(line.split(" ")[4] == str(folder) for line in Path("/proc/self/mountinfo").read_text().splitlines())


def can_mount() -> str | None:
    """Why no file system can be mounted here; None where one can."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return "mounting needs root and mount(8)"
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            unmount(Path(folder))
    return tried.stderr.strip() or None


_why_not = can_mount()
needs_mounts = pytest.mark.skipif(_why_not is not None, reason=f"no file system can be mounted here: {_why_not}")
