"""A real Samba server for a test, and clients that can be killed: all on loopback, all below one folder."""

from __future__ import annotations

import ctypes.util
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
import pytest

from support.processes import environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLIENT = Path(__file__).with_name("smb_client.py")
_SHARE = "scans"
_SETTINGS = """[global]
server role = standalone server
security = user
map to guest = Bad User
guest account = {user}
smb ports = {port}
interfaces = 127.0.0.1/8
bind interfaces only = yes
disable netbios = yes
load printers = no
disable spoolss = yes
printing = bsd
printcap name = /dev/null
lock directory = {base}/lock
state directory = {base}/state
cache directory = {base}/cache
pid directory = {base}/pid
private dir = {base}/private
ncalrpc dir = {base}/ncalrpc
log file = {base}/smbd.log
[{share}]
path = {folder}
guest ok = yes
guest only = yes
read only = no
"""
_FOLDERS = ("lock", "state", "cache", "pid", "private", "ncalrpc", "home/.smb")


@dataclass(frozen=True)
class Samba:
    """A running server that exports one folder."""

    base: Path
    port: int

    @property
    def url(self) -> str:
        return f"smb://127.0.0.1:{self.port}/{_SHARE}"

    @property
    def environment(self) -> dict[str, str]:
        """With a home of its own, where the client library looks for its settings."""
        return environment({"HOME": str(self.base / "home")})

    def smbclient(self, commands: str, *, stdin: int | None = None) -> subprocess.Popen[bytes]:
        """Samba's own client at work."""
        line = ["smbclient", "-s", str(self.base / "client.conf"), "-N", "-p", str(self.port)]
        return subprocess.Popen(
            [*line, f"//127.0.0.1/{_SHARE}", "-c", commands],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )


def require_samba() -> None:
    """Skip where there is no Samba, or no right to start it."""
    missing = [tool for tool in ("smbd", "smbclient") if shutil.which(tool, path=_path()) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt install samba smbclient)")
    if ctypes.util.find_library("smbclient") is None:
        pytest.skip("not installed: libsmbclient (comes with smbclient)")
    if os.geteuid() != 0:
        pytest.skip("smbd must be started by root")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@contextmanager
def exported(folder: Path, base: Path) -> Iterator[Samba]:
    """Export a folder to guests; the server, and all that it started, has ended when the block has."""
    require_samba()
    server = Samba(base=base, port=_free_port())
    process = subprocess.Popen(
        [
            shutil.which("smbd", path=_path()) or "smbd",
            *("--foreground", "--no-process-group", "--debug-stdout", "-s", str(_write_settings(server, folder))),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: _answers(server.port) or process.poll() is not None, timeout_s=30)
        assert process.poll() is None, f"smbd ended with {process.returncode}"
        yield server
    finally:
        _end(process)


def _write_settings(server: Samba, folder: Path) -> Path:
    for name in _FOLDERS:
        (server.base / name).mkdir(parents=True)
    for place in (server.base / "client.conf", server.base / "home" / ".smb" / "smb.conf"):
        place.write_text("[global]\nclient min protocol = SMB2\n")
    settings = server.base / "smb.conf"
    user = pwd.getpwuid(os.geteuid()).pw_name
    settings.write_text(
        _SETTINGS.format(base=server.base, folder=folder, port=server.port, share=_SHARE, user=user), "utf-8"
    )
    return settings


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server with its children, which are not ours to wait for."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    process.wait(30)
    _, alive = psutil.wait_procs(family, timeout=10)
    for child in alive:
        child.kill()
    psutil.wait_procs(alive, timeout=10)


class SmbClient:
    """A scanner that writes into the share: every operation has reached the server when it returns."""

    def __init__(self, server: Samba) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_CLIENT), server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=server.environment,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def open(self, name: str) -> None:
        self._ask("open", name)

    def write(self, name: str, offset: int, data: bytes) -> None:
        assert self._ask("write", name, offset, data.decode("latin-1")) == len(data)

    def resize(self, name: str, size_bytes: int) -> None:
        self._ask("resize", name, size_bytes)

    def close(self, name: str) -> None:
        self._ask("close", name)

    def rename(self, name: str, new: str) -> None:
        self._ask("rename", name, new)

    def mkdir(self, name: str) -> None:
        self._ask("mkdir", name)

    def put(self, name: str, data: bytes) -> None:
        """A whole file at once."""
        self.open(name)
        self.write(name, 0, data)
        self.close(name)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does: the server closes its files."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(30)

    def _ask(self, *line: str | int) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, int), answer
        return answer
