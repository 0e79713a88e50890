"""A quick look: which template a scanner drew nearly as large and as straight as it is, and roughly where it lies.

A thumbnail tells the template and the turn, some patches of print at a reduced size tell the place. This takes a tenth
of the time that features take, but finds only what lies nearly in its place, upright or turned by quarters; everything
else is left to the features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.geometry import halved, stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Template

    Grey = npt.NDArray[np.uint8]
    Homography = npt.NDArray[np.float64]

_LARGEST_SIDE_PX = 1700
"""A page is halved until it is smaller: halves are quick to make, and nothing falls between their pixels."""

_COARSE_SIDE_PX = 700
"""Patches are looked for on an image that is halved until it is smaller."""

_THUMB = (56, 40)
"""Longer and shorter side of a thumbnail."""

_FINEST_FOR_THUMB_PX = 300
"""A page is halved until it is smaller: by what is not whole it is costly to shrink."""

_THUMB_REACH_PX = 3
"""How far a sheet may lie from its place, in thumbnail pixels: 5 % of its height."""

_HALF = stretch((2, 2), (1, 1))
_SMALLEST_SIDE_PX = 200
_MIN_THUMB_SCORE = 0.3
_THUMB_MARGIN = 0.15
"""A template whose thumbnail fits so much worse than the best one's is out of the question."""

_ASPECT_TOLERANCE = 0.06
"""Of the logarithm of height over width, between page and template."""

_PATCH_HALF_PX = 12
_SEARCH_PX = 14
"""A sheet turned by 3 degrees moves its corners by 12."""

_TILES_LONG_SIDE = 7
_MIN_PATCHES = 6
_MIN_SCORE = 0.6
_MOST_CHANGED = 0.065
"""Of any entry of the map's linear part: a turn of 3.7 degrees, or a sheet that fills 94 % of its page."""

