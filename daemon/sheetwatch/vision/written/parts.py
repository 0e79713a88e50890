"""The connected parts of a page's ink, and which of them may belong to digits."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.uint8]
    Labels = npt.NDArray[np.int32]
    Real = npt.NDArray[np.float64]
    Flags = npt.NDArray[np.bool_]

_SMALLEST_PX = 2.0
_SMALLEST_DIGIT_PX = 9.0
_LARGEST_SHARE = 0.45  # of the page; larger parts are frames, pictures, the edge of the sheet
_BODY = 0.5  # of the usual height around; parts that high, or nearly that wide, are digits, others belong to one
_NEARBY = 6.0  # heights
_MOST = 4000  # parts looked at: the largest; a page of noise has a hundred thousand


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Connected parts, each array (N,): edges in pixels (right and bottom exclusive), ink pixels.

    `labels`: int32 (H, W), part `k` has label `label[k]`; `usual`: the height of digits around it; `body`: whether it
    is large enough to be a digit.
    """

    labels: Labels
    label: Labels
    left: Real
    top: Real
    right: Real
    bottom: Real
    area: Real
    usual: Real
    body: Flags

    def only(self, wanted: Flags) -> Parts:
        """Some of the parts. wanted: (N,)."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "labels"}
        return replace(self, **{name: values[wanted] for name, values in arrays.items()})

    @property
    def height(self) -> Real:
        """Heights."""
        return self.bottom - self.top

    @property
    def width(self) -> Real:
        """Widths."""
        return self.right - self.left

    @property
    def x(self) -> Real:
        """Middles."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> Real:
        """Middles."""
        return (self.top + self.bottom) / 2


def find_parts(mask: Mask) -> Parts:
    """The parts of a mask, uint8 (H, W), 1 = ink, without specks and what is too large to be writing."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height, area = (stats[:, k].astype(np.float64) for k in range(5))
    rows, columns = mask.shape
    fits = (np.maximum(width, height) > _SMALLEST_PX) & (height < _LARGEST_SHARE * rows)
    fits &= (width < _LARGEST_SHARE * columns) | (height < 0.1 * rows)
    fits[0] = False
    chosen = np.flatnonzero(fits)
    if len(chosen) > _MOST:
        chosen = np.sort(chosen[np.argsort(-area[chosen])[:_MOST]])
    left, top, width, height, area = (values[chosen] for values in (left, top, width, height, area))
    usual = _usual_heights(left + width / 2, top + height / 2, width, height, area)
    large = (height >= _BODY * usual) | ((width >= 0.8 * usual) & (height >= 0.3 * usual))
    return Parts(
        labels=labels,
        label=chosen.astype(np.int32),
        left=left,
        top=top,
        right=left + width,
        bottom=top + height,
        area=area,
        usual=usual,
        body=large & (usual >= _SMALLEST_DIGIT_PX) & (np.maximum(width, height) >= _SMALLEST_DIGIT_PX),
    )


def _usual_heights(x: Real, y: Real, width: Real, height: Real, area: Real) -> Real:
    """For each part the height of what is written around it: the median of the ink there, so that specks count little.

    Parts much lower than their neighbours take the neighbours' height.
    """
    usual = height.copy()
    for _ in range(2):
        reach = np.maximum(usual, 8.0)
        usual = np.array(
            [
                median(
                    height, area * ((np.abs(x - x[k]) < _NEARBY * reach[k] + width[k]) & (np.abs(y - y[k]) < reach[k]))
                )
                for k in range(len(x))
            ]
        ).reshape(-1)
    return np.asarray(usual, dtype=np.float64)


def median(values: Real, weights: Real) -> float:
    """The value in the middle of the weight, of those with any."""
    some = weights > 0
    values, weights = values[some], weights[some]
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])
