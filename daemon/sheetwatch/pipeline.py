"""The flow of one page: aligned to a template, cut into cells, read, settled by its sums and rosters, judged.

A newcomer starts here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sheetwatch.domain import Accept, Field, Limits, PageReading, Reading, ReasonCode, ScanError, Template, Verdict
from sheetwatch.rules import judge, settle
from sheetwatch.vision.align import Misfit, align, on_larger_page
from sheetwatch.vision.blank import is_blank
from sheetwatch.vision.cells import cut_cells, enough_px, is_coarse
from sheetwatch.vision.decode import Scan, open_scan

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_DOUBTFUL_PROBABILITY = 0.5
"""A 7 without its bar is a perfect 1: what a doubtful crop shows is worth no more than a coin."""


class CellReader(Protocol):
    """What `read_page` needs of a reader; `sheetwatch.load_reader()` gives the shipped one."""

    @property
    def model_id(self) -> str:
        """Name and number of the model, for rows and pictures."""

    def read_cells(self, cells: Sequence[Grey], fields: Field | Sequence[Field]) -> list[Reading]:
        """Read crops (uint8 (H, W), dark ink on light paper, any size); one field for all, or one each."""

    def threshold(self, max_field_error: float) -> float:
        """The probability at and above which at most that share of the accepted readings is wrong."""


def read_page(
    grey: Grey,
    templates: Sequence[Template],
    reader: CellReader,
    accept: Accept | None = None,
) -> PageReading:
    """Read one page.

    grey: uint8 (H, W), 0 = black, any resolution, any way up. The template that fits best is taken.
    Never raises for what is on the page: a page that fits no template is a verdict.
    """
    try:
        template, alignment = align(grey, templates)
    except Misfit as misfit:
        return _blank() if is_blank(grey) else _unread(misfit)
    cells = cut_cells(grey, template, alignment)
    readings = reader.read_cells([cell.grey for cell in cells], template.fields)
    doubtful = {field.name for field, cell in zip(template.fields, cells, strict=True) if cell.doubtful}
    ink = _doubted(dict(zip((field.name for field in template.fields), readings, strict=True)), doubtful)
    accept = accept or Accept()
    settled = _doubted(settle(template, ink, accept), doubtful)
    return PageReading(
        verdict=judge(template, settled, accept, reader.threshold(accept.max_field_error), ink=ink),
        template=template.name,
        template_revision=template.revision,
        alignment=alignment,
        fields={name: reading.shown() for name, reading in settled.items()},
        model=reader.model_id,
    )


def read_file(
    source: Path | str | bytes,
    templates: Sequence[Template],
    reader: CellReader,
    accept: Accept | None = None,
    limits: Limits | None = None,
) -> list[PageReading]:
    """Read every page of a scan: a path, or the bytes of a file.

    A page that cannot be decoded is a verdict; raises ScanError when the file as a whole cannot be read.
    """
    with open_scan(Path(source) if isinstance(source, str) else source, limits) as scan:
        return [read_scan_page(scan, index, templates, reader, accept) for index in range(scan.page_count)]


def read_scan_page(
    scan: Scan,
    index: int,
    templates: Sequence[Template],
    reader: CellReader,
    accept: Accept | None = None,
) -> PageReading:
    """Read one page of an open scan; when its pixels cannot be decoded, that is the verdict."""
    try:
        page = scan.page(index, enough_px(templates))
        reading = read_page(page.grey, templates, reader, accept)
        if page.reduced > 1 and reading.alignment is not None and is_coarse(reading.alignment):
            page = scan.page(index)
            reading = read_page(page.grey, templates, reader, accept)
    except ScanError as error:
        return PageReading(verdict=Verdict.review(error.code, error.detail))
    if reading.alignment is None or page.reduced == 1:
        return reading
    return replace(reading, alignment=on_larger_page(reading.alignment, page.reduced))


def _doubted(readings: Mapping[str, Reading], doubtful: Container[str]) -> dict[str, Reading]:
    """Never be certain of a number where the crop may not show what was written, not even when the sum is right."""
    return {
        name: replace(reading, probability=min(reading.probability, _DOUBTFUL_PROBABILITY))
        if name in doubtful
        else reading
        for name, reading in readings.items()
    }


def _blank() -> PageReading:
    return PageReading(verdict=Verdict.review(ReasonCode.BLANK_PAGE, "nothing is on this page"))


def _unread(misfit: Misfit) -> PageReading:
    """Say why a page was not read, and where it lies if that is known."""
    return PageReading(
        verdict=Verdict.review(misfit.code, misfit.detail),
        template=misfit.template.name if misfit.template else None,
        template_revision=misfit.template.revision if misfit.template else None,
        alignment=misfit.alignment,
    )
