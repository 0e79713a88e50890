"""Combs: rows of equal small boxes with shared dividers, one digit each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Box
from sheetwatch.vision.draft.neighbours import SHARED_LINE_MM, below, beside, hull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.vision.draft.enclosures import Enclosure

_FEWEST_TEETH = 4
_WIDEST_TOOTH_MM = 13.0
_WIDEST_TOOTH = 1.35
"""Times its height: a box wider than that has room for more than one digit."""

_UNEVEN_SHARE = 0.2
_MOST_TEETH = 40
_COLUMN, _COLUMNS_SHARE = 1.6, 0.3
"""Boxes narrower than so many teeth, over more than this share of the teeth, are a table's columns going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comb:
    """A printed comb: `box` from the middle of its first line to the middle of its last, `teeth` equal parts."""

    box: Box
    teeth: int
    members: tuple[int, ...]


def find_combs(enclosures: Sequence[Enclosure], pixels_per_mm: float) -> list[Comb]:
    """Find combs among the empty boxes; `members` are indices of `enclosures`.

    A row of a table whose columns go on above or below is no comb. A tooth whose divider is missing counts as two.
    """
    reach = SHARED_LINE_MM * pixels_per_mm
    boxes = [enclosure.box for enclosure in enclosures]
    combs = []
    for run in _runs(enclosures, reach):
        comb = _comb([boxes[index] for index in run], tuple(run), pixels_per_mm)
        if comb is not None and not _goes_on(comb, boxes, reach):
            combs.append(comb)
    return combs


def _runs(enclosures: Sequence[Enclosure], reach: float) -> list[list[int]]:
    """Rows of empty boxes of one height, each beside the one before."""
    runs: list[list[int]] = []
    empty = [index for index, enclosure in enumerate(enclosures) if not enclosure.labelled]
    for index in sorted(empty, key=lambda index: enclosures[index].box.left):
        box = enclosures[index].box
        run = next((run for run in runs if _continues(enclosures[run[-1]].box, box, reach)), None)
        if run is None:
            runs.append([index])
        else:
            run.append(index)
    return runs


def _continues(last: Box, box: Box, reach: float) -> bool:
    uneven = _UNEVEN_SHARE * last.height
    return beside(last, box, reach) and abs(last.height - box.height) < uneven and abs(last.top - box.top) < uneven


def _comb(teeth: Sequence[Box], members: tuple[int, ...], pixels_per_mm: float) -> Comb | None:
    """The comb that a row of boxes makes up; None where they are too few, too wide or unequal."""
    width = float(np.median([tooth.width for tooth in teeth]))
    height = float(np.median([tooth.height for tooth in teeth]))
    if len(teeth) < 2 or width > min(_WIDEST_TOOTH_MM * pixels_per_mm, _WIDEST_TOOTH * height):
        return None
    line = float(np.median([after.left - tooth.right for tooth, after in pairwise(teeth)]))
    counts = [(tooth.width + line) / (width + line) for tooth in teeth]
    if any(abs(count - round(count)) > _UNEVEN_SHARE or not 1 <= round(count) <= 3 for count in counts):
        return None
    total = sum(map(round, counts))
    if not _FEWEST_TEETH <= total <= _MOST_TEETH:
        return None
    whole, half = hull(teeth), round(line / 2)
    top = round(float(np.median([tooth.top for tooth in teeth])))
    box = Box(left=whole.left - half, top=top - half, width=whole.width + 2 * half, height=round(height) + 2 * half)
    return Comb(box=box, teeth=total, members=members)


def _goes_on(comb: Comb, everything: Sequence[Box], reach: float) -> bool:
    """Tell whether boxes about as narrow as its teeth lie right above or below a comb: then it is part of a table."""
    tooth = comb.box.width / comb.teeth
    narrow = [box for box in everything if box.width < _COLUMN * tooth]
    near = [box for box in narrow if below(box, comb.box, reach) or below(comb.box, box, reach)]
    return len(near) > _COLUMNS_SHARE * comb.teeth
