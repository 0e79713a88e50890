"""A whole Debian machine for a test: booted by systemd-nspawn, alone on its network, gone afterwards.

The base system is made once by debootstrap, in $SHEETWATCH_MACHINES (default /var/tmp/sheetwatch-machines), and stays
there for the next run; each machine lies over it and leaves it as it is. A base for another processor is not booted:
its commands are run one by one, by qemu.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_BASES = Path(os.environ.get("SHEETWATCH_MACHINES", "/var/tmp/sheetwatch-machines"))  # noqa: S108 - kept on purpose
_PACKAGES = "systemd,systemd-sysv,dbus,ca-certificates,python3,python3-venv,python3-systemd,samba,smbclient"
_TOOLS = {"systemd-nspawn": "systemd-container", "debootstrap": "debootstrap", "nsenter": "util-linux"}
_NSPAWN = ("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--resolv-conf=off")
_ARM64_HANDLER = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
# A Raspberry Pi 4. Unnamed, qemu's processor has every extension, and those of version 7.2 multiply matrices wrongly;
# and the interpreter crashes over what /proc/cpuinfo says of this machine's.
_PI_PROCESSOR = "cortex-a72"
_PI_CPUINFO = """processor\t: {}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def require_machines() -> None:
    """Skip where no machine can be booted, or tests that follow one would be dealt out to several processes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("runs alone, without -n")
    if os.geteuid() != 0:
        pytest.skip("a machine can be booted by root only")
    missing = sorted(package for tool, package in _TOOLS.items() if shutil.which(tool) is None)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install {' '.join(missing)})")


def require_arm64() -> None:
    """Skip where programs for 64-bit ARM cannot be run inside another root (flag F: the kernel holds qemu open)."""
    if not _ARM64_HANDLER.exists() or "F" not in _ARM64_HANDLER.read_text().partition("flags:")[2].split("\n")[0]:
        pytest.skip("64-bit ARM cannot be emulated here (apt install qemu-user-static binfmt-support)")


def base_system(suite: str, architecture: str = "amd64", *more: str) -> Path:
    """A Debian of that name, with these packages more; made once. Skips where its packages cannot be fetched."""
    base = _BASES / "-".join((suite, architecture, *more))
    if not (base / "complete").exists():
        shutil.rmtree(base, ignore_errors=True)
        base.parent.mkdir(parents=True, exist_ok=True)
        line = [
            "debootstrap",
            f"--arch={architecture}",
            "--variant=minbase",
            f"--include={','.join((_PACKAGES, *more))}",
            suite,
            str(base),
        ]
        if subprocess.run(line, check=False, stdout=subprocess.DEVNULL).returncode:
            pytest.skip(f"debootstrap cannot make a {suite} here (no network?)")
        (base / "complete").touch()
    return base


@dataclass(eq=False)
class Machine:
    """One machine; `root` is its disk, for the test to look at and put files into."""

    root: Path
    console: Path
    process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Switch it on, and wait until everything has started."""
        line = [*_NSPAWN, "--boot", f"--directory={self.root}", "--machine=sheetwatch-test"]
        with self.console.open("ab") as out:
            # Debian 13's systemd takes no other hierarchy of cgroups; a host may have both.
            environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        wait_until(lambda: self._state() in {"running", "degraded"} or self.process_has_ended, timeout_s=120)
        if self.process_has_ended:
            pytest.skip(f"systemd cannot boot in a container here: {self.console.read_text(errors='replace')[-400:]}")

    @property
    def process_has_ended(self) -> bool:
        """Whether it is off."""
        return self.process is None or self.process.poll() is not None

    def power_off(self) -> None:
        """Shut it down in order."""
        if self.process and not self.process_has_ended:
            self.run("systemctl", "poweroff", check=False)
            self.process.wait(120)

    def pull_the_plug(self) -> None:
        """End everything in it at once."""
        leader = self._leader()
        assert leader is not None
        assert self.process is not None
        leader.kill()
        self.process.wait(60)

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it as root."""
        leader = self._leader()
        assert leader is not None, "the machine is off"
        line = ["nsenter", f"--target={leader.pid}", "--all", "env", "-i", "--chdir=/", _PATH, *command]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, timeout=900)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def ask(self, *command: str) -> str:
        """What a command says."""
        return self.run(*command, check=False).stdout.strip()

    def _state(self) -> str:
        return self.ask("systemctl", "is-system-running") if self._leader() else "off"

    def _leader(self) -> psutil.Process | None:
        """The machine's first process, as this system sees it."""
        if self.process is None or self.process.poll() is not None:
            return None
        for child in psutil.Process(self.process.pid).children(recursive=True):
            numbers = _own_numbers(child.pid)
            if len(numbers) > 1 and numbers[-1] == "1":
                return child
        return None


def _own_numbers(pid: int) -> list[str]:
    """A process's number in each namespace that it is in, ours first (proc(5): NSpid)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    return next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])


def run_in(root: Path, *command: str, expect: Container[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run one command as root in a system that is not booted."""
    line = [*_NSPAWN, f"--directory={root}", "--pipe", "env", "-i", _PATH, *command]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode in expect, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def run_as_pi(root: Path, *command: str, expect: Container[int] = (0,)) -> subprocess.CompletedProcess[str]:
    """As `run_in`, on an emulated Raspberry Pi 4."""
    (root / "cpuinfo").write_text("".join(_PI_CPUINFO.format(number) for number in range(os.cpu_count() or 1)))
    within = 'mount --bind /cpuinfo /proc/cpuinfo && exec "$@"'
    return run_in(root, f"QEMU_CPU={_PI_PROCESSOR}", "sh", "-c", within, "sh", *command, expect=expect)


@contextmanager
def disk(base: Path) -> Iterator[tuple[Path, Path]]:
    """A disk over a base system's, and a folder beside it; what is written is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=base.parent, prefix="machine-") as folder:
        upper, work, root = (Path(folder) / name for name in ("upper", "work", "root"))
        for place in (upper, work, root):
            place.mkdir()
        options = f"lowerdir={base},upperdir={upper},workdir={work}"
        mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=False)
        if mounted.returncode:
            pytest.skip("overlay file systems cannot be mounted here")
        try:
            yield root, Path(folder)
        finally:
            subprocess.run(["umount", str(root)], check=True)


@contextmanager
def machine(base: Path) -> Iterator[Machine]:
    """A machine over a base system, switched off; it and all that was written is gone afterwards."""
    with disk(base) as (root, folder):
        made = Machine(root=root, console=folder / "console")
        try:
            yield made
        finally:
            try:
                made.power_off()
            finally:
                if made.process and not made.process_has_ended:
                    made.pull_the_plug()
