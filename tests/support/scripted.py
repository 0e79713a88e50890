"""A reader that says what a test wrote for it, and cells that it knows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from sheetwatch.domain import Field, FieldKind, Reading, State
from sheetwatch.lab.evaluate import Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

Grey = npt.NDArray[np.uint8]
DIGIT = Field(name="digit", kind=FieldKind.DIGITS, length=1)


def cell(number: int) -> Grey:
    """A cell that carries its number in its first two pixels."""
    grey = np.full((20, 12 + number % 5), 230, np.uint8)
    grey[5:15, 6] = 20
    grey[0, :2] = divmod(number, 256)
    return grey


def reading(value: str, probability: float = 0.99, state: State = State.WRITTEN) -> Reading:
    return Reading(value=value, state=state, probability=probability)


def unreadable(probability: float = 0.99) -> Reading:
    return reading("", probability, State.UNREADABLE)


def empty(probability: float = 0.99) -> Reading:
    return reading("", probability, State.EMPTY)


class ScriptedReader:
    """Reads cell number N as the Nth reading."""

    model_id = "scripted"

    def __init__(self, readings: Sequence[Reading], threshold: float = 0.9) -> None:
        self._readings = readings
        self._threshold = threshold
        self.threads: set[int] = set()

    def threshold(self, max_field_error: float) -> float:
        assert max_field_error == 0.001
        return self._threshold

    def read_cells(self, cells: Sequence[Grey], fields: Field | Sequence[Field]) -> list[Reading]:
        assert isinstance(fields, Field)
        self.threads.add(cv2.getNumThreads())
        return [self._readings[int(one[0, 0]) * 256 + int(one[0, 1])] for one in cells]


def sample(
    labels: Sequence[str], *, name: str = "digits", first: int = 0, kind: Kind = Kind.VALUES, field: Field = DIGIT
) -> Sample:
    """Cells from number `first` on, one for each label."""
    cells = tuple(cell(first + number) for number in range(len(labels)))
    return Sample(name=name, cells=cells, labels=tuple(labels), field=field, kind=kind)
