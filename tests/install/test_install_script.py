"""install.sh as far as it can be seen without a machine of its own: how it is called, and what --dry-run would do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRIPT = DEPLOY / "install.sh"


def install(*arguments: str, trace: Path | None = None) -> subprocess.CompletedProcess[str]:
    watch = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace)] if trace else []
    return subprocess.run([*watch, "sh", str(SCRIPT), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("install", "--nonsense"), ("install", "--wheel"), ("install", "--purge")]
)
def test_a_call_that_means_nothing_fails_with_the_usage(arguments: tuple[str, ...]) -> None:
    done = install(*arguments)
    assert done.returncode == 64
    assert "sh deploy/install.sh install [options]" in done.stderr


def test_a_wheel_that_is_not_there_is_named() -> None:
    done = install("install", "--dry-run", "--wheel", "/nowhere/sheetwatch-1-py3-none-any.whl")
    assert (done.returncode, done.stdout) == (64, "")
    assert "/nowhere/sheetwatch-1-py3-none-any.whl: there is no such wheel" in done.stderr


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no Debian")
def test_a_dry_run_prints_every_step_and_starts_nothing_that_changes_anything(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("not installed: strace")
    trace = tmp_path / "trace"
    done = install("install", "--dry-run", "--samba", "--web", trace=trace)
    assert done.returncode == 0, done.stderr
    for step in ("useradd --system", "--require-hashes", "/etc/sheetwatch/sheetwatch.yaml", "systemctl", "testparm"):
        assert step in done.stdout
    started = {name for _, name in re.findall(r'execve\("([^"]*/)?([^"/]+)"', trace.read_text())}
    assert started <= {
        "sh", "dirname", "basename", "readlink", "sed", "grep", "dpkg", "dpkg-query", "python3", "find", "sha256sum",
        "sort", "cut", "getent", "cat", "id", "python3.11", "python3.12", "python3.13",
    }  # fmt: skip


def test_the_shell_scripts_are_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("not installed: shellcheck")
    scripts = [str(path) for path in sorted(DEPLOY.rglob("*.sh"))]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
