"""Learn the blank of a form from filled sheets: what is printed is dark on all of them, what is written on few.

Memory: one page at a time is decoded and laid onto the first; of each only the laid sheet is kept, at most 3.9 MB at
200 dpi of A4, and of no more than MOST_SHEETS. An exact quantile needs all values of a pixel at once; it is taken in
strips of rows, so that sorting needs little besides. Pages are asked for up to three times instead of being kept.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box
from sheetwatch.vision.draft.sheets import Fit, Ground, find_fit, ground_of, lay
from sheetwatch.vision.features import Features, find_features
from sheetwatch.vision.geometry import shrink

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

FEWEST_SHEETS, ENOUGH_SHEETS, MOST_SHEETS = 5, 10, 40
_SIDE_PX = 2340
_CANDIDATES = 4
_FIRST_SHEETS = 9
_MIN_FOUND_SHARES = (0.25, 0.5)
"""Of the print that must be found again: half of what stands on a filled sheet is the pen's, of a blank nothing."""

_PRINTED_SHARE = 0.65
"""A pixel is as dark as this share of the sheets at least: writing in the same place on half of them leaves nothing."""

_WRITTEN_SHARE = 0.4
"""Of the sheets, the pen is so often at the busiest pixel of a box. Among few sheets that is, by chance, more often."""

_SURE_SHARE = 0.9
_DARK, _LIGHT = 190, 225
_STRIP_ROWS = 64
_STROKE_PX = 3


class UnfitWhy(StrEnum):
    """Why a sheet was left out."""

    UNREADABLE = "it cannot be read"
    OTHER_FORM = "it does not show the same form as the others"
    BENT = "its print does not cover that of the others"
    TWICE = "it is the same picture as another one"
    NOT_NEEDED = f"{MOST_SHEETS} sheets are enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A sheet that was left out: its index from 0, and why."""

    index: int
    why: UnfitWhy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What filled sheets have in common.

    `blank`: uint8 (H, W), evenly lit, paper = 255. `used`: indices of the sheets it was learned from. `doubtful`:
    where the blank shows something that is missing on some sheets: writing that many put in the same place.
    """

    blank: Grey
    used: tuple[int, ...]
    left_out: tuple[Unfit, ...]
    doubtful: tuple[Box, ...]


class TooFewSheets(Exception):  # noqa: N818 - no fault of the program: ask for more sheets
    """Fewer than FEWEST_SHEETS sheets show the same form; `left_out` says which do not, and why."""

    def __init__(self, used: int, left_out: tuple[Unfit, ...]) -> None:
        super().__init__(f"only {used} sheets show the same form")
        self.used = used
        self.left_out = left_out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What is kept of a page between passes."""

    index: int
    features: Features
    shape: tuple[int, ...]


def learn(pages: Sequence[Grey | None]) -> Learned:
    """Learn the blank from filled sheets of one form, uint8 (H, W), any resolution, any way up.

    `pages` may decode a page each time it is asked for one; None stands for one that cannot be read. Raises
    TooFewSheets.
    """
    seen, left_out = _look(pages)
    if len(seen) < FEWEST_SHEETS:
        raise TooFewSheets(len(seen), tuple(left_out))
    ground, fits = _first_ground(pages, seen)
    some = dict(sorted(fits.items(), key=lambda item: -item[1].inliers)[:_FIRST_SHEETS])
    first, _ = _lay_all(pages, some, ground, _MIN_FOUND_SHARES[0])
    if len(first) >= 3:
        ground = ground_of(_common(np.stack(list(first.values())))[0])
    again = {page.index: find_fit(page.features, page.shape, ground) for page in seen}
    left_out += [Unfit(index=index, why=UnfitWhy.OTHER_FORM) for index, fit in again.items() if fit is None]
    fits = {index: fit for index, fit in again.items() if fit is not None}
    laid, bent = _lay_all(pages, fits, ground, _MIN_FOUND_SHARES[1])
    left_out += [Unfit(index=index, why=UnfitWhy.BENT) for index in bent]
    in_order = tuple(sorted(left_out, key=lambda unfit: unfit.index))
    if len(laid) < FEWEST_SHEETS:
        raise TooFewSheets(len(laid), in_order)
    blank, unsure = _common(np.stack(list(laid.values())))
    return Learned(blank=blank, used=tuple(sorted(laid)), left_out=in_order, doubtful=_places(unsure))


