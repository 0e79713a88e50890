"""Local refinement: where the printed lines of the reference really lie on a page that one homography fits roughly.

Paper bends; one homography leaves 5 to 15 px of error on real photographs. Small patches of the reference, chosen at
corners of its print, are looked for around their expected place. Their displacements are smooth over the sheet, so a
patch that contradicts its neighbours is dropped, and each field takes the locally weighted affine fit around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Template

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float64]

_FINE_SIDE_PX = 1400
_COARSE_FACTOR = 0.5
_PATCH_HALF_PX = 14
_COARSE_SEARCH_PX = 16
_FINE_SEARCH_PX = 6
_MIN_SCORE = 0.6
"""Normalised correlation from which a patch counts as found."""

_TILES_LONG_SIDE = 16
_POINTS_PER_TILE = 2
_POINTS_PER_FIELD = 6
_FIELD_REACH = 0.35
"""Print within this share of a field's smaller side around its box belongs to the field's surroundings."""

_NEIGHBOURS = 10
_OUTLIER_PX = 4.0
"""A patch this far (fine pixels) from what its neighbours say was found in the wrong place."""

_SMOOTHING_SHARE = 0.05
"""Width of the local fit, as a share of the reference's longer side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Print:
    """The printed structure of a template.

    `fine`, `coarse`: uint8, the reference at two sizes; `scale`: of `fine` to the reference. `points`: float64 (N, 2),
    corners of the print, in fine pixels. `near`: bool (F, N), which points belong to the surroundings of which field.
    """

    fine: Grey
    coarse: Grey
    scale: float
    points: Points
    near: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """How a warped page deviates from its template.

    `quads`: float64 (F, 4, 2), each field's corners on the warped page, in reference pixels. `found_share`: share of
    the template's points that were found where their neighbours expect them. `rms_error_px`: leave-one-out, in
    reference pixels. `field_error_px`: float64 (F,), the same for the surroundings of each field (NaN: nothing is
    printed there). `field_found_share`: float64 (F,), share of each field's points that were found (NaN: it has none).
    """

    quads: Points
    found_share: float
    rms_error_px: float
    field_error_px: npt.NDArray[np.float64]
    field_found_share: npt.NDArray[np.float64]


@lru_cache(maxsize=32)
def print_of(template: Template) -> Print:
    """Find the printed structure of a template; computed once for each loaded template."""
    reference = template.reference
    scale = min(1.0, _FINE_SIDE_PX / max(reference.shape))
    fine = _soften(_resize(reference, scale))
    points, near = _choose_points(fine, _scaled_boxes(template, scale))
    return Print(fine=fine, coarse=_resize(fine, _COARSE_FACTOR), scale=scale, points=points, near=near)


def refine(grey: Grey, page_to_template: npt.NDArray[np.float64], template: Template) -> Refinement:
    """Find the deviation of a page (uint8 (H, W)) from its template after the homography, float64 (3, 3)."""
    printed = print_of(template)
    warped = _soften(warp_to(grey, page_to_template, printed.scale, printed.fine.shape))
    reach = float(max(printed.fine.shape)) * _SMOOTHING_SHARE
    points = printed.points

    shift, found = _search(
        printed.coarse,
        _resize(warped, _COARSE_FACTOR),
        points * _COARSE_FACTOR,
        np.zeros_like(points),
        _COARSE_SEARCH_PX,
    )
    shift = shift / _COARSE_FACTOR
    found &= ~_contradicts_neighbours(points, shift, found)
    expected = _fit(points, points[found], shift[found], reach)

    shift, found = _search(printed.fine, warped, points, expected, _FINE_SEARCH_PX)
    found &= ~_contradicts_neighbours(points, shift, found)
    corners = (template_corners(template) * printed.scale).reshape(-1, 2)
    moved = corners + _fit(corners, points[found], shift[found], reach)
    error = np.full(len(points), np.nan)
    error[found] = _leave_one_out_error(points[found], shift[found], reach) / printed.scale
    return Refinement(
        quads=moved.reshape(-1, 4, 2) / printed.scale,
        found_share=float(found.mean()) if len(found) else 0.0,
        rms_error_px=_rms(error),
        field_error_px=np.array([_rms(error[near]) for near in printed.near]),
        field_found_share=np.array([found[near].mean() if near.any() else np.nan for near in printed.near]),
    )


