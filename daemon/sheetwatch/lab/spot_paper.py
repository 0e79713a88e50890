"""The paper of test pages: plain, ruled or squared; and what else may stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw

from sheetwatch.lettering import draw_text

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Rng = np.random.Generator

_PIXELS_PER_MM = 200.0 / 25.4
_WORDS = (
    *("name", "date", "class", "sum", "please", "write", "the", "numbers", "below", "in", "figures", "and", "check"),
    *("each", "result", "before", "you", "hand", "this", "sheet", "results", "total", "weekly", "exercise", "pupils"),
    *("school", "amount", "received", "signature", "remarks"),
)


def blank_paper(shape: tuple[int, int], kind: str, rng: Rng) -> Grey:
    """A sheet of that kind, "plain", "ruled" or "squared", at 200 dpi: uint8 (H, W), 255 = white."""
    sheet = np.full(shape, 255, np.uint8)
    if kind == "plain":
        return sheet
    step = rng.uniform(7.0, 10.0) if kind == "ruled" else rng.uniform(4.0, 6.0)
    dark = rng.uniform(0.1, 0.4) if rng.random() < 0.8 else rng.uniform(0.4, 0.6)
    level = int(255 * (1.0 - dark))
    thick = int(rng.choice([1, 2, 3], p=[0.4, 0.4, 0.2]))
    first = rng.uniform(0, step)
    for y in np.arange(first, shape[0] / _PIXELS_PER_MM, step) * _PIXELS_PER_MM:
        cv2.line(sheet, (0, round(y)), (shape[1], round(y)), level, thick)
    if kind == "squared":
        for x in np.arange(first, shape[1] / _PIXELS_PER_MM, step) * _PIXELS_PER_MM:
            cv2.line(sheet, (round(x), 0), (round(x), shape[0]), level, thick)
    elif rng.random() < 0.4:  # a margin
        x = round(rng.uniform(0.05, 0.1) * shape[1])
        cv2.line(sheet, (x, 0), (x, shape[0]), level, thick)
    return sheet


def add_clutter(sheet: Grey, ink: Grey, kind: str, rng: Rng) -> None:
    """Printed words or specks, in place, clear of the ink; `kind` as in `spot_pages.CLUTTERS`."""
    if kind == "print":
        _add_print(sheet, ink, rng)
    elif kind == "specks":
        for _ in range(int(rng.integers(20, 160))):
            place = (int(rng.integers(sheet.shape[1])), int(rng.integers(sheet.shape[0])))
            cv2.circle(sheet, place, int(rng.choice([0, 1, 1, 2, 3])), int(rng.integers(20, 160)), -1, cv2.LINE_AA)


def _add_print(sheet: Grey, ink: Grey, rng: Rng) -> None:
    """A few lines of printed words at the top and foot, where nothing is written."""
    size = int(rng.integers(22, 46))
    picture = Image.new("RGB", (sheet.shape[1], sheet.shape[0]), (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    for y in (0.03, 0.055, 0.97):
        words = " ".join(rng.choice(_WORDS, int(rng.integers(2, 7))))
        draw_text(pen, (0.06 * sheet.shape[1], y * sheet.shape[0]), words, size_px=size, colour=(40, 40, 40))
    printed = np.asarray(picture.convert("L"), np.uint8)
    near = cv2.dilate(ink, np.ones((41, 41), np.uint8))
    np.minimum(sheet, np.where(near > 0, np.uint8(255), printed), out=sheet)
