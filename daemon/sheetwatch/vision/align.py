"""Which template a page holds, which way up, and where each field lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Alignment, ReasonCode, ScanError, Template
from sheetwatch.vision.alike import likeliest
from sheetwatch.vision.features import Features, find_features, find_homography
from sheetwatch.vision.follow import follow
from sheetwatch.vision.geometry import map_points, shrink
from sheetwatch.vision.refine import Refinement, print_of, refine

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Homography = npt.NDArray[np.float64]

OVERVIEW_SIDE_PX = 2000
"""Finding a sheet needs no more; its cells are cut from the full page."""

MIN_INLIERS = 25
_MIN_FOUND_SHARE = 0.5
"""Of the template's print; foreign pages that share a logo or a code with a template show under 0.2 of it."""

_MIN_GLANCE_SHARE = 0.85
"""The same, where nothing but a glance says that it is this template; scanned sheets show 0.95 and more."""

_MIN_FIELD_FOUND_SHARE = 0.2
"""Of a field's surroundings; thick pens beside thin lines hide most of a comb, and on another form there is none."""

_MAX_FIELD_ERROR_SHARE = 0.08
_MAX_FIELD_ERROR_PX = 3.0
"""A field may be off by this share of its smaller side, or by these reference pixels where that is more."""

_MIN_AREA_SHARE = 0.04
"""Of the page that the template covers."""


class Misfit(ScanError):  # noqa: N818 - a page that does not fit is no error of the program
    """A page that fits no template, or one only badly; then `template` and `alignment` say which and how."""

    def __init__(
        self, code: ReasonCode, detail: str, template: Template | None = None, alignment: Alignment | None = None
    ) -> None:
        super().__init__(code, detail)
        self.template = template
        self.alignment = alignment


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Candidate:
    template: Template
    homography: Homography
    inliers: int


def align(grey: Grey, templates: Sequence[Template]) -> tuple[Template, Alignment]:
    """Find the template that a page holds and where its fields lie.

    grey: uint8 (H, W), 0 = black, any resolution and any way up. Raises Misfit: `no-template` when fewer than
    MIN_INLIERS matches agree on a homography or too little of the template's print is found, `misaligned` when a field
    is not where it should be.
    """
    return _at_a_glance(grey, templates) or _by_features(grey, templates)


def _at_a_glance(grey: Grey, templates: Sequence[Template]) -> tuple[Template, Alignment] | None:
    """As `align`; None where a glance does not tell for sure."""
    seen = likeliest(grey, templates)
    if seen is None:
        return None
    look, found = seen
    refinement = follow(look, found)
    homography = np.linalg.inv(look.known.to_glance) @ found @ look.to_view
    inliers = round(refinement.found_share * len(print_of(look.template).points))
    if refinement.found_share < _MIN_GLANCE_SHARE or inliers < MIN_INLIERS:
        return None
    candidate = _Candidate(template=look.template, homography=homography, inliers=inliers)
    alignment = _alignment(candidate, refinement)
    try:
        _check(alignment, refinement, look.template, grey.shape)
    except Misfit:
        return None
    return look.template, alignment


def _by_features(grey: Grey, templates: Sequence[Template]) -> tuple[Template, Alignment]:
    overview, to_overview = shrink(grey, OVERVIEW_SIDE_PX / max(grey.shape))
    candidates = _candidates(overview, to_overview, templates)
    for candidate in candidates:
        refinement = refine(overview, candidate.homography @ np.linalg.inv(to_overview), candidate.template)
        if refinement.found_share >= _MIN_FOUND_SHARE:
            alignment = _alignment(candidate, refinement)
            _check(alignment, refinement, candidate.template, grey.shape)
            return candidate.template, alignment
    raise Misfit(ReasonCode.NO_TEMPLATE, _why_none(candidates, templates))


@lru_cache(maxsize=32)
def _reference_features(template: Template) -> Features:
    return find_features(template.reference, of_reference=True)


