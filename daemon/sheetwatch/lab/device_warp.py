"""Where a device puts every point of a sheet: bend, then a homography; the image and the points move alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Colour = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float64]

_COARSE_PX = 16
_INVERSE_STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One smooth swing of the paper: `reach` px along (cos, sin) of `heading`, over `length` px along `along`."""

    reach_px: float
    heading: float
    length_px: float
    along: float
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warp:
    """A sheet's way into the picture. `matrix`: float64 (3, 3), bent sheet to picture; `size`: (height, width)."""

    matrix: Points
    size: tuple[int, int]
    waves: tuple[Wave, ...] = ()

    def points(self, places: Points) -> Points:
        """Sheet pixels float64 (..., 2) as picture pixels."""
        return project(self.matrix, places + self._shift(places))

    def image(self, sheet: Colour, ground: Colour) -> Colour:
        """The sheet on its ground: both uint8, RGB (H, W, 3) or grey (H, W); the ground has `size`."""
        there = self._sources()
        picture = cv2.remap(sheet, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        covered = _coverage(there, (sheet.shape[0], sheet.shape[1]))
        picture = cv2.blendLinear(picture, ground, covered, 1 - covered)
        return np.asarray(picture, np.uint8)

    def _shift(self, places: Points) -> Points:
        shift = np.zeros_like(places)
        for wave in self.waves:
            way = places[..., 0] * np.cos(wave.along) + places[..., 1] * np.sin(wave.along)
            swing = wave.reach_px * np.sin(2 * np.pi * way / wave.length_px + wave.phase)
            shift[..., 0] += swing * np.cos(wave.heading)
            shift[..., 1] += swing * np.sin(wave.heading)
        return shift

    def _sources(self) -> npt.NDArray[np.float32]:
        """For each pixel of the picture the place on the sheet, float32 (H, W, 2); exact on a coarse grid between."""
        height, width = self.size
        rows, columns = -(-height // _COARSE_PX) + 2, -(-width // _COARSE_PX) + 2
        # cv2.resize puts coarse node k at fine pixel 16 k + 7.5; one node more on each side covers the rim.
        x = (np.arange(columns) - 1) * _COARSE_PX + (_COARSE_PX - 1) / 2
        y = (np.arange(rows) - 1) * _COARSE_PX + (_COARSE_PX - 1) / 2
        grid = np.stack(np.meshgrid(x, y), -1)
        bent = project(np.linalg.inv(self.matrix), grid)
        flat = bent.copy()
        for _ in range(_INVERSE_STEPS if self.waves else 0):
            flat = bent - self._shift(flat)
        size = (columns * _COARSE_PX, rows * _COARSE_PX)
        fine = cv2.resize(flat.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(fine[_COARSE_PX : _COARSE_PX + height, _COARSE_PX : _COARSE_PX + width])


def project(matrix: Points, places: Points) -> Points:
    """Points float64 (..., 2) through a homography (3, 3)."""
    moved = places @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float64)


def _coverage(there: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    height, width = size
    x, y = there[..., 0], there[..., 1]
    inside = np.minimum(np.minimum(x + 0.5, width - 0.5 - x), np.minimum(y + 0.5, height - 0.5 - y))
    return np.clip(inside + 0.5, 0, 1, out=inside)


def turned(size: tuple[int, int], quarter_turns: int) -> tuple[Points, tuple[int, int]]:
    """The matrix that turns a picture of `size` clockwise by quarters, and the size it has then."""
    height, width = size
    matrices = (
        [[1, 0, 0], [0, 1, 0]],
        [[0, -1, height - 1], [1, 0, 0]],
        [[-1, 0, width - 1], [0, -1, height - 1]],
        [[0, 1, 0], [-1, 0, width - 1]],
    )
    matrix = np.array([*matrices[quarter_turns % 4], [0, 0, 1]], float)
    return matrix, (width, height) if quarter_turns % 2 else (height, width)
