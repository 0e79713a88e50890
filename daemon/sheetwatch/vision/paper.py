"""The paper behind print and ink: as light as its light surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.vision.strip import Strip

    Grey = npt.NDArray[np.uint8]

_SHARE = 12
"""One part in so many of a picture's smaller side: how far around a pixel its paper is looked for."""

_LEAST_PX, _MOST_PX = 7, 30


def paper_reach(width: int, height: int) -> int:
    """How far around a pixel of such a picture its paper is looked for."""
    return min(max(min(width, height) // _SHARE, _LEAST_PX), _MOST_PX)


def find_paper(picture: Grey, strip: Strip, reaches: Sequence[int]) -> Grey:
    """Estimate the paper under print and ink in the cells of a strip, uint8 (H, W).

    Beside them the picture must be 0, and so is the paper. reaches: (N,), how far around a pixel paper is looked for.
    """
    paper, light = np.zeros_like(picture), np.empty_like(picture)
    for reach, columns in strip.runs(reaches):
        around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        widened = cv2.bitwise_or(cv2.dilate(picture[:, columns], around), strip.outside[:, columns])
        cv2.erode(widened, around, light[:, columns])
    for smooth, rough, reach in zip(strip.parts(paper), strip.parts(light), reaches, strict=True):
        cv2.blur(rough, (2 * reach + 1, 2 * reach + 1), smooth)
    return paper