def template_corners(template: Template) -> Points:
    """The corners of every field's box, float64 (F, 4, 2), reference pixels, from the top left clockwise."""
    boxes = [field.box for field in template.fields if field.box is not None]
    return np.array(
        [[(b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)] for b in boxes], np.float64
    ).reshape(-1, 4, 2)


def warp_to(grey: Grey, page_to_template: npt.NDArray[np.float64], scale: float, shape: tuple[int, ...]) -> Grey:
    """Warp a page onto its template, drawn at `scale`; `shape`: height and width of the result.

    A page finer than the result is shrunk first, so that thin lines are averaged and not skipped.
    """
    to_result = np.diag([scale, scale, 1.0]) @ page_to_template
    centre = np.linalg.inv(to_result) @ np.array([shape[1] / 2, shape[0] / 2, 1.0])
    shrink = min(1.0, _local_scale(to_result, centre[:2] / centre[2]) * 1.2)
    if shrink < 0.8:
        grey = _resize(grey, shrink)
        to_result = to_result @ np.diag([1 / shrink, 1 / shrink, 1.0])
    return cv2.warpPerspective(grey, to_result, (shape[1], shape[0]), borderMode=cv2.BORDER_REPLICATE)


def _local_scale(homography: npt.NDArray[np.float64], at: npt.NDArray[np.float64]) -> float:
    """Return how much a homography enlarges at a point: the square root of its Jacobian's determinant."""
    w = float(homography[2] @ np.array([at[0], at[1], 1.0]))
    return float(np.sqrt(abs(np.linalg.det(homography)) / abs(w) ** 3))


def _resize(grey: Grey, scale: float) -> Grey:
    if scale >= 1:
        return grey
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _soften(grey: Grey) -> Grey:
    return cv2.GaussianBlur(grey, (0, 0), 1.0)


def _scaled_boxes(template: Template, scale: float) -> npt.NDArray[np.float64]:
    corners = template_corners(template) * scale
    return np.concatenate([corners[:, 0], corners[:, 2]], axis=1)


