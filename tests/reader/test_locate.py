"""Where the symbols of a string stand, and how sure each is."""

from __future__ import annotations

import numpy as np
import pytest

from sheetwatch.reader.locate import aligned, locate
from sheetwatch.reader.vocabulary import BLANK, CLASSES, NUMBERS


def frames(says: str, sure: float = 0.99) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """One frame a letter; "_" is no new symbol."""
    table = np.full((len(says), CLASSES), (1.0 - sure) / (CLASSES - 1))
    for row, symbol in zip(table, says, strict=True):
        row[BLANK if symbol == "_" else NUMBERS[symbol]] = sure
    return table


def test_each_symbol_gets_its_frames() -> None:
    assert aligned(frames("__77__7_1_"), "771") == [(2, 4), (6, 7), (8, 9)]


def test_columns_are_pixels_of_the_picture() -> None:
    found = locate(frames("__7___1_"), "71", width=16)
    assert [symbol.symbol for symbol in found] == ["7", "1"]
    assert [symbol.column for symbol in found] == [5.0, 13.0]


def test_a_doubtful_symbol_does_not_make_its_neighbour_doubtful() -> None:
    table = frames("__7___1_")
    table[2, NUMBERS["1"]], table[2, NUMBERS["7"]] = 0.44, 0.55
    seven, one = locate(table, "71", width=16)
    assert seven.probability == pytest.approx(0.55, abs=0.05)
    assert one.probability > 0.95


def test_an_empty_string_has_no_symbols() -> None:
    assert locate(frames("____"), "", width=8) == []
