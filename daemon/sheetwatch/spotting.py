"""Spot the handwritten numbers anywhere on a page: lines found, words read, digits put in their place.

No template is needed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from sheetwatch.domain import Box, Digit, Line, Number, Spotted
from sheetwatch.vision.written.find import find_written
from sheetwatch.vision.written.places import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.reader.reader import StringReading
    from sheetwatch.vision.written.find import Piece

    Grey = npt.NDArray[np.uint8]

LEAST_PROBABILITY = 0.1  # of a number that is shown
_SOME_WORDS = 2  # that are no numbers make a line of text, unless more numbers stand in it
_AMONG_WORDS = 0.5
_WITH_PART = 0.1  # how much rarer 7.5 and 7½ are than whole numbers; a speck beside a number is commoner
_NUMBER = re.compile(r"\d+(?:\.\d+|½)?|\.\d+|½")


class StringReader(Protocol):
    """What `spot` needs of a reader; `sheetwatch.load_reader()` gives the shipped one."""

    @property
    def model_id(self) -> str:
        """Name and number of the model."""

    def read_string(self, cell: Grey, plausible: Callable[[str], float]) -> StringReading | None:
        """Read a crop: uint8 (H, W), dark ink on light paper, any size. plausible: a weight for each string."""


def spot(grey: Grey, reader: StringReader) -> Spotted:
    """Find and read the numbers of a page.

    grey: uint8 (H, W), 0 = black, any resolution, upright. Never raises for what is on the page.
    """
    lines = [_numbers(line, reader) for line in find_written(grey)]
    return Spotted(lines=tuple(Line(numbers=numbers) for numbers in lines if numbers), model=reader.model_id)


def _numbers(line: Sequence[Piece], reader: StringReader) -> tuple[Number, ...]:
    """The numbers of one line; where most of it is words, what looks like a number is doubted."""
    found = [_number(piece, reader) for piece in line]
    numbers = [number for number in found if number is not None]
    others = len(found) - len(numbers)
    if others >= _SOME_WORDS and others >= len(numbers):
        numbers = [replace(number, probability=_AMONG_WORDS * number.probability) for number in numbers]
    return tuple(number for number in numbers if number.probability >= LEAST_PROBABILITY)


def _number(piece: Piece, reader: StringReader) -> Number | None:
    """The number that a word says; None where it is none."""
    reading = reader.read_string(piece.grey, _plausible)
    if reading is None or reading.probability < LEAST_PROBABILITY:
        return None
    boxes = places_of(piece, [symbol.column for symbol in reading.symbols])
    return Number(
        box=_around(boxes),
        text=reading.text,
        probability=reading.probability,
        digits=tuple(
            Digit(box=box, symbol=symbol.symbol, probability=symbol.probability)
            for box, symbol in zip(boxes, reading.symbols, strict=True)
        ),
    )


def _plausible(text: str) -> float:
    if text.isdigit():
        return 1.0
    return _WITH_PART if _NUMBER.fullmatch(text) else 0.0


def _around(boxes: list[Box]) -> Box:
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(left=left, top=top, width=right - left, height=bottom - top)
