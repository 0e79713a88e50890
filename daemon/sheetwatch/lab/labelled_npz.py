"""Labelled digits in an .npz: `images` with `labels`, or `x_train` with `y_train` and `x_test` with `y_test`."""

from __future__ import annotations

import zipfile
import zlib
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.domain import UsageError
from sheetwatch.lab.labelled_sets import MOST_PICTURES, StoredSet, check_counts, check_size, digits_of

if TYPE_CHECKING:
    from pathlib import Path

ZIP_MAGIC = b"PK\x03\x04"
_npy: Any = np.lib.format  # untyped in NumPy 1
_LONGEST_LABEL_BYTES = 256
_PAIRS = {"": ("images", "labels"), "train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def read_npz(path: Path) -> list[StoredSet]:
    """The sets of an .npz, each named after its part. Raises UsageError naming file, reason and mend."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            found = [part for part, (images, _) in _PAIRS.items() if f"{images}.npy" in names]
            if not found:
                held = ", ".join(sorted(name.removesuffix(".npy") for name in names)) or "nothing"
                raise UsageError(f"{path}: holds {held}; save the pictures as `images` and their digits as `labels`")
            return [_set(path, archive, part) for part in found]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"{path}: the .npz is cut short or damaged ({error}); save it again") from error


def _set(path: Path, archive: zipfile.ZipFile, part: str) -> StoredSet:
    images_name, labels_name = _PAIRS[part]
    images = _images(path, archive, images_name)
    if f"{labels_name}.npy" not in archive.namelist():
        raise UsageError(f"{path}: holds {images_name!r} but no {labels_name!r}; save the digits under that name")
    labels = _labels(path, archive, labels_name)
    check_counts(path, len(images), f"its {labels_name!r}", len(labels))
    return StoredSet(name=part or path.stem, images=tuple(images), labels=digits_of(path, labels))


def _images(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    """uint8 (N, H, W); a last axis of one channel is dropped."""
    shape, dtype = _header(path, archive, name)
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if dtype != np.uint8 or len(shape) != 3:
        raise UsageError(
            f"{path}: {name!r} is {dtype} of shape {shape}; save pictures as uint8, 0 to 255, of shape (N, H, W)"
        )
    check_size(path, shape)
    return _array(path, archive, name).reshape(shape)


def _labels(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    shape, dtype = _header(path, archive, name)
    if len(shape) != 1 or shape[0] > MOST_PICTURES or dtype.itemsize > _LONGEST_LABEL_BYTES:
        raise UsageError(f"{path}: {name!r} is {dtype} of shape {shape}; save the digits as one row, one a picture")
    return _array(path, archive, name)


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type, before anything is unpacked: a small file may say that it holds terabytes."""
    try:
        with archive.open(f"{name}.npy") as file:
            old = _npy.read_magic(file) == (1, 0)
            shape, _, dtype = (_npy.read_array_header_1_0 if old else _npy.read_array_header_2_0)(file)
    except (ValueError, TokenError) as error:
        raise UsageError(f"{path}: {name!r} is no NumPy array ({error}); save it again") from error
    if dtype.hasobject:
        raise UsageError(f"{path}: {name!r} holds Python objects, which could run code; save it as plain numbers")
    return tuple(shape), dtype


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> Any:
    try:
        with archive.open(f"{name}.npy") as file:
            return _npy.read_array(file, allow_pickle=False)
    except ValueError as error:
        raise UsageError(f"{path}: {name!r} is cut short ({error}); save it again") from error
