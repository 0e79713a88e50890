"""The cells that a reader is evaluated on: MNIST's test part, the dev sets, and two real sheets beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from sheetwatch.domain import Field, FieldKind, UsageError
from sheetwatch.lab.evaluate import Kind, Sample
from sheetwatch.lab.labelled import load_parts
from sheetwatch.templates import load_template
from sheetwatch.vision.align import align
from sheetwatch.vision.cells import cut_cells
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.labelled import Labelled

    Grey = npt.NDArray[np.uint8]

DIGIT = Field(name="digit", kind=FieldKind.DIGITS, length=1)
MARK = Field(name="mark", kind=FieldKind.MARK, max=10)
NUMBER = Field(name="number", kind=FieldKind.MARK, max=100)
LOOK_ALIKES = frozenset("lIOoSZzsbgqB")
"""Letters that some hands write as digits."""


def load_samples(data: Path, names: Sequence[str] = (), every: int = 1) -> list[Sample]:
    """Load the named sets (none: all), every so manyth cell of each.

    data: a folder with `train/` and `dev/`; where `sheets/` lies beside them, its sheets are read too.
    Raises UsageError naming what is missing.
    """
    unknown = [name for name in names if name not in SETS]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no set; known are {', '.join(SETS)}")
    chosen = names or [name for name in SETS if name not in _SHEETS or (data / "sheets").is_dir()]
    return [_load(data, name, every) for name in SETS if name in chosen]


def load_own(source: Path) -> Labelled:
    """A user's own digits; where they keep a test part apart from a training part, the test part.

    Raises UsageError naming the file, the reason and the mend.
    """
    parts = load_parts(source)
    return parts.test or parts.training


def sample_of(labelled: Labelled, taken: Sequence[str], every: int = 1) -> Sample:
    """A user's own digits as one more set; its name differs from those that are `taken`."""
    name, number = labelled.name, 1
    while name in taken:
        number += 1
        name = f"{labelled.name}-{number}"
    return Sample(name=name, cells=labelled.images[::every], labels=labelled.labels[::every], field=DIGIT)


def _load(data: Path, name: str, every: int) -> Sample:
    try:
        return SETS[name](data, 1 if name in _SHEETS else every)
    except FileNotFoundError as error:
        raise UsageError(
            f"{error.filename}: this file of the set {name!r} is missing; give --data a folder with dev/ and train/,"
            " or choose other sets with --set"
        ) from error
    except (KeyError, ValueError, IndexError, EOFError, BadZipFile) as error:
        raise UsageError(f"the set {name!r} of {data} cannot be read ({error}); fetch its file again") from error


def _mnist_test(data: Path, every: int) -> Sample:
    return _ink_sample(data / "train/mnist_test.npz", "mnist_test", every)


def _digilets_digits(data: Path, every: int) -> Sample:
    return _ink_sample(data / "dev/digilets_digits.npz", "digilets_digits", every)


def _ink_sample(path: Path, name: str, every: int) -> Sample:
    """Digits stored as light ink on black."""
    images, labels = _images_and_labels(path, every)
    return Sample(name=name, cells=tuple(255 - images), labels=labels, field=DIGIT)


def _mark_cells(data: Path, every: int) -> Sample:
    return _mark_sample(data / "dev/mark_cells.npz", "mark_cells", every)


def _half_marks(data: Path, every: int) -> Sample:
    return _mark_sample(data / "dev/half_marks.npz", "half_marks", every)


def _mark_sample(path: Path, name: str, every: int) -> Sample:
    images, labels = _images_and_labels(path, every)
    return Sample(name=name, cells=tuple(images), labels=labels, field=MARK)


def _number_cells(data: Path, every: int) -> Sample:
    """Cells of different sizes, each padded to the largest."""
    path = data / "dev/number_cells.npz"
    images, labels = _images_and_labels(path, every)
    (sizes,) = _arrays(path, "sizes")
    cells = tuple(image[:rows, :columns] for image, (rows, columns) in zip(images, sizes[::every], strict=True))
    return Sample(name="number_cells", cells=cells, labels=labels, field=NUMBER)


def _blank_cells(data: Path, every: int) -> Sample:
    (images,) = _arrays(data / "dev/blank_cells.npz", "images")
    cells = tuple(images[::every])
    return Sample(name="blank_cells", cells=cells, labels=("",) * len(cells), field=MARK)


def _letters(data: Path, every: int) -> Sample:
    """Letters that no hand writes as a digit; none may be accepted as a number."""
    return _letter_sample(data, "digilets_letters", Kind.LETTERS, lambda letter: letter not in LOOK_ALIKES, every)


def _look_alikes(data: Path, every: int) -> Sample:
    return _letter_sample(data, "look_alike_letters", Kind.LOOK_ALIKES, lambda letter: letter in LOOK_ALIKES, every)


def _letter_sample(data: Path, name: str, kind: Kind, keep: Callable[[str], bool], every: int) -> Sample:
    images, labels = _images_and_labels(data / "dev/digilets_letters.npz", 1)
    kept = [number for number, letter in enumerate(labels) if keep(letter)][::every]
    return Sample(
        name=name,
        cells=tuple(255 - images[kept]),
        labels=tuple(labels[number] for number in kept),
        field=MARK,
        kind=kind,
    )


def _images_and_labels(path: Path, every: int) -> tuple[Grey, tuple[str, ...]]:
    images, labels = _arrays(path, "images", "labels")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images and {len(labels)} labels")
    return images[::every], tuple(str(label) for label in labels[::every])


def _arrays(path: Path, *names: str) -> list[Any]:
    """Arrays of an .npz file. Opened here, because numpy leaves a damaged file open."""
    with path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        return [file[name] for name in names]


def _crescent(data: Path, _every: int) -> Sample:
    """A photographed answer-book cover, aligned and cut as the pipeline does. Its marks read 1, 2, 3, ... 24."""
    folder = data / "sheets/crescent"
    with open_scan(folder / "filled.jpg") as scan:
        grey = scan.page(0).grey
    template, alignment = align(grey, [load_template(folder)])
    cells = tuple(cell.grey for cell in cut_cells(grey, template, alignment))
    labels = tuple(str(number) for number in range(1, len(cells) + 1))
    return Sample(name="crescent_sheet", cells=cells, labels=labels, field=template.fields[0])


def _student_number(data: Path, _every: int) -> Sample:
    """A comb of 16 boxes, the last six of them empty, within its printed frame."""
    with open_scan(data / "sheets/markus/student_number.jpg") as scan:
        inner = scan.page(0).grey[30:137, 34:1658]
    field = Field(name="student_number", kind=FieldKind.DIGITS, comb=16)
    return Sample(name="student_number", cells=(inner,), labels=("0001250981",), field=field)


_SHEETS: dict[str, Callable[[Path, int], Sample]] = {
    "crescent_sheet": _crescent,
    "student_number": _student_number,
}
SETS: dict[str, Callable[[Path, int], Sample]] = {
    "mnist_test": _mnist_test,
    "digilets_digits": _digilets_digits,
    "mark_cells": _mark_cells,
    "half_marks": _half_marks,
    "number_cells": _number_cells,
    "blank_cells": _blank_cells,
    "digilets_letters": _letters,
    "look_alike_letters": _look_alikes,
    **_SHEETS,
}