_NEAR_PX = 1.6
_MIN_AGREEING = 0.5
"""Share of the patches that one affine map must explain, each within _NEAR_PX."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glance:
    """A template drawn as large as a page at a glance.

    `grey`: uint8 (H, W), the reference; `to_glance`: float64 (3, 3), from reference pixels; `coarse`: uint8, smaller;
    `patches`: int (N, 2), the middles (x, y) of well distributed print there.
    """

    grey: Grey
    to_glance: Homography
    coarse: Grey
    patches: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """How a template may lie on a page.

    `view`: uint8 (H, W), the page at a glance, set upright; `to_view`: float64 (3, 3), from page pixels; `shift`: (x,
    y), by how many view pixels the sheet lies beside its place; `score`: how well the thumbnails fit, 1 at most.
    """

    template: Template
    view: Grey
    to_view: Homography
    shift: tuple[int, int]
    score: float

    @property
    def known(self) -> Glance:
        """The template as large as the view."""
        return glance_of(self.template, self.view.shape[1], self.view.shape[0])


@lru_cache(maxsize=64)
def glance_of(template: Template, width: int, height: int) -> Glance:
    """A template at a glance; drawn once for the pages of one size."""
    reference = template.reference
    grey = soften(cv2.resize(reference, (width, height), interpolation=cv2.INTER_AREA))
    coarse, _ = _halved(grey, _COARSE_SIDE_PX)
    to_glance = stretch(reference.shape, grey.shape)
    return Glance(grey=grey, to_glance=to_glance, coarse=coarse, patches=_patches(coarse))


@lru_cache(maxsize=256)
def _inner_thumb(template: Template) -> Grey:
    """The thumbnail of a template without its rim."""
    rim = slice(_THUMB_REACH_PX, -_THUMB_REACH_PX)
    return np.ascontiguousarray(_thumb(soften(template.reference))[rim, rim])


def looks(grey: Grey, templates: Sequence[Template]) -> list[Look]:
    """How the templates may lie on a page, uint8 (H, W), by their thumbnails; likeliest first, without the unlikely."""
    if min(grey.shape) < _SMALLEST_SIDE_PX:
        return []
    view, to_view = _halved(grey, _LARGEST_SIDE_PX)
    view = soften(view)
    thumb = _thumb(_halved(view, _FINEST_FOR_THUMB_PX)[0])
    thumbs = [np.ascontiguousarray(np.rot90(thumb, turned)) for turned in range(4)]
    fits = [
        (turned, template, *_thumb_fit(thumbs[turned], template))
        for template in templates
        for turned in range(4)
        if _same_aspect(view.shape, template.reference.shape, turned)
    ]
    least = max([_MIN_THUMB_SCORE, *(score - _THUMB_MARGIN for _, _, score, _ in fits)])
    likely = sorted((fit for fit in fits if fit[2] >= least), key=lambda fit: -fit[2])
    turns = {turned: (np.ascontiguousarray(np.rot90(view, turned)), _turn(view.shape, turned)) for turned, *_ in likely}
    pixel = max(view.shape) / _THUMB[0]
    return [
        Look(
            template=template,
            view=turns[turned][0],
            to_view=turns[turned][1] @ to_view,
            shift=(round(shift[0] * pixel), round(shift[1] * pixel)),
            score=score,
        )
        for turned, template, score, shift in likely
    ]


def _thumb_fit(thumb: Grey, template: Template) -> tuple[float, tuple[int, int]]:
    """How well a template's thumbnail fits a page's, and how far from its place."""
    scores = cv2.matchTemplate(thumb, _inner_thumb(template), cv2.TM_CCOEFF_NORMED)
    _, score, _, (x, y) = cv2.minMaxLoc(scores)
    return score, (x - _THUMB_REACH_PX, y - _THUMB_REACH_PX)


def _same_aspect(page: tuple[int, ...], template: tuple[int, ...], turned: int) -> bool:
    height, width = page if turned % 2 == 0 else page[::-1]
    return bool(abs(np.log(height * template[1] / (width * template[0]))) < _ASPECT_TOLERANCE)


def _turn(shape: tuple[int, ...], turned: int) -> Homography:
    """The map of turning an image of this height and width by so many quarters counter-clockwise."""
    height, width = shape
    return (
        np.eye(3),
        np.array([(0, 1, 0), (-1, 0, width - 1), (0, 0, 1)], np.float64),
        np.array([(-1, 0, width - 1), (0, -1, height - 1), (0, 0, 1)], np.float64),
        np.array([(0, -1, height - 1), (1, 0, 0), (0, 0, 1)], np.float64),
    )[turned]


def place(look: Look) -> Homography | None:
    """The affine map from view to template, both at a glance, float64 (3, 3); None where too few patches agree."""
    known = look.known
    if len(known.patches) < _MIN_PATCHES:
        return None
    coarse, to_coarse = _halved(look.view, _COARSE_SIDE_PX)
    smaller = float(to_coarse[0, 0])
    found, scores = _search(coarse, known, (round(look.shift[0] * smaller), round(look.shift[1] * smaller)))
    good = scores > _MIN_SCORE
    if good.sum() < _MIN_PATCHES:
        return None
    affine, agreeing = cv2.estimateAffine2D(
        found[good], known.patches[good].astype(np.float64), method=cv2.RANSAC, ransacReprojThreshold=_NEAR_PX
    )
    if affine is None or agreeing.sum() < max(_MIN_PATCHES, _MIN_AGREEING * len(known.patches)):
        return None
    if np.abs(affine[:, :2] - np.eye(2)).max() > _MOST_CHANGED:
        return None
    return np.asarray(np.linalg.inv(to_coarse) @ np.vstack([affine, (0, 0, 1)]) @ to_coarse, np.float64)


def _search(
    page: Grey, known: Glance, shift: tuple[int, int]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where each patch lies on the page, float64 (N, 2), and its normalised correlation there, (N,)."""
    half, reach = _PATCH_HALF_PX, _PATCH_HALF_PX + _SEARCH_PX
    rim = reach + max(abs(shift[0]), abs(shift[1]))
    padded = cv2.copyMakeBorder(page, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    found, scores = [], []
    for x, y in known.patches.tolist():
        left, top = x + shift[0] + rim - reach, y + shift[1] + rim - reach
        window = padded[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
        patch = known.coarse[y - half : y + half + 1, x - half : x + half + 1]
        fits = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        _, score, _, (column, row) = cv2.minMaxLoc(fits)
        scores.append(score)
        found.append((left + column - rim + half, top + row - rim + half))
    return np.array(found, np.float64), np.array(scores)


def _halved(grey: Grey, below_px: int) -> tuple[Grey, Homography]:
    """An image halved until its longer side is smaller, and the map to it. An odd last row or column is left out."""
    done = np.eye(3)
    while max(grey.shape) >= below_px:
        grey, done = halved(grey), _HALF @ done
    return grey, done


def soften(grey: Grey) -> Grey:
    """Take the finest grain from an image."""
    return cv2.GaussianBlur(grey, (3, 3), 0)


def _thumb(grey: Grey) -> Grey:
    return cv2.resize(grey, _THUMB if grey.shape[1] > grey.shape[0] else _THUMB[::-1], interpolation=cv2.INTER_AREA)


def _patches(coarse: Grey) -> npt.NDArray[np.intp]:
    """The strongest corner of each tile."""
    corners = cv2.goodFeaturesToTrack(coarse, 2000, 0.02, 8, blockSize=9)
    candidates = np.empty((0, 2), np.intp) if corners is None else corners[:, 0].round().astype(np.intp)
    height, width = coarse.shape
    border = _PATCH_HALF_PX + 1
    inside = (candidates >= border).all(1) & (candidates[:, 0] < width - border) & (candidates[:, 1] < height - border)
    candidates = candidates[inside]
    tiles = (candidates // (max(coarse.shape) / _TILES_LONG_SIDE)) @ np.array([_TILES_LONG_SIDE, 1])
    _, first = np.unique(tiles, return_index=True)
    return np.asarray(candidates[np.sort(first)])
