"""The files of an evaluation: pictures, a workbook, a page. Each is written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.files import remove, write_atomically
from sheetwatch.lab.evaluate_page import page_of
from sheetwatch.lab.evaluate_pictures import Subject, file_name, pictures_of
from sheetwatch.lab.evaluate_workbook import workbook_of

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.lab.evaluate import Evaluation

PAGE, WORKBOOK = "evaluation.html", "evaluation.xlsx"


def write_evaluation(evaluation: Evaluation, folder: Path, made_by: str) -> list[Path]:
    """Draw everything, then write it. Returns the page and the workbook; the pictures lie beside them. Raises OSError.

    Pictures of an earlier evaluation of the same sets are replaced, or removed where there is none any more.
    """
    pictures = tuple(pictures_of(evaluation))
    workbook = workbook_of(evaluation, made_by)
    page = page_of(evaluation, pictures, made_by)
    remove(*(folder / name for name in _earlier(evaluation)))
    for picture in pictures:
        write_atomically(folder / file_name(picture.set_name, picture.subject), picture.png)
    write_atomically(folder / WORKBOOK, workbook)
    write_atomically(folder / PAGE, page.encode())
    return [folder / PAGE, folder / WORKBOOK]


def _earlier(evaluation: Evaluation) -> set[str]:
    """The name of every picture that any evaluation of these sets may have."""
    return {file_name(scored.name, subject) for scored in evaluation.scored for subject in Subject}