def _candidates(overview: Grey, to_overview: Homography, templates: Sequence[Template]) -> list[_Candidate]:
    """Return the templates that the page's features agree with, best first."""
    features = find_features(overview)
    found = []
    for template in templates:
        homography, inliers = find_homography(features, _reference_features(template))
        if (
            homography is None
            or inliers < MIN_INLIERS
            or not is_plausible(homography, template.reference.shape, overview.shape)
        ):
            continue
        found.append(_Candidate(template=template, homography=homography @ to_overview, inliers=inliers))
    return sorted(found, key=lambda candidate: -candidate.inliers)


def on_larger_page(alignment: Alignment, times: int) -> Alignment:
    """The same on a page with so many times the pixels in each direction."""
    middle = (times - 1) / 2
    smaller = np.array([[1, 0, -middle], [0, 1, -middle], [0, 0, times]], np.float64) / times
    return replace(
        alignment,
        page_to_template=alignment.page_to_template @ smaller,
        quads=alignment.quads * times + middle,
    )


def is_plausible(homography: Homography, shape: tuple[int, ...], page_shape: tuple[int, ...]) -> bool:
    """Tell whether a sheet's outline on the page is a convex, unmirrored quadrilateral of a sensible size."""
    height, width = shape
    outline = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    try:
        corners = map_points(outline, np.linalg.inv(homography))
    except np.linalg.LinAlgError:
        return False
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    area = 0.5 * abs(
        float(np.sum(corners[:, 0] * np.roll(corners[:, 1], -1) - corners[:, 1] * np.roll(corners[:, 0], -1)))
    )
    return bool((turns > 0).all()) and _MIN_AREA_SHARE < area / (page_shape[0] * page_shape[1]) < 4


def _alignment(candidate: _Candidate, refinement: Refinement) -> Alignment:
    errors = refinement.field_error_px
    known = errors[~np.isnan(errors)]
    return Alignment(
        page_to_template=candidate.homography,
        quads=map_points(refinement.quads, np.linalg.inv(candidate.homography)),
        inliers=candidate.inliers,
        rms_error_px=refinement.rms_error_px,
        worst_field_px=float(known.max()) if len(known) else refinement.rms_error_px,
        turned_deg=turned_deg(candidate.homography, candidate.template.reference.shape),
    )


def turned_deg(page_to_template: Homography, shape: tuple[int, ...]) -> int:
    """Tell by how many quarters, in degrees clockwise, a page is turned against a template of this height and width."""
    height, width = shape
    level = np.array([(width / 4, height / 2), (3 * width / 4, height / 2)])
    (x0, y0), (x1, y1) = map_points(level, np.linalg.inv(page_to_template))
    return int(np.round(np.degrees(np.arctan2(y1 - y0, x1 - x0)) / 90)) * 90 % 360


def _check(alignment: Alignment, refinement: Refinement, template: Template, page_shape: tuple[int, ...]) -> None:
    """Raise Misfit(misaligned) for the first field that is not where it should be."""
    height, width = page_shape
    beyond = np.maximum(-alignment.quads, alignment.quads - (width, height)).max(axis=(1, 2))
    for index, field in enumerate(template.fields):
        if field.box is None:
            continue
        allowed = max(_MAX_FIELD_ERROR_PX, _MAX_FIELD_ERROR_SHARE * min(field.box.width, field.box.height))
        problem = None
        if refinement.field_found_share[index] < _MIN_FIELD_FOUND_SHARE:
            problem = f"the print around field {field.name} is not found on the page"
        elif refinement.field_error_px[index] > allowed:
            problem = f"field {field.name} is off by {refinement.field_error_px[index]:.1f} px"
        elif beyond[index] > allowed:
            problem = f"field {field.name} lies outside the page"
        if problem is not None:
            raise Misfit(ReasonCode.MISALIGNED, f"{problem} (template {template.name})", template, alignment)


def _why_none(candidates: Sequence[_Candidate], templates: Sequence[Template]) -> str:
    if not candidates:
        return f"the page looks like none of the {len(templates)} templates"
    best = candidates[0]
    return f"the page shares {best.inliers} features with {best.template.name}, but not its layout"
