"""MNIST's idx files: pictures (idx3) with their labels (idx1) in a file beside them, each perhaps gzipped.

http://yann.lecun.com/exdb/mnist describes the format: two zero bytes, the type (8: unsigned byte), the number of
dimensions, then each dimension as a big-endian 32-bit number, then the values.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.labelled_sets import MOST_PICTURES, StoredSet, check_counts, check_size, digits_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]

GZIP_MAGIC = b"\x1f\x8b"
IDX_MAGIC = b"\0\0\x08"
_PICTURES = re.compile(r"(.*)images([-._])idx3(.*)", re.IGNORECASE)
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


class _Kind(NamedTuple):
    """What an idx file holds, and its number of dimensions."""

    what: str
    dimensions: int


_IMAGES = _Kind("pictures (idx3)", 3)
_LABELS = _Kind("labels (idx1)", 1)


def pairs_in(folder: Path) -> list[Path]:
    """The files of pictures in a folder, one for each set: of a file and its gzipped twin the plain one."""
    named: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if _PICTURES.fullmatch(path.name) and not path.name.startswith("."):
            named.setdefault(path.name.removesuffix(".gz"), path)
    return list(named.values())


def read_pair(path: Path) -> StoredSet:
    """Pictures, with the labels from the file beside them. Raises UsageError naming file, reason and mend."""
    labels_path = _labels_beside(path)
    images = _read(path, _IMAGES)
    labels = _read(labels_path, _LABELS)
    check_counts(path, len(images), labels_path, len(labels))
    return StoredSet(name=_set_name(path), images=tuple(images), labels=digits_of(labels_path, labels))


def _labels_beside(path: Path) -> Path:
    """The labels of these pictures, gzipped or not, whichever is there."""
    match = _PICTURES.fullmatch(path.name)
    if match is None:
        raise UsageError(
            f"{path}: is not named like a file of pictures; name it as MNIST does, such as"
            " train-images-idx3-ubyte, with train-labels-idx1-ubyte beside it"
        )
    start, between, end = match.groups()
    word = "labels" if "images" in path.name else "LABELS"
    plain = f"{start}{word}{between}idx1{end.removesuffix('.gz')}"
    both = (path.with_name(plain), path.with_name(f"{plain}.gz"))
    for candidate in both:
        if candidate.is_file():
            return candidate
    raise UsageError(f"{path}: its labels are missing; put {plain} (or {plain}.gz) beside it")


def _set_name(path: Path) -> str:
    """What stands before "images" in the file's name ("train", "t10k"); the folder's name where nothing does."""
    match = _PICTURES.fullmatch(path.name)
    return (match and match.group(1).strip("-._")) or path.parent.name


def _read(path: Path, kind: _Kind) -> Bytes:
    """The values of an idx file, as many as its header says and not one more."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            stream = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file
            return _values(path, stream, kind)
    except _DAMAGE as error:
        raise UsageError(f"{path}: the gzip file is cut short or damaged ({error}); fetch it again") from error


def _values(path: Path, stream: BinaryIO, kind: _Kind) -> Bytes:
    shape = _shape(path, stream.read(4 + 4 * kind.dimensions), kind)
    if kind is _IMAGES:
        check_size(path, shape)
    elif shape[0] > MOST_PICTURES:
        raise UsageError(f"{path}: holds {shape[0]} labels, allowed are {MOST_PICTURES}; give a part of them")
    size = math.prod(shape)
    content = stream.read(size)
    if len(content) < size:
        raise UsageError(f"{path}: is cut short: {len(content)} of {size} values are there; fetch it again")
    if stream.read(1):
        raise UsageError(f"{path}: is longer than its header says ({size} values); fetch it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(path: Path, header: bytes, kind: _Kind) -> tuple[int, ...]:
    magic = IDX_MAGIC + bytes([kind.dimensions])
    if header[:4] != magic:
        raise UsageError(
            f"{path}: begins with {header[:4].hex(' ') or 'nothing'}, not {magic.hex(' ')}:"
            f" this is no idx file of {kind.what}; give MNIST's files as they are"
        )
    if len(header) < 4 + 4 * kind.dimensions:
        raise UsageError(f"{path}: ends within its header; fetch it again")
    return tuple(np.frombuffer(header, ">u4", offset=4).tolist())
