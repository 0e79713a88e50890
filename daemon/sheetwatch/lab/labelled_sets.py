"""What every source of labelled digits hands on, and the limits that hold for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sheetwatch.domain import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

LONGEST_SIDE = 128
"""Pixels; larger pictures are reduced to this, which is more than any reader looks at."""
SMALLEST_SIDE = 8
"""Pixels; nobody can read a digit whose longer side is less."""
MOST_PICTURES = 2_000_000
MOST_BYTES = 2_000_000_000
"""Of decoded pictures of one set; told from headers, before anything is decoded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredSet:
    """Digits as a source stores them. `images`: uint8 (H, W), whichever way round; `labels`: "0" to "9"."""

    name: str
    images: Sequence[Grey]
    labels: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def check_size(path: Path, shape: Sequence[int]) -> None:
    """Refuse a stack of pictures, by its (N, H, W), that is empty, far too small or too large. Raises UsageError."""
    count, rows, columns = shape
    if not count:
        raise UsageError(f"{path}: holds no pictures; name a file with some")
    if max(rows, columns) < SMALLEST_SIDE or not min(rows, columns):
        raise UsageError(
            f"{path}: pictures of {rows} x {columns} pixels hold no readable digit;"
            f" give pictures of at least {SMALLEST_SIDE} pixels"
        )
    if count > MOST_PICTURES or count * rows * columns > MOST_BYTES:
        raise UsageError(
            f"{path}: {count} pictures of {rows} x {columns} pixels are more than the"
            f" {MOST_BYTES / 1e9:g} GB or {MOST_PICTURES} pictures allowed; give a part of them"
        )


def check_counts(images: Path | str, image_count: int, labels: Path | str, label_count: int) -> None:
    """Refuse labels that do not belong to the pictures. Raises UsageError."""
    if image_count != label_count:
        raise UsageError(
            f"{images}: holds {image_count} pictures, but {labels} holds {label_count} labels;"
            " give each picture one label, in the same order"
        )


def digits_of(path: Path, labels: npt.NDArray[Any]) -> tuple[str, ...]:
    """Labels as text. labels: integers or text (N,). Raises UsageError where one is not a digit 0 to 9."""
    if labels.dtype.kind not in "iuSU" or labels.ndim != 1:
        raise UsageError(
            f"{path}: labels of type {labels.dtype} and shape {labels.shape} are not understood;"
            " save them as a row of whole numbers 0 to 9"
        )
    texts = labels.astype("U64") if labels.dtype.kind != "S" else np.char.decode(labels, "latin-1")
    wrong = np.flatnonzero(~np.isin(texts, list("0123456789")))
    if wrong.size:
        raise UsageError(
            f"{path}: label {wrong[0] + 1} is {str(texts[wrong[0]])!r}, which is no digit 0 to 9"
            f" ({wrong.size} of {len(texts)} are not); leave such pictures out"
        )
    return tuple(texts.tolist())
