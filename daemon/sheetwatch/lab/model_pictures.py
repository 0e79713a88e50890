"""The model card's picture: the surest mistakes on marks that the project's own pen wrote.

python -m sheetwatch.lab.model_pictures --out models
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import Field, FieldKind, State
from sheetwatch.files import write_atomically
from sheetwatch.lab.evaluate import Sample, evaluate_sets
from sheetwatch.lab.evaluate_pictures import contact_sheet
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.reader import load_reader
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template
from sheetwatch.vision.align import Misfit, align
from sheetwatch.vision.cells import cut_cells

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_FIRST_SEED = 90_000
_FORM = "answer-book"
_LARGEST = 10  # the questions' marks


def main(arguments: list[str] | None = None) -> int:
    """Read generated marks, print how many were read right, draw the mistakes."""
    parser = argparse.ArgumentParser(prog="sheetwatch.lab.model_pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder for the picture")
    parser.add_argument("--sheets", type=int, default=60, help="how many sheets to generate")
    options = parser.parse_args(arguments)
    reader = load_reader()
    (scored,) = evaluate_sets(reader, [generated_marks(options.sheets)]).sets
    path = options.out / f"{reader.model_id}-mistakes.png"
    write_atomically(path, contact_sheet(scored).png)
    sys.stdout.write(f"{scored.outcomes.right.sum()} of {len(scored.outcomes.right)} marks read right; {path}\n")
    return 0


def generated_marks(sheets: int) -> Sample:
    """The cells of the questions' marks on generated sheets, as the pipeline cuts them, with what was written."""
    template = load_template(shipped_folder("config") / "templates" / _FORM)
    cells: list[npt.NDArray[np.uint8]] = []
    labels: list[str] = []
    for seed in range(_FIRST_SEED, _FIRST_SEED + sheets):
        sheet = generate_sheet(template, seed)
        try:
            _, alignment = align(sheet.grey, [template])
        except Misfit:
            continue  # a page that goes to review unread
        for field, cell in zip(template.fields, cut_cells(sheet.grey, template, alignment), strict=True):
            truth = sheet.truth[field.name]
            if field.max == _LARGEST and not cell.doubtful and truth.state is not State.NOT_ATTEMPTED:
                cells.append(cell.grey)
                labels.append(truth.value)
    mark = Field(name="mark", kind=FieldKind.MARK, max=_LARGEST)
    return Sample(name="generated marks", cells=tuple(cells), labels=tuple(labels), field=mark)


if __name__ == "__main__":
    sys.exit(main())