def _choose_points(fine: Grey, boxes: npt.NDArray[np.float64]) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Take the strongest corners of each tile of the sheet and of each field's surroundings."""
    corners = cv2.goodFeaturesToTrack(fine, 4000, 0.01, 6, blockSize=9)
    candidates = np.empty((0, 2)) if corners is None else corners[:, 0].astype(np.float64)
    border = _PATCH_HALF_PX + _FINE_SEARCH_PX + 1
    height, width = fine.shape
    inside = (candidates >= border).all(1) & (candidates[:, 0] < width - border) & (candidates[:, 1] < height - border)
    candidates = candidates[inside]
    tile = max(fine.shape) / _TILES_LONG_SIDE
    tiles = [tuple(key) for key in (candidates // tile).astype(int).tolist()]
    near = np.array([_near(candidates, box) for box in boxes], bool).reshape(len(boxes), len(candidates))
    chosen = _first_of_each(tiles, _POINTS_PER_TILE)
    for row in near:
        chosen[np.flatnonzero(row)[:_POINTS_PER_FIELD]] = True
    return candidates[chosen], near[:, chosen]


def _first_of_each(keys: list[tuple[int, ...]], count: int) -> npt.NDArray[np.bool_]:
    """Mark the first `count` entries of every key; corners come strongest first."""
    seen: dict[tuple[int, ...], int] = {}
    chosen = np.zeros(len(keys), bool)
    for index, key in enumerate(keys):
        seen[key] = seen.get(key, 0) + 1
        chosen[index] = seen[key] <= count
    return chosen


def _near(points: Points, box: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    reach = max(_FIELD_REACH * min(box[2] - box[0], box[3] - box[1]), 12.0)
    return ((points >= box[:2] - reach) & (points <= box[2:] + reach)).all(axis=1)


def _search(
    reference: Grey, warped: Grey, points: Points, expected: Points, search: int
) -> tuple[Points, npt.NDArray[np.bool_]]:
    """Look for each point's patch around its expected displacement.

    Returns displacements, float64 (N, 2), and which patches were found, bool (N,).
    """
    shift = expected.copy()
    found = np.zeros(len(points), bool)
    reach = _PATCH_HALF_PX + search
    padded = cv2.copyMakeBorder(warped, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    framed = cv2.copyMakeBorder(
        reference, _PATCH_HALF_PX, _PATCH_HALF_PX, _PATCH_HALF_PX, _PATCH_HALF_PX, cv2.BORDER_REPLICATE
    )
    size = 2 * _PATCH_HALF_PX + 1
    for index, ((x, y), (left, top)) in enumerate(
        zip(points.round().astype(int), (points + expected).round().astype(int), strict=True)
    ):
        window = padded[max(top, 0) : top + 2 * reach + 1, max(left, 0) : left + 2 * reach + 1]
        if window.shape != (2 * reach + 1, 2 * reach + 1):
            continue
        patch = framed[y : y + size, x : x + size]
        scores = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        _, score, _, (column, row) = cv2.minMaxLoc(scores)
        found[index] = score > _MIN_SCORE
        offset = _subpixel(scores, column, row)
        shift[index] = (left - x + column - search + offset[0], top - y + row - search + offset[1])
    return shift, found


def _subpixel(scores: npt.NDArray[np.float32], column: int, row: int) -> tuple[float, float]:
    """Refine a peak by a parabola through it and its neighbours, in x and in y."""
    x = _parabola(scores[row, column - 1 : column + 2])
    y = _parabola(scores[row - 1 : row + 2, column])
    return x, y


def _parabola(three: npt.NDArray[np.float32]) -> float:
    if len(three) < 3:
        return 0.0
    left, middle, right = (float(value) for value in three)
    bend = left - 2 * middle + right
    return 0.0 if bend >= -1e-6 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))


def _contradicts_neighbours(points: Points, shift: Points, found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark points whose displacement is far from the median of their nearest found neighbours."""
    wrong = np.zeros(len(points), bool)
    index = np.flatnonzero(found)
    if len(index) < 4:
        return found.copy()
    distance = np.linalg.norm(points[index, None] - points[None, index], axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1)[:, :_NEIGHBOURS]
    nearest = nearest[:, : len(index) - 1]
    median = np.median(shift[index][nearest], axis=1)
    wrong[index] = np.linalg.norm(shift[index] - median, axis=1) > _OUTLIER_PX
    return wrong


def _fit(at: Points, points: Points, shift: Points, reach: float, *, leave_out: bool = False) -> Points:
    """Locally weighted affine regression of the displacements (Cleveland 1979), evaluated at `at`, float64 (M, 2).

    A faint prior pulls the slope to zero, so that few or collinear points cannot tilt it. With `leave_out`, `at` are
    the points themselves, and each is predicted from the others.
    """
    if len(points) == 0:
        return np.zeros_like(at)
    delta = (points[None] - at[:, None]) / reach
    weight = np.exp(-0.5 * (delta**2).sum(axis=2)) + 1e-6
    if leave_out:
        np.fill_diagonal(weight, 0.0)
    design = np.concatenate([np.ones((*delta.shape[:2], 1)), delta], axis=2)
    weighted = design * weight[..., None]
    normal = np.einsum("mni,mnj->mij", weighted, design)
    normal += np.diag([1e-9, 0.3, 0.3]) * weight.sum(axis=1)[:, None, None] * 0.05
    right = np.einsum("mni,nk->mik", weighted, shift)
    return np.linalg.solve(normal, right)[:, 0]


def _leave_one_out_error(points: Points, shift: Points, reach: float) -> npt.NDArray[np.float64]:
    if len(points) < 2:
        return np.full(len(points), np.inf)
    return np.linalg.norm(_fit(points, points, shift, reach, leave_out=True) - shift, axis=1)


def _rms(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")
