"""An object store that speaks S3, as a process of its own: moto's server, from PyPI."""

from __future__ import annotations

import os
import select
import socket
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

BUCKET = "archive"


@dataclass
class Store:
    """The server; it forgets everything when it ends. `port`: the same after a restart."""

    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program needs to find it, as deploy/cluster.md says."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        with self.log.open("ab") as log:
            line = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(line, stdout=log, stderr=log)
        wait_until(self._answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def put(self, objects: Mapping[str, bytes], bucket: str = BUCKET) -> None:
        """Make the bucket, and put objects into it."""
        client = self._client()
        try:
            client.create_bucket(Bucket=bucket)
            for key, data in objects.items():
                client.put_object(Bucket=bucket, Key=key, Body=data)
        finally:
            client.close()

    def requests(self, word: str) -> int:
        """How many requests so far had this word in their line."""
        return sum(word in line for line in self.log.read_text().splitlines())

    def _client(self) -> Any:
        import boto3  # noqa: PLC0415 - tests that use no store need none

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - a store for tests takes any
        )

    def _answers(self) -> bool:
        assert self.process is None or self.process.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


class Line:
    """The way to a store, which can be cut: who then asks is refused, and what was on its way is lost."""

    def __init__(self, store: Store) -> None:
        self._to = ("127.0.0.1", store.port)
        self._server: socketserver.ThreadingTCPServer | None = None
        self._connections: set[socket.socket] = set()
        self.port = 0

    def connect(self) -> None:
        line = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                line._carry(self.request)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def cut(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._server = None

    def _carry(self, caller: socket.socket) -> None:
        """Until either end has had enough."""
        with socket.create_connection(self._to) as store:
            ends = {caller: store, store: caller}
            self._connections |= {*ends}
            with suppress(OSError):
                while data := (ready := select.select([*ends], [], [])[0][0]).recv(1 << 16):
                    ends[ready].sendall(data)
            self._connections -= {*ends}


@contextmanager
def running_store(folder: Path) -> Iterator[Store]:
    """A store that runs; skips the test, visibly, where moto is absent."""
    pytest.importorskip("moto", reason="moto, the object store for tests, is not installed")
    pytest.importorskip("s3fs", reason="s3fs (extra cluster) is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = Store(log=folder / "store.log", port=port)
    try:
        store.start()
        yield store
    finally:
        store.stop()


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nobody says who asks."""
    return {key: value for key, value in environment.items() if not key.startswith("AWS_")} | {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