def _look(pages: Sequence[Grey | None]) -> tuple[list[_Seen], list[Unfit]]:
    """Find every page's features; the same picture twice would vote twice."""
    seen: list[_Seen] = []
    left_out: list[Unfit] = []
    known: set[bytes] = set()
    for index in range(len(pages)):
        if len(seen) == MOST_SHEETS:
            left_out.append(Unfit(index=index, why=UnfitWhy.NOT_NEEDED))
            continue
        grey = pages[index]
        if grey is None:
            left_out.append(Unfit(index=index, why=UnfitWhy.UNREADABLE))
            continue
        digest = hashlib.sha256(grey.tobytes()).digest()
        if digest in known:
            left_out.append(Unfit(index=index, why=UnfitWhy.TWICE))
            continue
        known.add(digest)
        seen.append(_Seen(index=index, features=find_features(grey), shape=grey.shape))
    return seen, left_out


def _first_ground(pages: Sequence[Grey | None], seen: Sequence[_Seen]) -> tuple[Ground, dict[int, Fit]]:
    """The sheet that most others fit, turned as most of them lie, with the fits of all that do."""
    best: tuple[Ground, dict[int, Fit]] | None = None
    for candidate in seen[:: max(1, len(seen) // _CANDIDATES)][:_CANDIDATES]:
        grey = pages[candidate.index]
        if grey is None:
            continue
        ground = ground_of(shrink(grey, _SIDE_PX / max(candidate.shape))[0])
        fits = _fits(seen, ground)
        if best is None or (len(fits), _inliers(fits)) > (len(best[1]), _inliers(best[1])):
            best = (ground, fits)
        if len(fits) == len(seen):
            break
    if best is None:
        raise ValueError("no pages")
    ground, fits = best
    turns = Counter(fit.turned_deg for fit in fits.values())
    usual = turns.most_common(1)[0][0] if turns else 0
    if usual:
        ground = ground_of(np.rot90(ground.template.reference, -usual // 90))
        fits = _fits(seen, ground)
    return ground, fits


def _fits(seen: Sequence[_Seen], ground: Ground) -> dict[int, Fit]:
    found = ((page.index, find_fit(page.features, page.shape, ground)) for page in seen)
    return {index: fit for index, fit in found if fit is not None}


def _inliers(fits: dict[int, Fit]) -> int:
    return sum(fit.inliers for fit in fits.values())


def _lay_all(
    pages: Sequence[Grey | None], fits: dict[int, Fit], ground: Ground, least_found: float
) -> tuple[dict[int, Grey], list[int]]:
    """Lay pages onto the ground, one at a time; also the indices of those that do not cover it."""
    laid: dict[int, Grey] = {}
    bent = []
    for index, fit in fits.items():
        grey = pages[index]
        if grey is None:
            continue
        sheet, found_share = lay(grey, fit, ground)
        if found_share >= least_found:
            laid[index] = sheet
        else:
            bent.append(index)
    return laid, bent


def _common(sheets: npt.NDArray[np.uint8]) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """What sheets, uint8 (N, H, W), have in common: uint8 (H, W), and where that is dark but some are light."""
    count = len(sheets)
    printed = _printed_count(count) - 1
    sure = max(printed, min(count - 2, round(_SURE_SHARE * (count - 1))))
    blank = np.empty(sheets.shape[1:], np.uint8)
    unsure = np.empty(sheets.shape[1:], np.bool_)
    for top in range(0, len(blank), _STRIP_ROWS):
        strip = np.partition(sheets[:, top : top + _STRIP_ROWS], (printed, sure), axis=0)
        blank[top : top + _STRIP_ROWS] = strip[printed]
        unsure[top : top + _STRIP_ROWS] = (strip[printed] < _DARK) & (strip[sure] > _LIGHT)
    return blank, unsure


def _printed_count(count: int) -> int:
    """On how many of these sheets a pixel of print is dark: two standard deviations above what chance writes."""
    by_chance = _WRITTEN_SHARE + 2 * math.sqrt(_WRITTEN_SHARE * (1 - _WRITTEN_SHARE) / count)
    return min(count, math.ceil(max(_PRINTED_SHARE, by_chance) * count))


def _places(unsure: npt.NDArray[np.bool_]) -> tuple[Box, ...]:
    """Boxes round what is unsure and as thick as a stroke; the edges of print are always a little unsure."""
    block = np.ones((_STROKE_PX, _STROKE_PX), np.uint8)
    strokes = cv2.morphologyEx(unsure.astype(np.uint8), cv2.MORPH_OPEN, block)
    joined = cv2.dilate(strokes, np.ones((15, 15), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    corners = (tuple(int(value) for value in stats[index][:4]) for index in range(1, count))
    return tuple(Box(left=left, top=top, width=width, height=height) for left, top, width, height in corners)
