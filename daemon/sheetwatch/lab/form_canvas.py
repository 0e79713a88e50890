"""A drawing surface for printed forms, measured in millimetres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sheetwatch.domain import Box

if TYPE_CHECKING:
    import numpy.typing as npt

FORM_DPI = 200
_PIXELS_PER_MM = FORM_DPI / 25.4
_LOGO_ZOOM = 4
HAIR_MM, THIN_MM, THICK_MM = 0.13, 0.25, 0.5

Dashes = tuple[float, float]
"""Lengths of a dash and of the gap after it, in millimetres."""

Anchor = Literal["la", "lm", "ls", "ma", "mm", "ms", "ra", "rm", "rs"]


def pixels(mm: float) -> int:
    """Millimetres on the form as whole pixels of the reference."""
    return round(mm * _PIXELS_PER_MM)


class Canvas:
    """White paper that print is put on: grey, FORM_DPI, origin top left, all arguments in millimetres."""

    def __init__(self, width_mm: float, height_mm: float) -> None:
        self._image = Image.new("L", (pixels(width_mm), pixels(height_mm)), 255)
        self._draw = ImageDraw.Draw(self._image)

    def print_out(self) -> npt.NDArray[np.uint8]:
        """The finished form: uint8 (H, W), 0 = black."""
        return np.asarray(self._image, np.uint8)

    def text(
        self, x: float, y: float, words: str, size: float, *, bold: bool = False, anchor: Anchor = "la", ink: int = 0
    ) -> None:
        """Words in Pillow's own face; `size` is the em height. Bold is the same face with a heavier outline."""
        font = ImageFont.load_default(size * _PIXELS_PER_MM)
        heavier = size * _PIXELS_PER_MM * 0.022 if bold else 0
        place = (pixels(x), pixels(y))
        self._draw.text(place, words, ink, font, anchor=anchor, stroke_width=heavier, stroke_fill=ink)

    def rule(self, x0: float, y0: float, x1: float, y1: float, thick: float = THIN_MM) -> None:
        """A straight printed line."""
        self._draw.line((pixels(x0), pixels(y0), pixels(x1), pixels(y1)), 0, self._line_px(thick))

    def dotted(self, x0: float, y: float, x1: float) -> None:
        """A dotted line to write on."""
        for x in range(pixels(x0), pixels(x1), 7):
            self._draw.rectangle((x, pixels(y), x + 1, pixels(y) + 1), 0)

    def bar(self, x0: float, y0: float, x1: float, y1: float, ink: int = 0) -> None:
        """A filled rectangle."""
        self._draw.rectangle((pixels(x0), pixels(y0), pixels(x1), pixels(y1)), ink)

    def frame(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        thick: float = THIN_MM,
        *,
        ink: int = 0,
        dashes: Dashes | None = None,
    ) -> Box:
        """A rectangle of printed lines, dashed where (dash, gap) are given. Returns the white inside."""
        line = self._line_px(thick)
        left, top, right, bottom = pixels(x0), pixels(y0), pixels(x1), pixels(y1)
        if dashes is None:
            self._draw.rectangle((left, top, right, bottom), None, ink, line)
        else:
            for y in (top, bottom - line + 1):
                self._dashed((left, y, right, y + line - 1), dashes, ink)
            for x in (left, right - line + 1):
                self._dashed((x, top, x + line - 1, bottom), dashes, ink)
        return Box(
            left=left + line, top=top + line, width=right - left - 2 * line + 1, height=bottom - top - 2 * line + 1
        )

    def comb(
        self,
        x0: float,
        y0: float,
        teeth: int,
        tooth: float,
        height: float,
        *,
        thick: float = THIN_MM,
        ink: int = 0,
        dashes: Dashes | None = None,
    ) -> Box:
        """A row of equal boxes, one digit each. Returns the whole comb from line centre to line centre."""
        step = pixels(tooth)
        left, top = pixels(x0), pixels(y0)
        right, bottom = left + teeth * step, top + pixels(height)
        line = self._line_px(thick)
        uprights = [(left + k * step, top, left + k * step, bottom) for k in range(teeth + 1)]
        for x_start, y_start, x_end, y_end in [*uprights, *((left, y, right, y) for y in (top, bottom))]:
            if dashes is None:
                self._draw.line((x_start, y_start, x_end, y_end), ink, line)
            else:
                wide, high = (line - 1, 0) if x_start == x_end else (0, line - 1)
                self._dashed((x_start, y_start, x_end + wide, y_end + high), dashes, ink)
        return Box(left=left, top=top, width=teeth * step, height=bottom - top)

    def _dashed(self, bar: tuple[int, int, int, int], dashes: Dashes, ink: int) -> None:
        """A bar cut into dashes along its longer side."""
        left, top, right, bottom = bar
        dash, period = max(1, pixels(dashes[0])), max(2, pixels(sum(dashes)))
        if right - left > bottom - top:
            for x in range(left, right + 1, period):
                self._draw.rectangle((x, top, min(x + dash - 1, right), bottom), ink)
        else:
            for y in range(top, bottom + 1, period):
                self._draw.rectangle((left, y, right, min(y + dash - 1, bottom)), ink)

    def waves(self, x0: float, y0: float, x1: float, height: float, strands: int = 5) -> None:
        """A security-print band of interwoven sine lines."""
        x = np.arange(pixels(x0), pixels(x1), 2)
        reach = pixels(height) / 2
        for k in range(strands):
            phase = x / (29 + 7 * k) + 2 * np.pi * k / strands
            y = pixels(y0) + reach + reach * np.sin(phase) * np.cos(x / (211 + 31 * k))
            self._draw.line(list(zip(x.tolist(), y.round().astype(int).tolist(), strict=True)), 90, 1)

    def emblem(self, x: float, y: float, radius: float, *, kind: Literal["book", "bolt"]) -> None:
        """A round mark of the issuing house, drawn large and reduced so that its curves are smooth."""
        size = pixels(2 * radius)
        big = size * _LOGO_ZOOM
        mark = Image.new("L", (big, big), 255)
        draw = ImageDraw.Draw(mark)
        _rings(draw, big)
        (_open_book if kind == "book" else _bolt)(draw, big)
        self._image.paste(mark.resize((size, size), Image.Resampling.BOX), (pixels(x - radius), pixels(y - radius)))

    @staticmethod
    def _line_px(thick: float) -> int:
        return max(1, pixels(thick))


