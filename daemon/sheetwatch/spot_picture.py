"""Draw the numbers that were spotted onto their page, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sheetwatch.lettering import draw_text, text_width

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Box, Spotted

    Grey = npt.NDArray[np.uint8]
    Colour = tuple[int, int, int]

_LONGEST_PX = 1800
_SURE, _LIKELY = 0.95, 0.7
_GREEN: Colour = (12, 128, 62)
_AMBER: Colour = (196, 108, 0)
_RED: Colour = (196, 24, 36)
_DIGIT: Colour = (120, 150, 210)


def draw_spotted(grey: Grey, spotted: Spotted) -> npt.NDArray[np.uint8]:
    """The page with a box round each number and digit: uint8 (H', W', 3), BGR, at most 1800 px long.

    grey: uint8 (H, W). Green: sure; amber: likely; red: hardly better than a guess.
    """
    zoom = min(1.0, _LONGEST_PX / max(grey.shape))
    size = (max(1, round(grey.shape[1] * zoom)), max(1, round(grey.shape[0] * zoom)))
    picture = Image.fromarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for number in (number for line in spotted.lines for number in line.numbers):
        colour = _colour(number.probability)
        for digit in number.digits if len(number.digits) > 1 else ():
            pen.rectangle(_edges(digit.box, zoom), outline=_DIGIT)
        left, top, right, bottom = _edges(number.box, zoom)
        pen.rectangle((left - 2, top - 2, right + 2, bottom + 2), outline=colour, width=2)
        size_px = int(np.clip(0.45 * (bottom - top), 13, 26))
        width = text_width(number.text, size_px)
        pen.rectangle((left - 2, top - 4 - size_px, left + width + 2, top - 3), fill=(255, 255, 255))
        draw_text(pen, (left, top - 3 - size_px / 2), number.text, size_px=size_px, colour=colour)
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def _colour(probability: float) -> Colour:
    if probability >= _SURE:
        return _GREEN
    return _AMBER if probability >= _LIKELY else _RED


def _edges(box: Box, zoom: float) -> tuple[float, float, float, float]:
    return box.left * zoom, box.top * zoom, box.right * zoom, box.bottom * zoom
