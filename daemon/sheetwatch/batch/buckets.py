"""Scans at addresses that fsspec knows: object stores such as S3, and whatever else has a file system there."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sheetwatch.batch import Found
from sheetwatch.batch.folders import is_pattern
from sheetwatch.domain import EnvironmentFault, ReasonCode, ScanError, SheetwatchError, UsageError
from sheetwatch.intake.listing import is_hidden, is_temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_S3 = {"s3", "s3a"}
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")
_BLOCK_BYTES = 16 << 20
_MB = 1_000_000


class BucketSource:
    """An object, a prefix with all that lies below it, or a pattern as for folders. address: `s3://bucket/prefix`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.left_alone = 0
        self._files, path = file_system(address)
        self._matches = _regex_of(path) if is_pattern(path) else None
        self._root = re.split(r"[*?[]", path)[0] if self._matches else path.rstrip("/")

    def check(self) -> None:
        """Raise OSError unless something lies there and we may list it; EnvironmentFault where nobody answers."""
        with translated(self.address):
            there = next(self._infos(), None)
        if there is None:
            raise FileNotFoundError(errno.ENOENT, "there is no object", self.address)

    def covers(self, address: str) -> bool:
        """Whether a scan lies below this source."""
        return address.startswith(self._files.unstrip_protocol(self._root))

    def scans(self) -> Iterator[Found]:
        """Every scan, from the first. Raises EnvironmentFault."""
        self.left_alone = 0
        with translated(self.address):
            for info in self._infos():
                name = info["name"]
                if self._matches and not self._matches.match(name):
                    continue
                if self._is_left_alone(name):
                    self.left_alone += 1
                else:
                    yield _found(self._files.unstrip_protocol(name), info)

    def _is_left_alone(self, name: str) -> bool:
        *folders, last = name.removeprefix(self._root).strip("/").split("/")
        return any(map(is_hidden, folders)) or is_temporary(last or name.rpartition("/")[2])

    def _infos(self) -> Iterator[Mapping[str, Any]]:
        """What lies there, as fsspec tells of files, lazily."""
        if _S3.isdisjoint(_protocols(self._files)):
            return self._walked(self._root.rpartition("/")[0] if self._matches else self._root)
        return self._paged()

    def _paged(self) -> Iterator[Mapping[str, Any]]:
        """S3: a thousand keys at a time, in the order of their names. fsspec itself would make one list of them all."""
        bucket, key, _ = self._files.split_path(self._root)
        if key and not self._matches:
            first = self._page(bucket, key, MaxKeys=1).get("Contents", ())  # in the order of names, the object itself
            yield from (_told(bucket, info) for info in first if info["Key"] == key)
            key += "/"
        more: dict[str, str] = {}
        while True:
            page = self._page(bucket, key, **more)
            yield from (_told(bucket, info) for info in page.get("Contents", ()) if not info["Key"].endswith("/"))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _page(self, bucket: str, prefix: str, **options: Any) -> Mapping[str, Any]:
        """One answer of the store."""
        answer: Mapping[str, Any] = self._files.call_s3(
            "list_objects_v2", Bucket=bucket, Prefix=prefix, **options, **self._files.req_kw
        )
        return answer

    def _walked(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Any other file system: a folder at a time."""
        entries = sorted(self._files.ls(path, detail=True), key=lambda info: str(info["name"]))
        self._files.invalidate_cache(path)
        for info in entries:
            if info["type"] != "directory":
                yield info
            elif info["name"].rstrip("/") != path.rstrip("/"):
                yield from self._walked(info["name"])


def file_system(address: str) -> tuple[Any, str]:
    """The file system of an address (fsspec.AbstractFileSystem), and the path there. Raises UsageError."""
    kind, _, rest = address.partition("://")
    try:
        files = _files_of(f"{kind}://{rest.partition('/')[0]}")
    except (ImportError, ValueError) as error:
        raise UsageError(f"{address}: {error}; install what it names, or correct the address") from error
    return files, str(files._strip_protocol(address))  # noqa: SLF001 - fsspec's own name for what every one of them has


@lru_cache(maxsize=64)
def _files_of(root: str) -> Any:
    """One for all threads: fsspec would make one for each, with connections of its own."""
    if find_spec("fsspec") is None:
        raise ImportError("this needs fsspec: pip install 'sheetwatch[cluster]'")
    import fsspec  # noqa: PLC0415 - few need it

    return fsspec.core.url_to_fs(root)[0]


def found_object(address: str) -> Found:
    """The object at an address, as it is now. Raises EnvironmentFault."""
    files, path = file_system(address)
    try:
        with translated(address):
            return _found(address, files.info(path))
    except FileNotFoundError:
        return Found(address=address, size_bytes=None, mark="", day="", problem="there is no such object")


def fetch(found: Found, place: Path, limit_mb: float) -> None:
    """Write an object's bytes into a file, never more than allowed.

    Raises ScanError for one that is too large, FileNotFoundError, PermissionError, OSError, EnvironmentFault.
    """
    files, path = file_system(found.address)
    most_bytes = int(limit_mb * _MB)
    size_bytes = found.size_bytes
    if size_bytes is not None and size_bytes > most_bytes:
        raise ScanError(
            ReasonCode.TOO_LARGE, f"{size_bytes / _MB:.1f} MB, allowed are {limit_mb:g} (limits.file_mb); not fetched"
        )
    with place.open("wb") as file:
        for block in _blocks(files, path, found, most_bytes):
            file.write(block)
            if file.tell() > most_bytes:
                raise ScanError(ReasonCode.TOO_LARGE, f"more than {limit_mb:g} MB (limits.file_mb)")


def _blocks(files: Any, path: str, found: Found, most_bytes: int) -> Iterator[bytes]:
    """An object's bytes, some at a time: one request for most. Its size may be unknown."""
    with translated(found.address):
        if found.size_bytes is None:
            with files.open(path, "rb", block_size=1 << 20) as stream:
                while block := stream.read(min(_BLOCK_BYTES, most_bytes + 1)):
                    yield block
            return
        for start in range(0, found.size_bytes, _BLOCK_BYTES):
            yield files.cat_file(path, start=start, end=min(start + _BLOCK_BYTES, found.size_bytes))


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn what a file system raises into EnvironmentFault; what may concern one object alone stays what it is."""
    try:
        yield
    except (SheetwatchError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        raise EnvironmentFault(
            f"{address}: {str(error) or type(error).__name__}; check the address, the network and the credentials "
            "(environment or ~/.aws)"
        ) from error


def _told(bucket: str, info: Mapping[str, Any]) -> Mapping[str, Any]:
    """What S3 says of an object, as fsspec has it."""
    return {**info, "name": f"{bucket}/{info['Key']}", "size": info["Size"]}


def _found(address: str, info: Mapping[str, Any]) -> Found:
    size = info.get("size")
    at = next((info[name] for name in _TIMES if isinstance(info.get(name), datetime)), None)
    written = at.astimezone(UTC) if at and at.tzinfo else at
    mark = f"{size} {info.get('ETag') or info.get('etag') or (written.isoformat() if written else '')}"
    return Found(
        address=address,
        size_bytes=size if isinstance(size, int) else None,
        mark=mark,
        day=written.date().isoformat() if written else "",
    )


def _protocols(files: Any) -> set[str]:
    """The names under which a file system is known."""
    return {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)


def _regex_of(pattern: str) -> re.Pattern[str]:
    """A pattern over whole paths: `*` and `?` stay within a name, `**` does not; what lies below a match counts too."""
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern)
    regex = "".join(words.get(part) or (_class_of(part) if part.startswith("[") else re.escape(part)) for part in parts)
    return re.compile(regex + r"(?:/.*)?\Z", re.DOTALL)


def _class_of(text: str) -> str:
    """`[a-z]` or `[!a-z]`; a bracket that is never closed stands for itself."""
    if len(text) < 3 or not text.endswith("]"):
        return re.escape(text)
    return f"[{'^' if text[1] == '!' else ''}{re.escape(text[1:-1].lstrip('!')).replace(chr(92) + '-', '-')}]"
