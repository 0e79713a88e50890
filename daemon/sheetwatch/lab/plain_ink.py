"""The ink of a clean picture of one digit, by one threshold: no borders, no shadows, no neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_LEAST_CONTRAST = 24.0  # grey levels between paper and ink
_NOISE = 0.2  # of full ink; less is paper
_SPECK = 0.02  # of all ink; smaller parts are dirt


def ink_of(grey: Grey) -> Grey | None:
    """The ink, cropped to its extent: uint8 (h, w), 255 = full ink, 0 = paper. None when nothing is drawn.

    grey: uint8 (H, W), dark ink on light paper. The threshold is Otsu's (1979).
    """
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dark = grey <= level
    if dark.all() or not dark.any():
        return None
    paper, full = _ranked(grey[~dark], 0.5), _ranked(grey[dark], 0.1)
    if paper - full < _LEAST_CONTRAST:
        return None
    return _cropped(cv2.LUT(grey, _strengths(paper, full)), dark)


def _ranked(values: Grey, share: float) -> float:
    """The value at this share of the sorted order; numpy's percentile takes longer than the partial sorting."""
    rank = int(share * (values.size - 1))
    return float(np.partition(values, rank)[rank])


def _strengths(paper: float, full: float) -> Grey:
    """For each grey level how much ink it is: uint8 (256,)."""
    strength = np.clip((paper - np.arange(256)) / (paper - full), 0.0, 1.0)
    strength[strength < _NOISE] = 0.0
    return np.asarray(strength * 255.0 + 0.5, dtype=np.uint8)


def _cropped(ink: Grey, dark: npt.NDArray[np.bool_]) -> Grey:
    """Cropped to the dark parts that are more than specks, with what touches them."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8), connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA]
    worth = (area >= _SPECK * area[1:].sum()).astype(np.uint8)
    worth[0] = 0
    near = cv2.dilate(worth[parts], np.ones((3, 3), np.uint8))
    clean = np.asarray(ink * near, dtype=np.uint8)
    left, top, width, height = cv2.boundingRect(clean)
    return np.ascontiguousarray(clean[top : top + height, left : left + width])
