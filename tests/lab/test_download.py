"""Fetching MNIST, from a server on this machine that behaves well or badly."""

from __future__ import annotations

import gzip
import hashlib
import struct
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sheetwatch.cli import main
from sheetwatch.domain import EnvironmentFault
from sheetwatch.lab import download
from sheetwatch.lab.download import MNIST_FILES, RemoteFile, cache_folder, fetch_mnist
from sheetwatch.lab.labelled import load_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Server:
    """What it has and was asked for. `cut`: it sends only half of each file; `length`: it says how long they are."""

    files: dict[str, bytes]
    status: int = 200
    cut: bool = False
    length: bool = True
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.lstrip("/")
        self.asked.append(name)
        content = self.files.get(name)
        if self.status != 200 or content is None:
            request.send_error(self.status if self.status != 200 else 404)
            return
        request.send_response(200)
        if self.length:
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) // 2] if self.cut else content)


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.address = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def idx_pair(count: int, seed: int) -> tuple[bytes, bytes]:
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 8:20] = rng.integers(0, 256, (count, 16, 12))
    labels = (np.arange(count) % 10).astype(np.uint8)
    return (
        struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes(),
        struct.pack(">II", 0x801, count) + labels.tobytes(),
    )


def small_mnist() -> tuple[dict[str, bytes], list[RemoteFile]]:
    contents = [*idx_pair(40, 1), *idx_pair(20, 2)]
    files = [
        RemoteFile(name=known.name, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for known, content in zip(MNIST_FILES, contents, strict=True)
    ]
    return {file.name: gzip.compress(content) for file, content in zip(files, contents, strict=True)}, files


def test_four_files_come_and_load(tmp_path: Path) -> None:
    packed, files = small_mnist()
    told: list[tuple[str, int, int]] = []
    with serving(Server(packed)) as server:
        folder = fetch_mnist(
            tmp_path / "mnist", mirrors=[server.address], files=files, report=lambda *step: told.append(step)
        )
    parts = load_parts(folder)
    assert parts.test is not None
    assert (len(parts.training.images), len(parts.test.images)) == (40, 20)
    assert {name for name, done, of in told if done == of} == set(packed)


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    packed, files = small_mnist()
    with serving(Server(packed)) as server:
        fetch_mnist(tmp_path, mirrors=[server.address], files=files)
        (tmp_path / files[2].name).write_bytes(packed[files[2].name][:50])
        server.asked.clear()
        fetch_mnist(tmp_path, mirrors=[server.address], files=files)
    assert server.asked == [files[2].name]
    assert (tmp_path / files[2].name).read_bytes() == packed[files[2].name]


def test_the_next_mirror_helps_out(tmp_path: Path) -> None:
    packed, files = small_mnist()
    with serving(Server(packed, status=503)) as broken, serving(Server(packed)) as whole:
        fetch_mnist(tmp_path, mirrors=[broken.address, whole.address], files=files)
    assert len(broken.asked) == len(whole.asked) == 4


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("503", "answers 503 Service Unavailable"),
        ("missing", "answers 404"),
        ("cut", "cut short"),
        ("changed", "wrong checksum"),
        ("page", "no gzip file"),
        ("bomb", "wrong checksum"),
        ("long", "sends more than"),
    ],
)
def test_a_bad_answer_leaves_nothing_behind(tmp_path: Path, fault: str, reason: str, *, length: bool) -> None:
    packed, files = small_mnist()
    first = files[0]
    changes = {
        "missing": {name: content for name, content in packed.items() if name != first.name},
        "changed": packed | {first.name: packed[files[2].name]},
        "page": packed | {first.name: b"<html>moved</html>"},
        "bomb": packed | {first.name: gzip.compress(bytes(4_000_000))},
        "long": packed | {first.name: bytes(first.size_bytes + 10_000)},
    }
    server = Server(
        changes.get(fault, packed), status=503 if fault == "503" else 200, cut=fault == "cut", length=length
    )
    with serving(server), pytest.raises(EnvironmentFault) as caught:
        fetch_mnist(tmp_path, mirrors=[server.address], files=files)
    assert reason in str(caught.value)
    assert server.address in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_network_is_said_with_every_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Server({})) as server:
        gone = server.address
    monkeypatch.setattr(download, "fetch_mnist", partial(fetch_mnist, mirrors=[gone]))
    assert main(["train", "--download", str(tmp_path / "mnist")]) == EnvironmentFault.exit_code
    said = capsys.readouterr().err
    assert f"{gone}: Connection refused" in said
    assert "put MNIST's four files into" in said
    assert "Traceback" not in said


def test_the_command_fetches_into_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, files = small_mnist()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(Server(packed)) as server:
        monkeypatch.setattr(download, "fetch_mnist", partial(fetch_mnist, mirrors=[server.address], files=files))
        assert main(["train", "--download"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "sheetwatch" / "mnist")
    assert sorted(path.name for path in (tmp_path / "sheetwatch" / "mnist").iterdir()) == sorted(packed)


def test_a_slow_answer_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed, files = small_mnist()
    monkeypatch.setattr(download, "_LONGEST_S", -1.0)
    with serving(Server(packed)) as server, pytest.raises(EnvironmentFault, match="takes longer"):
        fetch_mnist(tmp_path, mirrors=[server.address], files=files)


def test_cache_folder_follows_the_xdg_specification(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "sheetwatch" / "mnist"
    home = cache_folder({})
    assert home.parts[-3:] == (".cache", "sheetwatch", "mnist")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == home


def test_the_checksums_are_those_of_mnist(shared_data: Path) -> None:
    found = []
    for part in ("train", "test"):
        with np.load(shared_data / "train" / f"mnist_{part}.npz", allow_pickle=False) as data:
            images, labels = data["images"], data["labels"].astype(np.uint8)
        found.append(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
        found.append(struct.pack(">II", 0x801, len(labels)) + labels.tobytes())
    assert [(len(one), hashlib.sha256(one).hexdigest()) for one in found] == [
        (file.size_bytes, file.sha256) for file in MNIST_FILES
    ]
