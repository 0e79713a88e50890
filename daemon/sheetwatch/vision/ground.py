"""What a template has where a field's cell lies: its print, and the boxes of the other fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.paper import find_paper, paper_reach
from sheetwatch.vision.strip import Strip
from sheetwatch.vision.strokes import INSIDE, OTHERS, PRINT, SOLID

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.domain import Template
    from sheetwatch.vision.frame import Frame

    Grey = npt.NDArray[np.uint8]
    Mask = npt.NDArray[np.bool_]

_PRINT_CONTRAST = 22
"""Grey levels below the paper from which the reference counts as printed."""

_PRINT_GAIN = 1.3
_DARKER_THAN_PRINT = 30
"""Ink on tinted print is darker than the print by more than these: a factor, and grey levels."""

_SOME = 13
"""Of so many pixels one is looked at where only their usual light matters."""

_FEWEST_MIDDLES = 8
"""Pixels of printed lines from which on their darkness on the page is known."""

_DARK_PRINT = 100
"""Grey levels below the paper from which ink on print cannot be told from the print."""

_REMAINS_REACH_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ground:
    """What a template has where a cell lies; the arrays are (h, w).

    `expected`: uint8, how dark the form's print may be; `bound`: uint8, how dark a pixel may be and still be print, 0
    where nothing is printed; `bare`: such places, as some of their pixels' numbers; `middles`: of the printed lines, as
    pixels' numbers, and how dark they are, `middles_dark`; `places`: uint8, for the strokes. Solid is dark print too
    wide to see a stroke come out on its other side, and its rim. `reaches`: how far the filters reach, in pixels: the
    one that finds the paper, and those that carry strokes across print. `streaked`: a streak of dust runs beside the
    print.
    """

    expected: Grey
    bound: Grey
    bare: npt.NDArray[np.intp]
    middles: npt.NDArray[np.intp]
    middles_dark: float
    places: Grey
    reaches: tuple[int, int]
    streaked: bool

    @classmethod
    def of(
        cls, expected: Grey, middles: npt.NDArray[np.intp], boxes: Grey, across: int, *, streaked: bool = False
    ) -> Ground:
        """Derive it from the print; `boxes`: uint8 (h, w), the places inside the boxes."""
        dark = (expected > _DARK_PRINT).astype(np.uint8)
        solid = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((across + 1, across + 1), np.uint8))
        near = PRINT * _widen((expected > 0).astype(np.uint8), _REMAINS_REACH_PX)
        ground = cls(
            expected=expected,
            bound=_bound(expected, _PRINT_GAIN),
            bare=np.flatnonzero(expected == 0)[::_SOME],
            middles=middles,
            middles_dark=_median(expected.ravel()[middles]) if middles.size else 255.0,
            places=boxes + near + SOLID * _widen(solid, 2),
            reaches=(paper_reach(*expected.shape), across),
            streaked=streaked,
        )
        for kept in (ground.expected, ground.bound, ground.bare, ground.middles, ground.places):
            kept.setflags(write=False)  # all later pages see it
        return ground

    def with_streaks(self, streaks: Mask) -> Ground:
        """The same where streaks of dust, bool (h, w), count as print, too."""
        boxes = self.places & np.uint8(INSIDE | OTHERS)
        expected = np.where(streaks, np.uint8(255), self.expected)
        streaked = np.count_nonzero(streaks & (self.expected == 0)) > max(streaks.shape)
        return Ground.of(expected, self.middles, boxes, self.reaches[1], streaked=streaked)

    def bare_tone(self, cell: Grey) -> int:
        """How light a cell, uint8 (h, w), usually is where nothing is printed."""
        return int(_median(cell.ravel()[self.bare])) if self.bare.size else 255

    def higher_bound(self, dark: Grey) -> Grey | None:
        """`bound` on a page that is so dark, uint8 (h, w), if higher: black and white scans draw grey lines black."""
        if self.middles.size < _FEWEST_MIDDLES:
            return None
        blacker = _median(dark.ravel()[self.middles]) / self.middles_dark
        return _bound(self.expected, _PRINT_GAIN * blacker) if blacker > _PRINT_GAIN else None


@lru_cache(maxsize=1024)
def ground_of(template: Template, frame: Frame) -> Ground:
    """Drawn once for all pages of one size."""
    printed = _print_on(_print_darkness(template), frame)
    expected = _widen(printed, frame.reach)
    expected = np.where(expected > _PRINT_CONTRAST, expected, np.uint8(0))
    middles = np.flatnonzero((printed == expected) & (printed > 0))[::_SOME]
    return Ground.of(expected, middles, _boxes_on(template, frame), frame.across)


@lru_cache(maxsize=32)
def _print_darkness(template: Template) -> Grey:
    """Return how much darker than its paper each pixel of the reference is, uint8 (H, W)."""
    reference = template.reference
    alone = Strip.of([reference.shape], gap=0)
    return cv2.subtract(find_paper(reference, alone, [paper_reach(*reference.shape)]), reference)


def _print_on(darkness: Grey, frame: Frame) -> Grey:
    """Return how dark the form's print is at each pixel of a cell, uint8 (h, w)."""
    scale, margin = frame.scale, frame.margin
    to_cell = np.array([[scale, 0, margin - scale * frame.box.left], [0, scale, margin - scale * frame.box.top]])
    return cv2.warpAffine(darkness, to_cell, frame.outer, borderValue=0)


def _boxes_on(template: Template, frame: Frame) -> Grey:
    """Draw the boxes on a cell, uint8 (h, w): INSIDE its own, OTHERS in another field's."""
    drawn = np.zeros(frame.outer[::-1], np.uint8)
    for other in (field.box for field in template.fields):
        if other is None or other == frame.box:
            continue
        left, right = (round((x - frame.box.left) * frame.scale) + frame.margin for x in (other.left, other.right))
        top, bottom = (round((y - frame.box.top) * frame.scale) + frame.margin for y in (other.top, other.bottom))
        if right > 0 and bottom > 0:
            drawn[max(top, 0) : bottom, max(left, 0) : right] = OTHERS
    drawn[frame.margin : -frame.margin, frame.margin : -frame.margin] += INSIDE
    return drawn


def _bound(expected: Grey, gain: float) -> Grey:
    return cv2.copyTo(cv2.add(cv2.multiply(expected, gain), _DARKER_THAN_PRINT), expected)


def _widen(mask: Grey, reach: int) -> Grey:
    return cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))


def _median(values: Grey) -> float:
    """The median of some grey levels; np.median takes longer than all else that is done with so few."""
    ordered = np.sort(values, kind="stable")
    middle = (len(ordered) - 1) // 2
    return (int(ordered[middle]) + int(ordered[-1 - middle])) / 2
