"""The code for another machine: a copy of this checkout, and the locked packages for that machine's Python."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
_CODE = ("daemon", "config", "models", "deploy", "pyproject.toml", "README.md", "LICENSE")


_OLDEST_GLIBC, _NEWEST_GLIBC = 17, 36  # of manylinux2014, and of Debian 12


def wheels_for(base: Path, machine: str = "x86_64") -> Path:
    """The locked packages for the base's Python and that machine's processor, fetched once."""
    lock = REPOSITORY / "deploy/requirements/service.txt"
    (python,) = (path.name for path in (base / "usr/lib").glob("python3.*"))
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:8]
    wheels = base.parent / f"wheels-{python}-{machine}-{digest}"
    if not (wheels / "complete").exists():
        wheels.mkdir(exist_ok=True)
        wanted = wheels / "wanted.txt"
        wanted.write_text(for_python(lock.read_text(), python.removeprefix("python"), machine))
        line = [sys.executable, "-m", "pip", "download", "-qqq", "--require-hashes", "--only-binary", ":all:",
                "--python-version", python.removeprefix("python"), "-r", str(wanted), "-d", str(wheels)]  # fmt: skip
        line += ["--platform", f"manylinux2014_{machine}"]
        for glibc in range(_OLDEST_GLIBC, _NEWEST_GLIBC + 1):
            line += ["--platform", f"manylinux_2_{glibc}_{machine}"]
        if subprocess.run(line, check=False).returncode:
            pytest.skip("the locked packages cannot be fetched here (no network?)")
        (wheels / "complete").touch()
    return wheels


def for_python(lock: str, version: str, machine: str) -> str:
    """Those lines of a lock file that hold for another Python; pip asks its own, whatever it is told."""
    lines = []
    for line in lock.replace("\\\n", " ").splitlines():
        what, hashes, rest = line.partition(" --hash")
        requirement = Requirement(what)
        environment = {"python_version": version, "python_full_version": f"{version}.0", "platform_machine": machine}
        if requirement.marker is None or requirement.marker.evaluate(environment):
            requirement.marker = None
            lines.append(f"{requirement}{hashes}{rest}")
    return "\n".join(lines)


def copy_checkout(folder: Path, *, version: str | None = None) -> None:
    """The code as it is here; with another version number."""
    folder.mkdir()
    for name in _CODE:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "work"))
        else:
            shutil.copy(source, folder / name)
    if version:
        project = folder / "pyproject.toml"
        lines = project.read_text().splitlines()
        project.write_text("\n".join(f'version = "{version}"' if it.startswith("version =") else it for it in lines))
