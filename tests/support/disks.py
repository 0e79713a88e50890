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
    from collections.abc import Iterator


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def mount_memory(folder: Path, size: str = "64m") -> None:
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))


def unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def mounted(folder: Path, size: str = "64m") -> Iterator[Path]:
    """A small disk in memory at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mount_memory(folder, size)
    try:
        yield folder
    finally:
        while os.path.ismount(folder):
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


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
