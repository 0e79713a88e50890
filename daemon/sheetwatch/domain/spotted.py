"""Numbers spotted anywhere on a page: lines of numbers of digits, each with its place and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheetwatch.domain.template import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit:
    """One symbol of a number.

    `box`: around its ink, page pixels; `symbol`: 0 to 9, "." or "½"; `probability`: that it is this one, the others
    of its number taken as read.
    """

    box: Box
    symbol: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number.

    `box`: around its ink, page pixels; `text`: as written ("007", "7.5"); `probability`: of the whole number.
    """

    box: Box
    text: str
    probability: float
    digits: tuple[Digit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Numbers that stand in one written line, from left to right."""

    numbers: tuple[Number, ...]

    @property
    def text(self) -> str:
        """The numbers with blanks between them."""
        return " ".join(number.text for number in self.numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spotted:
    """The numbers of one page, line by line from top to bottom. `model`: name and number of the reader's model."""

    lines: tuple[Line, ...]
    model: str

    @property
    def text(self) -> str:
        """One line of text for each written line."""
        return "\n".join(line.text for line in self.lines)
