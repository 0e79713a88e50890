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

from sheetwatch.vision.geometry import local_scale, map_points, shrink

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Template

    Grey = npt.NDArray[np.uint8]
    Points = npt.NDArray[np.float64]

_FINE_SIDE_PX = 1400
_COARSE_FACTOR = 0.5
_PATCH_HALF_PX = 14
_COARSE_EVERY = 2
_COARSE_SEARCH_PX = 16
_FINE_SEARCH_PX = 6
_MIN_SCORE = 0.6
"""Normalised correlation from which a patch counts as found."""

_TILES_LONG_SIDE = 20
_POINTS_PER_TILE = 1
_POINTS_PER_FIELD = 6
_FIELD_REACH = 0.35
"""Print within this share of a field's smaller side around its box belongs to the field's surroundings."""

_NEIGHBOURS = 10
_CONTRADICTION_PX = 12.0
"""A patch this far (fine pixels) from the median of its neighbours is in the wrong place: paper does not tear."""

_OUTLIER_PX = 4.0
"""So was one this far from what a smooth fit to the others predicts."""

_REWEIGHTINGS = 3
_TYPICAL_ERROR_PX = 0.3
_SLOPE_PRIOR = 0.015

_SMOOTHING_SHARE = 0.05
"""Width of the local fit, as a share of the reference's longer side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Print:
    """The printed structure of a template.

    `fine`, `coarse`: uint8, the reference at two sizes. `to_fine`, `to_coarse`: float64 (3, 3), from reference and from
    fine pixels. `points`: float64 (N, 2), corners of the print, in fine pixels. `near`: bool (F, N), which points
    belong to the surroundings of which field.
    """

    fine: Grey
    coarse: Grey
    to_fine: Points
    to_coarse: Points
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
    fine, to_fine = shrink(reference, _FINE_SIDE_PX / max(reference.shape))
    fine = _soften(fine)
    coarse, to_coarse = shrink(fine, _COARSE_FACTOR)
    corners = map_points(template_corners(template), to_fine)
    points, near = _choose_points(fine, np.concatenate([corners[:, 0], corners[:, 2]], axis=1))
    return Print(fine=fine, coarse=coarse, to_fine=to_fine, to_coarse=to_coarse, points=points, near=near)


def refine(grey: Grey, page_to_template: npt.NDArray[np.float64], template: Template) -> Refinement:
    """Find the deviation of a page (uint8 (H, W)) from its template after the homography, float64 (3, 3)."""
    printed = print_of(template)
    warped = _soften(warp_to(grey, printed.to_fine @ page_to_template, printed.fine.shape))
    reach = float(max(printed.fine.shape)) * _SMOOTHING_SHARE
    points = printed.points

    some = points[::_COARSE_EVERY]
    coarse_shift, found = _search(
        printed.coarse,
        shrink(warped, _COARSE_FACTOR)[0],
        map_points(some, printed.to_coarse),
        np.zeros_like(some),
        _COARSE_SEARCH_PX,
    )
    shift = coarse_shift / _COARSE_FACTOR
    trust, _ = _trust(some, shift, found, reach)
    expected = _fit(points, some, shift, trust, reach)

    return assess(template, printed, *_search(printed.fine, warped, points, expected, _FINE_SEARCH_PX))


def assess(template: Template, printed: Print, shift: Points, found: npt.NDArray[np.bool_]) -> Refinement:
    """Judge and smooth the displacements of a template's points: float64 (N, 2), fine pixels; `found`: bool (N,)."""
    points = printed.points
    reach = float(max(printed.fine.shape)) * _SMOOTHING_SHARE
    trust, error = _trust(points, shift, found, reach)
    found = found & (error < _OUTLIER_PX)
    corners = map_points(template_corners(template), printed.to_fine).reshape(-1, 2)
    moved = corners + _fit(corners, points, shift, trust, reach)
    squares = np.where(found, (error / printed.to_fine[0, 0]) ** 2, 0.0)
    near = printed.near.astype(np.float64)
    near_found = near @ found
    return Refinement(
        quads=map_points(moved, np.linalg.inv(printed.to_fine)).reshape(-1, 4, 2),
        found_share=float(found.mean()) if len(found) else 0.0,
        rms_error_px=float(np.sqrt(squares.sum() / found.sum())) if found.any() else float("nan"),
        field_error_px=np.sqrt(_share(near @ squares, near_found)),
        field_found_share=_share(near_found, near.sum(axis=1)),
    )


