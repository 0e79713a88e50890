"""Fetch MNIST's four files from their public addresses.

What is checked is what the files hold once unpacked, for mirrors pack them anew: the digests are those of the files of
http://yann.lecun.com/exdb/mnist, whose licence is CC BY-SA 3.0.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch import __version__
from sheetwatch.domain import EnvironmentFault
from sheetwatch.files import make_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "http://yann.lecun.com/exdb/mnist",
)
"""Asked in this order. The last is the classic address, which is often down."""

_BLOCK_BYTES = 1 << 16
_SPARE_BYTES = 4096  # gzip's own, where a mirror did not compress
_SILENCE_S = 20.0
_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of MNIST. `size_bytes` and `sha256`: of what it holds unpacked."""

    name: str
    size_bytes: int
    sha256: str


MNIST_FILES = (
    RemoteFile(
        name="train-images-idx3-ubyte.gz",
        size_bytes=47_040_016,
        sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    RemoteFile(
        name="train-labels-idx1-ubyte.gz",
        size_bytes=60_008,
        sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    RemoteFile(
        name="t10k-images-idx3-ubyte.gz",
        size_bytes=7_840_016,
        sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    RemoteFile(
        name="t10k-labels-idx1-ubyte.gz",
        size_bytes=10_008,
        sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


class _Refused(Exception):  # noqa: N818 - one mirror's answer, not the end
    """Why a mirror's file cannot be used."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME/sheetwatch/mnist, or the same under ~/.cache."""
    base = environment.get("XDG_CACHE_HOME", "")
    # the XDG specification: a relative path is to be ignored
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "sheetwatch" / "mnist"


def fetch_mnist(
    folder: Path,
    *,
    mirrors: Sequence[str] = MIRRORS,
    files: Sequence[RemoteFile] = MNIST_FILES,
    report: Callable[[str, int, int], None] = lambda _name, _done, _of: None,
) -> Path:
    """Fetch what is not there yet; returns the folder. A file that is there and whole is not fetched again.

    `report` is told the file's name, how many bytes of it came, and of how many. Files are renamed into place only
    when they are whole and right. Raises EnvironmentFault naming each mirror and its reason; OSError when the folder
    cannot be written.
    """
    make_folder(folder)
    for file in files:
        if not _is_there(folder / file.name, file):
            write_atomically(folder / file.name, _from_any(mirrors, file, folder, report))
    return folder


def _is_there(path: Path, file: RemoteFile) -> bool:
    """Whether the file is there, whole and right."""
    try:
        _check(path.read_bytes(), file)
    except (FileNotFoundError, _Refused):
        return False
    return True


def _from_any(mirrors: Sequence[str], file: RemoteFile, folder: Path, report: Callable[[str, int, int], None]) -> bytes:
    """The file from the first mirror that has it right."""
    reasons = []
    for mirror in mirrors:
        try:
            packed = _get(f"{mirror}/{file.name}", file, report)
            _check(packed, file)
        except (_Refused, OSError, HTTPException, ValueError) as error:
            reasons.append(f"{mirror}: {_reason(error)}")
        else:
            return packed
    raise EnvironmentFault(
        f"{file.name} of MNIST cannot be fetched ({'; '.join(reasons)}); check the network and try again,"
        f" or put MNIST's four files into {folder} yourself"
    )


def _get(url: str, file: RemoteFile, report: Callable[[str, int, int], None]) -> bytes:
    """What lies at an address, in at most so many bytes and minutes."""
    request = urllib.request.Request(url, headers={"User-Agent": f"sheetwatch/{__version__}"})  # noqa: S310 - http(s) only
    began_s = time.monotonic()
    content = io.BytesIO()
    with urllib.request.urlopen(request, timeout=_SILENCE_S) as answer:  # noqa: S310 - the addresses are ours
        length = int(answer.headers.get("Content-Length") or 0)
        while block := answer.read(_BLOCK_BYTES):
            content.write(block)
            report(file.name, content.tell(), max(length, content.tell()))
            if content.tell() > file.size_bytes + _SPARE_BYTES:
                raise _Refused(f"sends more than {file.size_bytes + _SPARE_BYTES} bytes")
            if time.monotonic() - began_s > _LONGEST_S:
                raise _Refused(f"takes longer than {_LONGEST_S:.0f} s")
    return content.getvalue()


def _check(packed: bytes, file: RemoteFile) -> None:
    """Unpack, never more than the file may hold, and compare. Raises _Refused."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            content = stream.read(file.size_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _Refused(f"the file is cut short or is no gzip file ({error})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise _Refused(f"wrong checksum (sha256 {found[:12]}…, not {file.sha256[:12]}…)")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