def _rings(draw: ImageDraw.ImageDraw, size: int) -> None:
    draw.ellipse((0, 0, size - 1, size - 1), 0)
    draw.ellipse((size * 0.035, size * 0.035, size * 0.965, size * 0.965), 255)
    draw.ellipse((size * 0.07, size * 0.07, size * 0.93, size * 0.93), 40)
    middle, reach = size / 2, size * 0.40
    for k in range(36):
        turn = 2 * np.pi * k / 36
        x, y = middle + reach * np.cos(turn), middle + reach * np.sin(turn)
        dot = size * (0.014 if k % 3 else 0.024)
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), 255)
    draw.ellipse((size * 0.15, size * 0.15, size * 0.85, size * 0.85), 255)


def _open_book(draw: ImageDraw.ImageDraw, size: int) -> None:
    def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(size * x, size * y) for x, y in points]

    draw.polygon(at((0.24, 0.42), (0.49, 0.49), (0.49, 0.74), (0.24, 0.66)), 40)
    draw.polygon(at((0.76, 0.42), (0.51, 0.49), (0.51, 0.74), (0.76, 0.66)), 40)
    for k in range(4):
        y = 0.49 + 0.045 * k
        draw.line(at((0.28, y), (0.46, y + 0.05)), 255, size // 90)
        draw.line(at((0.72, y), (0.54, y + 0.05)), 255, size // 90)
    for k in range(7):
        turn = np.pi * (k + 0.5) / 7
        tip = (0.5 - 0.25 * np.cos(turn), 0.45 - 0.24 * np.sin(turn))
        root = (0.5 - 0.12 * np.cos(turn), 0.45 - 0.11 * np.sin(turn))
        draw.line(at(root, tip), 40, size // 40)
    draw.ellipse((size * 0.43, size * 0.36, size * 0.57, size * 0.46), 40)


def _bolt(draw: ImageDraw.ImageDraw, size: int) -> None:
    bolt = [(0.56, 0.20), (0.34, 0.53), (0.48, 0.53), (0.42, 0.80), (0.67, 0.44), (0.52, 0.44)]
    draw.polygon([(size * x, size * y) for x, y in bolt], 0)
    for k in range(5):
        inset = 0.24 + 0.012 * k
        draw.arc((size * inset, size * inset, size * (1 - inset), size * (1 - inset)), 20 + 25 * k, 60 + 25 * k, 0, 6)
        draw.arc((size * inset, size * inset, size * (1 - inset), size * (1 - inset)), 200 + 25 * k, 240 + 25 * k, 0, 6)