def _share(part: npt.NDArray[np.float64], of: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quotients, float64 (N,); NaN of nothing."""
    return np.divide(part, of, out=np.full(of.shape, np.nan), where=of > 0)


def template_corners(template: Template) -> Points:
    """The corners of every field's box, float64 (F, 4, 2), reference pixels, from the top left clockwise."""
    boxes = [field.box for field in template.fields if field.box is not None]
    return np.array(
        [[(b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)] for b in boxes], np.float64
    ).reshape(-1, 4, 2)


def warp_to(grey: Grey, to_result: Points, shape: tuple[int, ...]) -> Grey:
    """Warp a page, uint8 (H, W), by a homography, float64 (3, 3), to an image of this height and width.

    A page finer than the result is shrunk first, so that thin lines are averaged and not skipped.
    """
    centre = map_points(np.array([shape[1] / 2, shape[0] / 2]), np.linalg.inv(to_result))
    finer = min(1.0, local_scale(to_result, centre) * 1.2)
    if finer < 0.8:
        grey, to_shrunk = shrink(grey, finer)
        to_result = to_result @ np.linalg.inv(to_shrunk)
    return cv2.warpPerspective(grey, to_result, (shape[1], shape[0]), borderMode=cv2.BORDER_REPLICATE)


def _soften(grey: Grey) -> Grey:
    return cv2.GaussianBlur(grey, (0, 0), 1.0)


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
    seen = shift[index]
    if np.linalg.norm(np.ptp(seen, axis=0)) <= _CONTRADICTION_PX:
        return wrong  # no median is farther from any of them
    distance = _square_distance(points[index], points[index])
    np.fill_diagonal(distance, np.inf)
    count = min(_NEIGHBOURS, len(index) - 1)
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    median = np.median(seen[nearest], axis=1)
    wrong[index] = np.linalg.norm(seen - median, axis=1) > _CONTRADICTION_PX
    return wrong


def _trust(
    points: Points, shift: Points, found: npt.NDArray[np.bool_], reach: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weigh each point by how well the others predict it: iteratively reweighted least squares with Cauchy weights.

    Returns the weights, (N,), and the leave-one-out errors, (N,), in the pixels of `shift`.
    """
    trust = (found & ~_contradicts_neighbours(points, shift, found)).astype(np.float64)
    error = np.full(len(points), np.inf)
    if trust.sum() < 2:
        return np.zeros_like(trust), error
    nearness = _nearness(points, points, reach)
    np.fill_diagonal(nearness, 0.0)  # each point is predicted from the others
    for _ in range(_REWEIGHTINGS):
        predicted = _fit_near(nearness, points, points, shift, trust, reach)
        error = np.where(found, np.linalg.norm(predicted - shift, axis=1), np.inf)
        typical = max(_TYPICAL_ERROR_PX, float(np.median(error[found])))
        trust = (error < _OUTLIER_PX) / (1 + (error / typical) ** 2)
    return trust, error


def _fit(
    at: Points, points: Points, shift: Points, trust: npt.NDArray[np.float64], reach: float
) -> npt.NDArray[np.float64]:
    """Locally weighted affine regression of the displacements (Cleveland 1979), evaluated at `at`, float64 (M, 2).

    `trust`: float64 (N,), weight of each point. A faint prior pulls the slope to zero, so that few or collinear points
    cannot tilt it.
    """
    return _fit_near(_nearness(at, points, reach), at, points, shift, trust, reach)


def _fit_near(  # noqa: PLR0917 - as `_fit`
    nearness: Points, at: Points, points: Points, shift: Points, trust: npt.NDArray[np.float64], reach: float
) -> npt.NDArray[np.float64]:
    """As `_fit`, where it is known how much each point counts at each place, float64 (M, N)."""
    if not trust.any():
        return np.zeros_like(at)
    return np.linalg.solve(*_moments(nearness, trust, points / reach, at / reach, shift))[:, 0]


def _nearness(at: Points, points: Points, reach: float) -> Points:
    """How much each point counts for the fit at each place, float64 (M, N)."""
    return np.exp(-0.5 * _square_distance(at / reach, points / reach)) + 1e-6


def _square_distance(one: Points, other: Points) -> Points:
    return (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None] - 2 * one @ other.T


def _moments(
    nearness: Points, trust: npt.NDArray[np.float64], there: Points, here: Points, shift: Points
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the normal equations of every local fit: float64 (M, 3, 3) and (M, 3, 2), with the origin at `here`."""
    (x, y), (u, v) = there.T, shift.T
    each = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, u, v, x * u, x * v, y * u, y * v])
    sums = (nearness @ (trust * each).T).T
    total, sx, sy, sxx, sxy, syy = sums[:6]
    plain, by_x, by_y = sums[6:].reshape(3, 2, -1)
    ax, ay = here.T
    mx, my = sx - ax * total, sy - ay * total
    mxx, mxy, myy = sxx - ax * (sx + mx), sxy - ax * sy - ay * mx, syy - ay * (sy + my)
    ridge = _SLOPE_PRIOR * total
    normal = np.stack([total + 1e-9 * total, mx, my, mx, mxx + ridge, mxy, my, mxy, myy + ridge], axis=1)
    moved = np.stack([plain, by_x - ax * plain, by_y - ay * plain])
    return normal.reshape(-1, 3, 3), moved.transpose(2, 0, 1)
