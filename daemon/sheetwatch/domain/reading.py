"""What cells and pages say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain.verdict import Verdict

_SHOWN_ALTERNATIVES = 3


class State(StrEnum):
    """What a cell holds."""

    WRITTEN = "written"
    EMPTY = "empty"
    NOT_ATTEMPTED = "not-attempted"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """A runner-up: another value that the cell may hold."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one cell says.

    `value` is canonical text: "" for nothing, "0", "7", "7.5", "0012". `probability` is calibrated: of the readings
    with 0.99, 99 in 100 are right. `alternatives` come likeliest first. `boxes`: of a comb, what each box may hold,
    likeliest first, "" being an empty box; what is missing to 1 is the probability that the box cannot be read.
    """

    value: str
    state: State
    probability: float
    alternatives: tuple[Alternative, ...] = ()
    boxes: tuple[tuple[Alternative, ...], ...] = ()

    def shown(self) -> Reading:
        """As people see it and the ledger keeps it: with the likeliest runners-up, without the boxes."""
        return replace(self, alternatives=self.alternatives[:_SHOWN_ALTERNATIVES], boxes=())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """One image of a scan. `grey`: uint8 (H, W), 0 = black; `dpi`, of the file, where it says so.

    `reduced`: by how much `grey` is smaller than the image in the file.
    """

    grey: npt.NDArray[np.uint8]
    index: int
    dpi: float | None = None
    reduced: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """Where a template lies on a page, and how well, after local refinement.

    `page_to_template`: float64 (3, 3), the homography from page to reference pixels. `quads`: float64 (N, 4, 2), the
    corners of each field's box in page pixels (x, y), in template order, from the box's top left clockwise; they
    follow the paper's local bend, which the homography cannot. `inliers`: feature matches that agree on the
    homography. `rms_error_px`: over all points that could be checked, in reference pixels; `worst_field_px`: of the
    field whose printed surroundings fit worst. `turned_deg`: how far the page was turned, clockwise, to the nearest
    quarter.
    """

    page_to_template: npt.NDArray[np.float64]
    quads: npt.NDArray[np.float64]
    inliers: int
    rms_error_px: float
    worst_field_px: float
    turned_deg: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPicture:
    """The sheet alone, as a file, for the operator's pages: laid onto its template where one fits.

    `name`: of the JPEG in the scan's work folder. `boxes`: left, top, right and bottom of each field in its pixels, in
    template order; none where no template fits.
    """

    name: str
    width_px: int
    height_px: int
    boxes: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageReading:
    """Everything that one page says: the result of `read_page`.

    `template` and `alignment` are None when no template fits. `fields` keeps template order.
    """

    verdict: Verdict
    template: str | None = None
    template_revision: str | None = None
    alignment: Alignment | None = None
    fields: Mapping[str, Reading] = field(default_factory=dict)
    model: str = ""

    @property
    def confidence(self) -> float:
        """The lowest probability of the page's readings; 0 when nothing was read."""
        return min((reading.probability for reading in self.fields.values()), default=0.0)
