"""Which of several templates that look alike a page holds: the print in which they differ tells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.glance import glance_of, looks, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Template
    from sheetwatch.vision.glance import Look

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Homography = npt.NDArray[np.float64]

_DIFFERENT_LEVELS = 40
_MOST_PIXELS = 4000
_FEWEST_PIXELS = 40
"""Templates that differ in less, at a glance, are left to the features."""

_SURE = 0.3
"""A page is one template's at 0 and the other one's at 1; between this far from either it may be both."""

_EVERY = 7
"""Pixels from one to the next by which light and contrast are compared."""

_MOST_TRIED = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Difference:
    """The pixels in which another template differs, (N,), and by how much, float32 (N,)."""

    pixels: npt.NDArray[np.intp]
    levels: Real


def likeliest(grey: Grey, templates: Sequence[Template]) -> tuple[Look, Homography] | None:
    """The template that a page, uint8 (H, W), holds nearly in its place, and the map from view to template.

    None where there is none, or which it is cannot be told at a glance.
    """
    likely = looks(grey, templates)
    for look in likely[:_MOST_TRIED]:
        found = place(look)
        if found is not None:
            return _undisputed(look, found, likely)
    return None


def _undisputed(look: Look, found: Homography, likely: Sequence[Look]) -> tuple[Look, Homography] | None:
    """This one, or the rival that the page is like instead."""
    claims = _claims(look, found, likely)
    best = max(claims, key=lambda claim: claim[0], default=(0.0, look))
    if best[0] < _SURE:
        return look, found
    if best[0] < 1 - _SURE:
        return None
    rival = best[1]
    found_rival = place(rival)
    if found_rival is None or any(share >= _SURE for share, _ in _claims(rival, found_rival, likely)):
        return None
    return rival, found_rival


def _claims(look: Look, found: Homography, likely: Sequence[Look]) -> list[tuple[float, Look]]:
    """For every rival, how much more the page is like it where the two differ: 0 not at all, 1 altogether."""
    rivals = [other for other in likely if other.view is look.view and other.template is not look.template]
    if not rivals:
        return []
    known = look.known.grey
    height, width = known.shape
    page = cv2.warpAffine(look.view, found[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
    off = (_as_exposed(page, known) - known).ravel()
    claims = []
    for rival in rivals:
        difference = _difference(look.template, rival.template, width, height)
        if difference.levels.size < _FEWEST_PIXELS:
            claims.append((0.5, rival))
            continue
        share = float(off[difference.pixels] @ difference.levels / (difference.levels @ difference.levels))
        claims.append((share, rival))
    return claims


def _as_exposed(page: Grey, known: Grey) -> Real:
    """The page with the template's light and contrast."""
    seen, drawn = (image.ravel()[::_EVERY].astype(np.float32) for image in (page, known))
    contrast = float(drawn.std() / max(float(seen.std()), 1.0))
    return np.asarray((page - seen.mean()) * np.float32(contrast) + drawn.mean(), np.float32)


@lru_cache(maxsize=1024)
def _difference(one: Template, other: Template, width: int, height: int) -> _Difference:
    levels = (
        glance_of(other, width, height).grey.astype(np.float32) - glance_of(one, width, height).grey.astype(np.float32)
    ).ravel()
    pixels = np.flatnonzero(np.abs(levels) > _DIFFERENT_LEVELS)
    pixels = pixels[:: max(1, len(pixels) // _MOST_PIXELS)]
    return _Difference(pixels=pixels, levels=levels[pixels])
