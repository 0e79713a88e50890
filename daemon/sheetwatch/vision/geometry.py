"""Resizing and mapping with one convention: coordinates are pixel centres, as OpenCV's warps take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]


_HORIZON = 1e-12


def shrink(grey: Grey, scale: float) -> tuple[Grey, Matrix]:
    """Shrink an image, uint8 (H, W), averaging pixels; at a scale of 1 and above it is returned as it is.

    Also returns the homography of the resize, float64 (3, 3), exact for the whole number of pixels that it came to.
    """
    if scale >= 1:
        return grey, np.eye(3)
    height, width = grey.shape
    small = cv2.resize(
        grey, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    return small, stretch(grey.shape, small.shape)


def halved(grey: Grey) -> Grey:
    """Halve an image, uint8 (H, W): each pixel is the mean of four. An odd last row or column is left out."""
    height, width = (max(1, side // 2) for side in grey.shape)
    return cv2.resize(grey[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def stretch(shape: tuple[int, ...], onto: tuple[int, ...]) -> Matrix:
    """The homography, float64 (3, 3), of resizing an image of one height and width to another."""
    x, y = onto[1] / shape[1], onto[0] / shape[0]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)


def map_points(points: npt.NDArray[np.float32] | Matrix, homography: Matrix) -> Matrix:
    """Map points, (..., 2), by a homography, float64 (3, 3); what lies on its horizon lands very far away."""
    flat = points.reshape(-1, 2)
    mapped = np.concatenate([flat, np.ones((len(flat), 1))], axis=1) @ homography.T
    depth = mapped[:, 2:]
    return (mapped[:, :2] / np.where(np.abs(depth) < _HORIZON, _HORIZON, depth)).reshape(points.shape)


def local_scale(homography: Matrix, at: Matrix) -> float:
    """Return how much a homography enlarges lengths at a point, (2,): the root of its Jacobian's determinant."""
    w = float(homography[2] @ np.array([at[0], at[1], 1.0]))
    return float(np.sqrt(abs(np.linalg.det(homography)) / max(abs(w) ** 3, 1e-12)))
