"""Feature matches between a page and a template's reference, and the homography they agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import map_points, shrink

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

FEATURE_SIDE_PX = 1000
"""Features are found on an image whose longer side has this many pixels: finer ones are paper and pen, not form."""

_PAGE_FEATURES = 1700
"""More than a template's, because a photograph's table takes its share."""

_REFERENCE_FEATURES = 1200
_MIN_SIDE_PX = 64
"""ORB's pyramid cannot stand on less."""

_RATIO = 0.8
_REPROJECTION_PX = 3.0
"""At feature scale; paper bend leaves up to 15 px at 200 dpi, which the local refinement takes up later."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """ORB features of an image.

    `points`: float32 (N, 2) in full-size pixels; `descriptors`: uint8 (N, 32); `scale`: of the image they were found
    on, relative to the full size.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    scale: float


def find_features(grey: Grey, *, of_reference: bool = False) -> Features:
    """Find ORB features (Rublee et al. 2011) of an image, uint8 (H, W), at reduced size."""
    scale = min(1.0, FEATURE_SIDE_PX / max(grey.shape))
    small, to_small = shrink(grey, scale)
    if min(small.shape) < _MIN_SIDE_PX:
        return _none(scale)
    orb = cv2.ORB_create(_REFERENCE_FEATURES if of_reference else _PAGE_FEATURES, fastThreshold=10)
    keypoints, descriptors = orb.detectAndCompute(small, None)
    if descriptors is None:
        return _none(scale)
    found = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    points = map_points(found, np.linalg.inv(to_small)).astype(np.float32)
    return Features(points=points, descriptors=descriptors, scale=scale)


def _none(scale: float) -> Features:
    return Features(points=np.empty((0, 2), np.float32), descriptors=np.empty((0, 32), np.uint8), scale=scale)


def find_homography(page: Features, reference: Features) -> tuple[npt.NDArray[np.float64] | None, int]:
    """Match features and return the homography from page to reference, float64 (3, 3), and its inliers.

    MAGSAC++: Barath et al. 2020. None where fewer than four matches agree.
    """
    if min(len(page.points), len(reference.points)) < 4:
        return None, 0
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(page.descriptors, reference.descriptors, k=2)
    good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(good) < 4:
        return None, 0
    homography, inliers = cv2.findHomography(
        page.points[[match.queryIdx for match in good]],
        reference.points[[match.trainIdx for match in good]],
        cv2.USAC_MAGSAC,
        _REPROJECTION_PX / reference.scale,
        maxIters=5000,
        confidence=0.999,
    )
    if homography is None:
        return None, 0
    return homography.astype(np.float64), int(inliers.sum())
