"""Printed rulings: where thin level and upright lines run on a page, and what is solid print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.draft.contrast import contrast_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_PAGE_MM = 297.0
"""What the longer side of a page is taken for where its resolution is not known."""

_PLAUSIBLE_PAGE_MM = (130.0, 450.0)
"""A resolution that makes a page smaller or larger is nonsense, as telephones write it."""

_THICKEST_MM = 1.5
"""Two frames drawn side by side make a line of 1.4 mm."""

_AVERAGED_MM = 2.5
_SHORTEST_MM = 5.5
"""Of a line after averaging, which makes it longer by that much; letters are shorter."""

_BRIDGED_MM, _LENGTHENED_MM = 5.0, 1.6
_LEAST_CONTRAST = 7
"""Of 255, after averaging along the line: what a faint hairline still has."""

_LINE_SHARE = 0.4
"""Of the averaged darkness that stands out from above and below; a row of text is dark all around."""

_SOLID_CONTRAST, _SOLID_MM = 48, 1.0
"""Darker than a heading's grey, wider and higher than a stroke."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rulings:
    """The rulings of a page. All arrays have the page's shape.

    `contrast`: uint8, darkness against the paper around, 255 = black on any paper. `level`, `upright`: uint8, 0 or 1,
    lines as they are seen; `walls`: uint8, 0 or 1, lines with their gaps bridged and solid print, what encloses a
    box; `solid`: uint8, 0 or 1, bars and blots thicker than a line.
    """

    contrast: Grey
    level: Grey
    upright: Grey
    solid: Grey
    walls: Grey
    pixels_per_mm: float


def pixels_per_mm_of(grey: Grey, dpi: float | None) -> float:
    """Pixels per millimetre of a page, from its resolution if that is plausible, else as if it were A4."""
    low, high = _PLAUSIBLE_PAGE_MM
    if dpi is not None and low <= max(grey.shape) / dpi * 25.4 <= high:
        return dpi / 25.4
    return max(grey.shape) / _PAGE_MM


def find_rulings(grey: Grey, pixels_per_mm: float) -> Rulings:
    """Find the rulings of a straight page, uint8 (H, W); lines may slope a little, be dashed, faint or broken."""
    contrast = contrast_of(grey, pixels_per_mm)
    level = _level_lines(contrast, pixels_per_mm)
    upright = np.ascontiguousarray(_level_lines(np.ascontiguousarray(contrast.T), pixels_per_mm).T)
    side = _odd(_SOLID_MM * pixels_per_mm)
    solid = cv2.morphologyEx((contrast > _SOLID_CONTRAST).astype(np.uint8), cv2.MORPH_OPEN, _block(side, side))
    walls = _bridged(level, pixels_per_mm) | _bridged(upright.T, pixels_per_mm).T | solid
    return Rulings(
        contrast=contrast, level=level, upright=upright, solid=solid, walls=walls, pixels_per_mm=pixels_per_mm
    )


def _level_lines(contrast: Grey, pixels_per_mm: float) -> Grey:
    """Mark level lines thinner than _THICKEST_MM: uint8 (H, W), 0 or 1."""
    thick, along = _odd(_THICKEST_MM * pixels_per_mm), _odd(_AVERAGED_MM * pixels_per_mm)
    averaged = cv2.blur(contrast, (along, 1))
    around = cv2.morphologyEx(averaged, cv2.MORPH_OPEN, _block(1, thick))
    standing_out = cv2.subtract(averaged, around)
    lines = (standing_out > _LEAST_CONTRAST) & (standing_out > _LINE_SHARE * averaged)
    thicker = cv2.dilate(lines.astype(np.uint8), _block(1, 3))
    return np.asarray(
        cv2.morphologyEx(thicker, cv2.MORPH_OPEN, _block(_odd(_SHORTEST_MM * pixels_per_mm), 1)), np.uint8
    )


def _bridged(level: Grey, pixels_per_mm: float) -> Grey:
    """Close the gaps of worn level lines, and lengthen them: near a dark crossing line a faint one is not seen."""
    closed = cv2.morphologyEx(level, cv2.MORPH_CLOSE, _block(_odd(_BRIDGED_MM * pixels_per_mm), 1))
    return np.asarray(cv2.dilate(closed, _block(_odd(2 * _LENGTHENED_MM * pixels_per_mm), 1)), np.uint8)


def _block(width: int, height: int) -> Grey:
    return np.ones((height, width), np.uint8)


def _odd(length: float) -> int:
    return max(3, 2 * int(length / 2) + 1)
