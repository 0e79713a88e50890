"""Lay a filled sheet onto another of the same form, so that their print covers each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box, Field, FieldKind, Template
from sheetwatch.vision.align import MIN_INLIERS, OVERVIEW_SIDE_PX, is_plausible, turned_deg
from sheetwatch.vision.draft.contrast import contrast_of
from sheetwatch.vision.draft.rulings import pixels_per_mm_of
from sheetwatch.vision.features import Features, find_features, find_homography
from sheetwatch.vision.geometry import local_scale, map_points, shrink
from sheetwatch.vision.refine import refine

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]

_TILES = (12, 9)
"""Rows and columns of the mesh that takes up the bend of the paper."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What sheets are laid onto: `template` with a mesh of tiles for fields, and its features."""

    template: Template
    features: Features


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """How a page fits the ground: the homography, page to ground, its inliers and the quarter turns in degrees."""

    homography: Matrix
    inliers: int
    turned_deg: int


def ground_of(grey: Grey) -> Ground:
    """Make a page, uint8 (H, W), the ground for others."""
    grey = np.ascontiguousarray(grey)
    grey.setflags(write=False)
    rows, columns = _TILES
    ys = np.linspace(0, grey.shape[0], rows + 1).round().astype(int)
    xs = np.linspace(0, grey.shape[1], columns + 1).round().astype(int)
    tiles = [
        Box(left=int(xs[c]), top=int(ys[r]), width=int(xs[c + 1] - xs[c]), height=int(ys[r + 1] - ys[r]))
        for r in range(rows)
        for c in range(columns)
    ]
    fields = tuple(Field(name=f"tile{index}", kind=FieldKind.MARK, box=box) for index, box in enumerate(tiles))
    template = Template(name="ground", title="ground", reference=grey, fields=fields)
    return Ground(template=template, features=find_features(grey, of_reference=True))


def find_fit(features: Features, shape: tuple[int, ...], ground: Ground) -> Fit | None:
    """Find how a page of these features, height and width lies on the ground; None where it shows another form."""
    homography, inliers = find_homography(features, ground.features)
    ground_shape = ground.template.reference.shape
    if homography is None or inliers < MIN_INLIERS or not is_plausible(homography, ground_shape, shape):
        return None
    return Fit(homography=homography, inliers=inliers, turned_deg=turned_deg(homography, ground_shape))


def lay(grey: Grey, fit: Fit, ground: Ground) -> tuple[Grey, float]:
    """Lay a page onto the ground, bend by bend.

    Returns uint8 of the ground's shape, 255 = paper and evenly lit, and the share of the ground's print found on it.
    """
    overview, to_overview = shrink(grey, OVERVIEW_SIDE_PX / max(grey.shape))
    refinement = refine(overview, fit.homography @ np.linalg.inv(to_overview), ground.template)
    shape = ground.template.reference.shape
    middle = map_points(np.array([shape[1] / 2, shape[0] / 2]), np.linalg.inv(fit.homography))
    small, to_small = shrink(grey, local_scale(fit.homography, middle))
    to_page = to_small @ np.linalg.inv(fit.homography)
    places = map_points(_mesh(refinement.quads, shape), to_page).astype(np.float32)
    laid = cv2.remap(small, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    even = 255 - contrast_of(np.asarray(laid, np.uint8), pixels_per_mm_of(laid, None))
    return np.asarray(even, np.uint8), refinement.found_share


def _mesh(quads: Matrix, shape: tuple[int, ...]) -> Matrix:
    """Where each pixel of the ground lies on the page that the homography laid there: float64 (H, W, 2)."""
    rows, columns = _TILES
    corners = np.zeros((rows + 1, columns + 1, 2))
    tiles = quads.reshape(rows, columns, 4, 2)
    corners[:-1, :-1], corners[:-1, -1] = tiles[:, :, 0], tiles[:, -1, 1]
    corners[-1, :-1], corners[-1, -1] = tiles[-1, :, 3], tiles[-1, -1, 2]
    ys, xs = np.linspace(0, shape[0], rows + 1).round(), np.linspace(0, shape[1], columns + 1).round()
    shift = (corners - np.stack(np.meshgrid(xs, ys), axis=-1)).astype(np.float32)
    fine = np.stack(np.meshgrid(np.arange(shape[1]), np.arange(shape[0])), axis=-1).astype(np.float32)
    at_x = fine[..., 0] * (columns / shape[1])
    at_y = fine[..., 1] * (rows / shape[0])
    moved = cv2.remap(shift, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(fine + moved, np.float64)
