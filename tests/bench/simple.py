"""The simple way to do it, to compare with: decode all, one homography, plain crops, the same reader.

It takes no print out of the crops, follows no bend of the paper, checks no file for being whole and no sum, and says
of no cell that it is doubtful.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from bench.pages import Scan
    from sheetwatch.domain import Reading, Template
    from sheetwatch.pipeline import CellReader

    Grey = npt.NDArray[np.uint8]

_SIDE_PX = 1000
_FEATURES = 1500


def simple_way(template: Template, reader: CellReader) -> Callable[[Scan], list[Reading]]:
    """A function that reads a scan's one page; the template's features are found once, here."""
    orb = cv2.ORB_create(_FEATURES)
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
    reference, reference_zoom = _small(template.reference)
    there, there_bits = orb.detectAndCompute(reference, None)

    def read(scan: Scan) -> list[Reading]:
        grey = scan.floor()
        small, zoom = _small(grey)
        here, here_bits = orb.detectAndCompute(small, None)
        matches = matcher.match(here_bits, there_bits)
        ours = np.array([here[match.queryIdx].pt for match in matches]) / zoom
        theirs = np.array([there[match.trainIdx].pt for match in matches]) / reference_zoom
        homography, _ = cv2.findHomography(ours, theirs, cv2.RANSAC, 5.0)
        return reader.read_cells(_crops(grey, homography, template), template.fields)

    return read


def _small(grey: Grey) -> tuple[Grey, float]:
    zoom = _SIDE_PX / max(grey.shape)
    return np.asarray(cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8), zoom


def _crops(grey: Grey, homography: npt.NDArray[np.float64], template: Template) -> list[Grey]:
    boxes = [field.box for field in template.fields if field.box is not None]
    crops = []
    for box in boxes:
        shift = np.array([[1, 0, -box.left], [0, 1, -box.top], [0, 0, 1]], np.float64)
        crops.append(np.asarray(cv2.warpPerspective(grey, shift @ homography, (box.width, box.height)), np.uint8))
    return crops
