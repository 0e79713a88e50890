"""Contrast: how dark print and pen are against the paper around them, whatever the light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_PAPER_MM = 20.0
"""Print wider and higher than this would pass for paper."""

_DARKEST_PAPER = 40


def contrast_of(grey: Grey, pixels_per_mm: float) -> Grey:
    """How much darker each pixel of a page, uint8 (H, W), is than its paper: uint8 (H, W), 255 = black."""
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    side = max(3, 2 * int(_PAPER_MM * pixels_per_mm / 8) + 1)
    paper = cv2.morphologyEx(cv2.medianBlur(small, 5), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = cv2.resize(cv2.blur(paper, (9, 9)), grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.divide(cv2.subtract(paper, grey), cv2.max(paper, _DARKEST_PAPER), scale=255), np.uint8)
