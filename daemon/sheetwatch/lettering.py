"""Text in pictures: a font of the system where there is one, else Pillow's own; no letter becomes an empty box."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from PIL import ImageDraw

    Colour = tuple[int, int, int]
    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")
_NO_LETTER = "\U0010ffff"
_PLAIN = {
    "\N{VULGAR FRACTION ONE HALF}": " 1/2",
    "\N{FRACTION SLASH}": "/",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MIDDLE DOT}": "|",
}


def draw_text(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, *, size_px: int, colour: Colour) -> None:
    """Draw one line; `at`: x of its left end, y of its middle."""
    draw.text(at, _drawable(text, size_px), font=_font(size_px), fill=colour, anchor="lm")


def text_width(text: str, size_px: int) -> float:
    """The width of one line in pixels."""
    return _font(size_px).getlength(_drawable(text, size_px))


def wrapped(text: str, size_px: int, width_px: float) -> list[str]:
    """Break a text between words, and inside a word that is wider than the line."""
    rows = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if text_width(longer, size_px) <= width_px:
            rows[-1] = longer
            continue
        if rows[-1]:
            rows.append("")
        for letter in word:
            if text_width(rows[-1] + letter, size_px) > width_px:
                rows.append("")
            rows[-1] += letter
    return rows


def _drawable(text: str, size_px: int) -> str:
    return "".join(_letter(letter, size_px) for letter in text)


@lru_cache(maxsize=2048)
def _letter(letter: str, size_px: int) -> str:
    """The letter if the font has it, else its plain form (\N{LATIN SMALL LETTER E WITH ACUTE}: e), else "?"."""
    if letter == " " or _has(letter, size_px):
        return letter
    plain = "".join(
        _PLAIN.get(part, part) for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)
    )
    plain = _PLAIN.get(letter, plain)
    return plain if plain and all(part == " " or _has(part, size_px) for part in plain) else "?"


def _has(letter: str, size_px: int) -> bool:
    if not letter.isprintable():
        return False
    font = _font(size_px)
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))


@lru_cache(maxsize=16)
def _font(size_px: int) -> Font:
    for name in _SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)
