"""Speed without losing a field: what was read beside what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sheetwatch
from sheetwatch.domain import Accept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.pages import Scan
    from sheetwatch.domain import Template
    from sheetwatch.pipeline import CellReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of `fields`, how many hold what was written (`right`), and how many do not but were called certain (`harm`).

    `slow`: how many read as they do from every pixel with no other template to choose from, which is the slow way.
    """

    fields: int
    right: int
    harm: int
    slow: int

    def __add__(self, other: Score) -> Score:
        return Score(
            fields=self.fields + other.fields,
            right=self.right + other.right,
            harm=self.harm + other.harm,
            slow=self.slow + other.slow,
        )

    def __str__(self) -> str:
        harm = f", {self.harm} WRONG AND SURE" if self.harm else ""
        slow = f", {self.fields - self.slow} OTHERWISE THAN THE SLOW WAY" if self.slow < self.fields else ""
        return f"{self.right}/{self.fields} right{harm}{slow}"


class WrongTemplateError(AssertionError):
    """A page was taken for another form."""


class LeftToPersonError(AssertionError):
    """A page was not read: nothing was guessed, and there is nothing to time."""


def score(scan: Scan, templates: Sequence[Template], reader: CellReader) -> Score:
    """Read a scan and hold it against the truth. Raises WrongTemplateError, LeftToPersonError."""
    (page,) = sheetwatch.read_file(scan.path, templates, reader)
    if page.template not in {scan.template, None}:
        raise WrongTemplateError(f"{scan.path.name}: a page of {scan.template} was taken for {page.template}")
    if not page.fields:
        reasons = "; ".join(f"{reason.code}, {reason.detail}" for reason in page.verdict.reasons)
        raise LeftToPersonError(f"{scan.path.name}: a page of {scan.template} is left to a person: {reasons}")
    only = [template for template in templates if template.name == scan.template]
    slow = sheetwatch.read_page(scan.floor(), only, reader).fields
    threshold = reader.threshold(Accept().max_field_error)
    wrong = [reading for name, reading in page.fields.items() if reading.value != scan.truth[name].value]
    return Score(
        fields=len(page.fields),
        right=len(page.fields) - len(wrong),
        harm=sum(reading.probability >= threshold for reading in wrong),
        slow=sum(name in slow and slow[name].value == reading.value for name, reading in page.fields.items()),
    )
