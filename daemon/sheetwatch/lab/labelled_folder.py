"""Labelled digits as people keep them: a folder with subfolders 0 to 9, a picture a file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Limits, ReasonCode, ScanError, UsageError
from sheetwatch.lab.labelled_sets import LONGEST_SIDE, MOST_BYTES, MOST_PICTURES, SMALLEST_SIDE, StoredSet
from sheetwatch.names import plain_text
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

DIGITS = frozenset("0123456789")
_IGNORED = frozenset({"thumbs.db", "desktop.ini"})  # Windows Explorer leaves them everywhere
_LIMITS = Limits(file_mb=50, pages=1, megapixels=50)
_NAMED = 3  # unreadable files that a warning names
_EXPECTED = "expected are subfolders 0, 1, ... 9, each with pictures of that digit"


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, in order of name, but for hidden files and what Windows leaves behind."""
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and path.name.lower() not in _IGNORED
    )


def read_folder(folder: Path) -> StoredSet:
    """Every picture of the subfolders 0 to 9. Raises UsageError naming folder, reason and mend.

    Files that are no pictures, are damaged or hold several pages are counted, and the first ones named in a warning.
    """
    pictures = list(_files(folder))
    if not pictures:
        raise UsageError(f"{folder}: holds no pictures; {_EXPECTED}")
    if len(pictures) > MOST_PICTURES:
        raise UsageError(f"{folder}: {len(pictures)} files, allowed are {MOST_PICTURES}; give a part of them")
    images, labels, failures = _decoded(folder, pictures)
    if not images:
        raise UsageError(f"{folder}: none of the {len(pictures)} files is a readable picture ({_listed(failures)})")
    return StoredSet(
        name=folder.resolve().name or "digits",
        images=images,
        labels=tuple(labels),
        warnings=tuple(_warnings(folder, labels, failures)),
    )


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file of the subfolders with its digit. Raises UsageError for a folder that is not a digit."""
    for subfolder in visible(folder):
        if not subfolder.is_dir():
            continue
        if subfolder.name not in DIGITS:
            raise UsageError(f"{subfolder}: this subfolder is not a digit; {_EXPECTED}; move it away")
        for path in visible(subfolder):
            if path.is_dir():
                raise UsageError(f"{path}: a folder within a digit's folder; {_EXPECTED}; move its pictures up")
            yield path, subfolder.name


def _decoded(folder: Path, pictures: Sequence[tuple[Path, str]]) -> tuple[list[Grey], list[str], list[str]]:
    """Pictures, their digits, and why each of the others could not be read."""
    images: list[Grey] = []
    labels: list[str] = []
    failures: list[str] = []
    size_bytes = 0
    for path, digit in pictures:
        try:
            image = _decode(path)
        except ScanError as error:
            failures.append(f"{digit}/{plain_text(path.name)}: {error.detail}")
            continue
        size_bytes += image.nbytes
        if size_bytes > MOST_BYTES:
            raise UsageError(f"{folder}: holds more than {MOST_BYTES / 1e9:g} GB of pixels; give a part of it")
        images.append(image)
        labels.append(digit)
    return images, labels, failures


def _decode(path: Path) -> Grey:
    """One picture as grey, at most 128 pixels long. Raises ScanError as `open_scan` does."""
    with open_scan(path, _LIMITS) as scan:
        grey = scan.page(0).grey
    longest = max(grey.shape)
    if longest < SMALLEST_SIDE:
        detail = f"{grey.shape[1]} x {grey.shape[0]} pixels hold no readable digit"
        raise ScanError(ReasonCode.UNREADABLE_FILE, detail)
    if longest <= LONGEST_SIDE:
        return grey
    size = [max(1, round(side * LONGEST_SIDE / longest)) for side in reversed(grey.shape)]
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _warnings(folder: Path, labels: Sequence[str], failures: Sequence[str]) -> Iterator[str]:
    if failures:
        total = len(labels) + len(failures)
        yield f"{folder}: {len(failures)} of {total} files cannot be read and are left out ({_listed(failures)})"
    loose = [path.name for path in visible(folder) if not path.is_dir()]
    if loose:
        yield f"{folder}: {len(loose)} files beside the subfolders are not read ({plain_text(loose[0])}, ...)"
    missing = sorted(DIGITS - Counter(labels).keys())
    if missing:
        yield f"{folder}: has no picture of {', '.join(missing)}"


def _listed(failures: Sequence[str]) -> str:
    rest = len(failures) - _NAMED
    return "; ".join([*failures[:_NAMED], *([f"and {rest} more"] if rest > 0 else [])])
