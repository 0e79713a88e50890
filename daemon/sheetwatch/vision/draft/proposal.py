"""Propose a template: a blank page in, fields out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Box, Field
from sheetwatch.vision.draft.combs import find_combs
from sheetwatch.vision.draft.enclosures import find_enclosures
from sheetwatch.vision.draft.headings import find_headings
from sheetwatch.vision.draft.naming import named_fields
from sheetwatch.vision.draft.neighbours import SHARED_LINE_MM, in_reading_order
from sheetwatch.vision.draft.rulings import find_rulings, pixels_per_mm_of
from sheetwatch.vision.draft.straighten import straighten
from sheetwatch.vision.draft.streaks import without_streaks
from sheetwatch.vision.geometry import shrink

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.draft.enclosures import Enclosure
    from sheetwatch.vision.draft.rulings import Rulings

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]

_REFERENCE_SIDE_PX = 2800
"""240 dpi of A4. A finer reference takes memory and makes no reading better."""

_WORK_SIDE_PX = 2400
_WIDEST_MM, _HIGHEST_MM = 55.0, 32.0
_LEAST_MM, _SLENDEREST = 5.0, 2.5
MOST_FIELDS = 500


class LeftOutWhy(StrEnum):
    """Why a printed rectangle is not proposed."""

    LABELLED = "words are printed in it"
    HEADING = "it stands in a heading row or column of its table"
    WIDE = "it is as wide as a line of words"
    HIGH = "it is as high as room for an answer"
    NARROW = "it is too small or narrow to write a number in"
    TOO_MANY = "there are more boxes than a template may have fields"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A printed rectangle that is not proposed, in reference pixels."""

    box: Box
    why: LeftOutWhy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """What a blank form seems to ask for.

    `reference`: uint8 (H, W), the blank with its lines straight, which the boxes lie on. `page_to_reference`: float64
    (3, 3), from pixels of the page that was given. `fields`: in reading order, without max, step and roster.
    """

    reference: Grey
    page_to_reference: Matrix
    fields: tuple[Field, ...]
    left_out: tuple[LeftOut, ...]


def propose(grey: Grey, dpi: float | None = None) -> Proposal:
    """Propose fields for a blank form, uint8 (H, W), 0 = black, upright, any resolution, scanned or photographed.

    dpi: of the page, if that is known; without it the longer side is taken for that of A4.
    """
    small, to_small = shrink(grey, _REFERENCE_SIDE_PX / max(grey.shape))
    reference, to_straight = straighten(without_streaks(small))
    zoom = _WORK_SIDE_PX / max(reference.shape)
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    work = cv2.resize(reference, None, fx=zoom, fy=zoom, interpolation=way)
    pixels_per_mm = pixels_per_mm_of(grey, dpi) * max(small.shape) / max(grey.shape) * zoom
    fields, left_out = _fields(find_rulings(np.asarray(work, np.uint8), pixels_per_mm))
    shape = (reference.shape[0], reference.shape[1])
    return Proposal(
        reference=reference,
        page_to_reference=to_straight @ to_small,
        fields=tuple(replace(field, box=_scaled(field.box, 1 / zoom, shape)) for field in fields if field.box),
        left_out=tuple(LeftOut(box=_scaled(item.box, 1 / zoom, shape), why=item.why) for item in left_out),
    )


def _fields(rulings: Rulings) -> tuple[list[Field], list[LeftOut]]:
    """Find fields, and rectangles that are none, among the rulings of a straight page; in its pixels."""
    enclosures = find_enclosures(rulings)
    combs = find_combs(enclosures, rulings.pixels_per_mm)
    teeth = {member for comb in combs for member in comb.members}
    headings = find_headings(enclosures, SHARED_LINE_MM * rulings.pixels_per_mm)
    marks, left_out = [], []
    for index, enclosure in enumerate(enclosures):
        if index in teeth:
            continue
        why = _why_not(enclosure, rulings.pixels_per_mm, heading=index in headings)
        if why is None:
            marks.append(enclosure.box)
        else:
            left_out.append(LeftOut(box=enclosure.box, why=why))
    fields = named_fields(marks, combs, SHARED_LINE_MM * rulings.pixels_per_mm)
    left_out = in_reading_order(left_out, lambda item: item.box)
    left_out += [LeftOut(box=field.box, why=LeftOutWhy.TOO_MANY) for field in fields[MOST_FIELDS:] if field.box]
    return fields[:MOST_FIELDS], left_out


def _why_not(enclosure: Enclosure, pixels_per_mm: float, *, heading: bool) -> LeftOutWhy | None:
    """Say why a rectangle is no place for a number; None when it may be one."""
    if enclosure.labelled:
        return LeftOutWhy.LABELLED
    width, height = enclosure.box.width / pixels_per_mm, enclosure.box.height / pixels_per_mm
    if width > _WIDEST_MM:
        return LeftOutWhy.WIDE
    if height > _HIGHEST_MM:
        return LeftOutWhy.HIGH
    if min(width, height) < _LEAST_MM or height > _SLENDEREST * width:
        return LeftOutWhy.NARROW
    return LeftOutWhy.HEADING if heading else None


def _scaled(box: Box, zoom: float, shape: tuple[int, int]) -> Box:
    """A box in an image `zoom` times as large, of this height and width."""
    left, top = max(0, round(box.left * zoom)), max(0, round(box.top * zoom))
    right, bottom = min(shape[1], round(box.right * zoom)), min(shape[0], round(box.bottom * zoom))
    return Box(left=left, top=top, width=right - left, height=bottom - top)
