"""Every digit of a test set with what was read, as a workbook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheetwatch.lab.evaluate_metrics import Outcomes

_TITLES = ("number", "is", "read as", "probability", "right")


def digits_workbook(outcomes: Outcomes) -> bytes:
    """The .xlsx: a row for each digit, in the order of the set, counted from 1."""
    from openpyxl import Workbook  # noqa: PLC0415 - costs 200 ms, and few need it

    book = Workbook(write_only=True)
    sheet = book.create_sheet("digits")
    sheet.freeze_panes = "A2"
    sheet.append(_TITLES)
    rows = zip(outcomes.truths, outcomes.reads, outcomes.sure.tolist(), outcomes.right.tolist(), strict=True)
    for number, (truth, read, sure, right) in enumerate(rows, 1):
        sheet.append((number, truth, read, round(sure, 6), "yes" if right else "no"))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
