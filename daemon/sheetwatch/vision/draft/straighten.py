"""Straighten a page: its printed lines become level and upright, so that upright boxes fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import map_points, shrink

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]

_SIDE_PX = 1600
_MIN_LENGTH_SHARE = 0.025
"""Of the longer side: 7 mm of A4. Shorter segments are letters."""

_MOST_TILT_DEG = 15.0
_STEPS = 8
_TYPICAL_ERROR = 0.001
"""By how much the ends of a printed segment differ once it is level, as a share of half the longer side."""

_STRENGTHS = np.array([0.001, 0.001, 0.02, 0.02])
"""How far shear, turn and the two perspective terms are held to nothing where few lines speak."""

_UNTOUCHED_PX = 1.5
"""A page whose corners would move by less than this share of 1000 px stays as it is, pixel for pixel."""


def straighten(grey: Grey) -> tuple[Grey, Matrix]:
    """Turn and rectify a page, uint8 (H, W), by the homography that makes its long lines level and upright.

    Returns the straight page, as large as needed to hold all of the page, and the homography, float64 (3, 3), page to
    straight page. A page that is straight, or shows too few lines to tell, is returned as it is with the identity.
    Quarter turns are left alone: a page on its side stays on its side.
    """
    to_straight = _find_straightening(grey)
    height, width = grey.shape
    outline = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)
    corners = map_points(outline, to_straight)
    if np.abs(corners - outline).max() < _UNTOUCHED_PX * max(grey.shape) / 1000:
        return grey, np.eye(3)
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    to_straight = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ to_straight
    size = (int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
    paper = float(np.percentile(grey[:: max(1, height // 400), :: max(1, width // 400)], 80))
    straight = cv2.warpPerspective(grey, to_straight, size, flags=cv2.INTER_LINEAR, borderValue=(paper,))
    return np.asarray(straight, np.uint8), to_straight


def _find_straightening(grey: Grey) -> Matrix:
    """The homography about the page's centre, without moving it by whole pixels."""
    small, to_small = shrink(grey, _SIDE_PX / max(grey.shape))
    level, upright = _segments(small)
    half = max(small.shape) / 2
    centre = np.array([[1 / half, 0, -small.shape[1] / 2 / half], [0, 1 / half, -small.shape[0] / 2 / half], [0, 0, 1]])
    rectify = _fit(map_points(level, centre), map_points(upright, centre))
    to_unit = centre @ to_small
    return np.asarray(np.linalg.inv(to_unit) @ rectify @ to_unit, np.float64)


def _segments(small: Grey) -> tuple[Matrix, Matrix]:
    """Long straight segments that are nearly level, and nearly upright: float64 (N, 2, 2) each, ends as (x, y)."""
    detector = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD)
    found = detector.detect(small)[0]
    if found is None:
        return np.empty((0, 2, 2)), np.empty((0, 2, 2))
    ends = found.reshape(-1, 2, 2).astype(np.float64)
    way = ends[:, 1] - ends[:, 0]
    ends = ends[np.hypot(*way.T) >= _MIN_LENGTH_SHARE * max(small.shape)]
    way = np.abs(ends[:, 1] - ends[:, 0])
    tilt = np.tan(np.deg2rad(_MOST_TILT_DEG))
    return ends[way[:, 1] < tilt * way[:, 0]], ends[way[:, 0] < tilt * way[:, 1]]


def _fit(level: Matrix, upright: Matrix) -> Matrix:
    """Find [[1, shear, 0], [turn, 1, 0], [g, h, 1]] that levels the segments: Gauss-Newton, outliers weigh little."""
    shear, turn = _median_slope(upright[:, :, ::-1]), _median_slope(level)
    values = np.array([-shear, -turn, 0.0, 0.0])
    spread = 0.02
    for _ in range(_STEPS):
        matrix = np.array([[1, values[0], 0], [values[1], 1, 0], [values[2], values[3], 1]])
        rows_y, error_y, length_y = _equations(level, matrix, axis=1)
        rows_x, error_x, length_x = _equations(upright, matrix, axis=0)
        rows, error = np.vstack([rows_y, rows_x]), np.concatenate([error_y, error_x])
        length = np.concatenate([length_y, length_x])
        weight = length / (1 + (error / (spread * length + _TYPICAL_ERROR)) ** 2) ** 2
        normal = (rows * weight[:, None]).T @ rows + np.diag(_STRENGTHS)
        pull = (rows * weight[:, None]).T @ error
        pull[2:] += _STRENGTHS[2:] * values[2:]
        values = values - np.linalg.solve(normal, pull)
        spread = max(0.004, spread * 0.7)
    return np.array([[1, values[0], 0], [values[1], 1, 0], [values[2], values[3], 1]])


def _median_slope(segments: Matrix) -> float:
    """The slope dy/dx in the middle of all, by length."""
    if not len(segments):
        return 0.0
    way = segments[:, 1] - segments[:, 0]
    slope, length = way[:, 1] / way[:, 0], np.abs(way[:, 0])
    order = np.argsort(slope)
    return float(slope[order][np.searchsorted(np.cumsum(length[order]), length.sum() / 2)])


def _equations(segments: Matrix, matrix: Matrix, axis: int) -> tuple[Matrix, Matrix, Matrix]:
    """How far apart the two mapped ends are along `axis`, with derivatives by shear, turn, g, h and the lengths."""
    x, y = segments[..., 0], segments[..., 1]
    depth = matrix[2, 0] * x + matrix[2, 1] * y + 1
    numerator = matrix[axis, 0] * x + matrix[axis, 1] * y
    place = numerator / depth
    by_line = (y if axis == 0 else x) / depth
    nothing = np.zeros_like(by_line)
    parts = [
        by_line if axis == 0 else nothing,
        by_line if axis == 1 else nothing,
        -place * x / depth,
        -place * y / depth,
    ]
    rows = np.stack([part[:, 1] - part[:, 0] for part in parts], axis=1)
    length = np.hypot(x[:, 1] - x[:, 0], y[:, 1] - y[:, 0])
    return rows, place[:, 1] - place[:, 0], length
