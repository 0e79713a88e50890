"""Spot the handwritten numbers anywhere on a page: lines found, words read, digits put in their place.

No template is needed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from sheetwatch.domain import Box, Digit, Line, Number, Spotted
from sheetwatch.reader.one_hand import seven_border, sureness
from sheetwatch.vision.written.find import find_written
from sheetwatch.vision.written.places import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.reader.locate import Located
    from sheetwatch.reader.reader import StringReading
    from sheetwatch.vision.written.find import Piece

    Grey = npt.NDArray[np.uint8]

LEAST_PROBABILITY = 0.1  # of a number that is shown
_SOME_WORDS = 2  # that are no numbers make a line of text, unless more numbers stand in it
_AMONG_WORDS = 0.5
_WITH_PART = 0.1  # how much rarer 7.5 and 7½ are than whole numbers; a speck beside a number is commoner
_NEAR, _FAR = 0.7, 9.0  # heights between letters of a word at most, and between words
_IN_WORD = 0.1
_ALIKE = ("1", "7")
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
    lines = [[(piece, _read(piece, reader)) for piece in line] for line in find_written(grey)]
    border = seven_border(
        symbol.seven_to_one
        for line in lines
        for _, reading in line
        for symbol in (reading.symbols if reading else ())
        if symbol.symbol in _ALIKE
    )
    numbers = [_numbers(line, border) for line in lines]
    return Spotted(lines=tuple(Line(numbers=line) for line in numbers if line), model=reader.model_id)


def _read(piece: Piece, reader: StringReader) -> StringReading | None:
    """What a word says; None where it is no number."""
    reading = reader.read_string(piece.grey, _plausible)
    return None if reading is None or reading.probability < LEAST_PROBABILITY else reading


def _numbers(line: Sequence[tuple[Piece, StringReading | None]], border: float) -> tuple[Number, ...]:
    """The numbers of one line; where most of it is words, what looks like a number is doubted."""
    words = [piece for piece, reading in line if reading is None]
    numbers = [
        _doubted(_number(piece, in_hand(reading, border)), min(map(piece.gap, words), default=_FAR))
        for piece, reading in line
        if reading is not None
    ]
    others = len(words)
    if others >= _SOME_WORDS and others >= len(numbers):
        numbers = [replace(number, probability=_AMONG_WORDS * number.probability) for number in numbers]
    return tuple(number for number in numbers if number.probability >= LEAST_PROBABILITY)


def _doubted(number: Number, gap: float) -> Number:
    """A number so near to a word that it is a piece of it is none. gap: to the nearest word, heights."""
    return replace(number, probability=_IN_WORD * number.probability) if gap < _NEAR else number


def in_hand(reading: StringReading, border: float) -> StringReading:
    """A reading with its 1s and 7s as the page's hand writes them. border: as `seven_border` gives it."""
    symbols = tuple(_in_hand(symbol, border) for symbol in reading.symbols)
    probability = reading.probability
    for before, after in zip(reading.symbols, symbols, strict=True):
        if before.symbol != after.symbol or after.probability > before.probability:
            probability *= after.probability / max(before.probability, reading.probability)
    text = "".join(symbol.symbol for symbol in symbols)
    return replace(reading, text=text, symbols=symbols, probability=min(1.0, probability))


def _in_hand(symbol: Located, border: float) -> Located:
    if symbol.symbol not in _ALIKE:
        return symbol
    sure = sureness(symbol.seven_to_one, border)
    own = "7" if symbol.seven_to_one > border else "1"
    return replace(symbol, symbol=own, probability=sure if own != symbol.symbol else max(sure, symbol.probability))


def _number(piece: Piece, reading: StringReading) -> Number:
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
