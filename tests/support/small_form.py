"""A form with three numbers, read by the real reader, and sheets of it that the reader accepts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.pipeline import read_page
from sheetwatch.reader import load_reader
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

FORM = """
version: 1
name: small-form
title: Three numbers of a meter reading slip
reference: reference.png
fields:
  - {name: day, kind: integer, max: 99999, required: true, box: [728, 461, 403, 119]}
  - {name: night, kind: integer, max: 99999, box: [728, 587, 403, 119]}
  - {name: units, kind: integer, max: 199998, box: [728, 713, 403, 119]}
checks:
  - {total: units, sum: [day, night]}
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accepted:
    """A sheet that the reader accepts, and what it reads there."""

    grey: npt.NDArray[np.uint8]
    values: Mapping[str, str]


def write_form(templates: Path) -> Path:
    """The form's folder, below a folder of templates."""
    folder = templates / "small-form"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(FORM)
    shutil.copy(shipped_folder("config") / "templates" / "meter-reading" / "reference.png", folder)
    return folder


def accepted_sheets(form: Path) -> Iterator[Accepted]:
    """Sheets of the form that the shipped reader accepts, one after the other."""
    template, reader = load_template(form), load_reader()
    for seed in range(200):
        grey = generate_sheet(template, seed, difficulty="easy", device="clean").grey
        reading = read_page(grey, [template], reader)
        if reading.verdict.accepted:
            yield Accepted(grey=grey, values={name: field.value for name, field in reading.fields.items()})
