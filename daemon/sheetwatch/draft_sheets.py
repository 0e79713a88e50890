"""Draft from filled sheets: the pages of their files, and what a person should look at before the draft is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from sheetwatch.domain import Box, Limits, ScanError
from sheetwatch.drafts import fields_at
from sheetwatch.names import plain_text
from sheetwatch.vision.decode import open_scan
from sheetwatch.vision.draft.learning import ENOUGH_SHEETS, FEWEST_SHEETS, Learned, TooFewSheets
from sheetwatch.vision.geometry import map_points

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.vision.draft.proposal import Proposal

    Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPlace:
    """One page (from 0) of one file."""

    file: Path
    page: int

    def __str__(self) -> str:
        name = plain_text(str(self.file))
        return f"{name} page {self.page + 1}" if self.page else name


class SheetPages(Sequence["Grey | None"]):
    """Pages that are decoded each time they are asked for, one at a time; None for one that cannot be read."""

    def __init__(self, places: Sequence[SheetPlace], limits: Limits) -> None:
        self._places = places
        self._limits = limits

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Grey | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Grey | None]: ...
    def __getitem__(self, index: int | slice) -> Grey | Sequence[Grey | None] | None:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        place = self._places[index]
        try:
            with open_scan(place.file, self._limits) as scan:
                return scan.page(place.page).grey
        except ScanError:
            return None


def sheet_places(file: Path, limits: Limits) -> list[SheetPlace]:
    """Every page of a file; a file that cannot be read is one page, which is then left out and named."""
    try:
        with open_scan(file, limits) as scan:
            return [SheetPlace(file=file, page=page) for page in range(scan.page_count)]
    except ScanError:
        return [SheetPlace(file=file, page=0)]


def too_few(error: TooFewSheets) -> str:
    """Say that the sheets do not suffice, and what to do."""
    return (
        f"sheets that show the same form: {error.used}; {FEWEST_SHEETS} are the least, {ENOUGH_SHEETS} are good; "
        "scan more sheets of this form, filled in by different people"
    )


def doubts_of(learned: Learned, proposal: Proposal) -> list[str]:
    """What a person should look at before the template is trusted."""
    doubts = []
    if len(learned.used) < ENOUGH_SHEETS:
        doubts.append(
            f"the blank was learned from {len(learned.used)} sheets; from {ENOUGH_SHEETS} on less handwriting is left"
        )
    places = [_mapped(box, proposal) for box in learned.doubtful]
    names = [field.name for field in fields_at(proposal, places)]
    if names:
        doubts.append(
            f"most people wrote the same in {', '.join(names)}, and some of it is left in reference.png; "
            "learn from other sheets, or paint it white"
        )
    elif places:
        doubts.append("writing is left beside the boxes in reference.png; learn from other sheets, or paint it white")
    return doubts


def _mapped(box: Box, proposal: Proposal) -> Box:
    """A box of the learned blank, in reference pixels."""
    corners = np.array([(box.left, box.top), (box.right, box.bottom)], np.float64)
    (left, top), (right, bottom) = map_points(corners, proposal.page_to_reference).round().astype(int).tolist()
    return Box(left=left, top=top, width=right - left, height=bottom - top)
