"""Local refinement of a sheet at a glance: patches of print are followed from nearly their place to it.

All patches move at once, by Gauss-Newton steps on their grey levels (Lucas and Kanade 1981) with weights that leave out
the ink written over them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import map_points
from sheetwatch.vision.glance import glance_of
from sheetwatch.vision.refine import Refinement, assess, print_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Template
    from sheetwatch.vision.glance import Look

    Real = npt.NDArray[np.float32]
    Points = npt.NDArray[np.float64]

_HALF_PX = 6
_STEPS = 3
_FAR_PX = 3.0
"""A patch farther from its expected place than this was lost."""

_LARGEST_STEP_PX = 1.0
_INK_LEVELS = 20.0
"""Grey levels by which a pixel is darker than the print there, so that it counts half; a lighter one counts whole."""

_MIN_SCORE = 0.6
"""Weighted correlation from which a patch counts as found."""

_MIN_CONTRAST = 0.2
"""Of the print's on the template, that the page's must have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Patches:
    """The patches of a template. N of them with S pixels each.

    `points`: float64 (N, 2), their middles at a glance; `places`: float32 (2, N, S), every pixel's x and y;
    `levels`: float32 (N, S), less their mean; `slopes`: float32 (N, 4, S), what a step right, a step down, more
    contrast and more light add to each pixel.
    """

    points: Points
    places: Real
    levels: Real
    slopes: Real


@lru_cache(maxsize=24)
def _patches_of(template: Template, width: int, height: int) -> _Patches:
    known, printed = glance_of(template, width, height), print_of(template)
    points = map_points(printed.points, known.to_glance @ np.linalg.inv(printed.to_fine))
    across = np.arange(-_HALF_PX, _HALF_PX + 1)
    offsets = np.stack(np.meshgrid(across, across)).reshape(2, 1, -1)
    places = (points.T[:, :, None] + offsets).astype(np.float32)
    grey = known.grey.astype(np.float32)
    right = cv2.filter2D(grey, -1, np.array([[-0.5, 0, 0.5]]))
    down = cv2.filter2D(grey, -1, np.array([[-0.5], [0], [0.5]]))
    levels = _sample(grey, places)
    levels = levels - levels.mean(axis=1, keepdims=True)
    slopes = np.stack([_sample(right, places), _sample(down, places), levels, np.ones_like(levels)], axis=1)
    return _Patches(points=points, places=places, levels=levels, slopes=slopes)


def follow(look: Look, to_template: Points) -> Refinement:
    """Find the deviation of a page from its template; `to_template`: float64 (3, 3), view to template at a glance."""
    printed = print_of(look.template)
    patches = _patches_of(look.template, look.view.shape[1], look.view.shape[0])
    shift, found = _moved(look.view, patches, np.linalg.inv(to_template))
    finer = np.diag(printed.to_fine)[:2] / np.diag(look.known.to_glance)[:2]
    return assess(look.template, printed, shift * finer, found)


def _moved(view: npt.NDArray[np.uint8], patches: _Patches, to_view: Points) -> tuple[Points, npt.NDArray[np.bool_]]:
    """By how much each patch lies beside its place, in template pixels at a glance, and which were found."""
    turn = to_view[:2, :2].astype(np.float32)
    start = np.tensordot(turn, patches.places, 1) + to_view[:2, 2].astype(np.float32)[:, None, None]
    moved = np.zeros((len(patches.points), 2), np.float32)
    weights = np.ones_like(patches.levels)
    light = np.zeros((len(moved), 2), np.float32)
    for _ in range(_STEPS):
        seen = _sample(view, start + (turn @ moved.T)[:, :, None])
        solution = _solved(patches, weights, seen)
        contrast = np.maximum(solution[:, 2:3], 1e-3)
        moved = moved - np.clip(solution[:, :2] / contrast, -_LARGEST_STEP_PX, _LARGEST_STEP_PX)
        light = solution[:, 2:]
        off = seen - (solution[:, None] @ patches.slopes)[:, 0]
        weights = 1.0 / (1.0 + (np.minimum(off, 0.0) / _INK_LEVELS) ** 2)
    score = _correlation(seen, patches.levels, weights)
    found = (score > _MIN_SCORE) & (light[:, 0] > _MIN_CONTRAST) & (np.linalg.norm(moved, axis=1) < _FAR_PX)
    return moved.astype(np.float64), found


def _solved(patches: _Patches, weights: Real, seen: Real) -> Real:
    """Weighted least squares of each patch's grey levels over its slopes, float32 (N, 4)."""
    weighted = patches.slopes * weights[:, None]
    normal = (weighted @ patches.slopes.transpose(0, 2, 1)).astype(np.float64)
    normal[:, range(4), range(4)] += 1e-3 + 1e-6 * normal[:, range(4), range(4)]
    right = (weighted @ seen[..., None]).astype(np.float64)
    return np.linalg.solve(normal, right)[..., 0].astype(np.float32)


def _correlation(one: Real, other: Real, weights: Real) -> Real:
    total = weights.sum(axis=1)
    one = one - ((weights * one).sum(axis=1) / total)[:, None]
    other = other - ((weights * other).sum(axis=1) / total)[:, None]
    size = np.sqrt((weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1))
    return np.asarray((weights * one * other).sum(axis=1) / np.maximum(size, 1e-3), np.float32)


def _sample(grey: npt.NDArray[np.uint8] | Real, places: Real) -> Real:
    """Grey levels between pixels, float32 (N, S); places: float32 (2, N, S), x and y."""
    found = cv2.remap(grey, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
