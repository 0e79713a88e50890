"""Foreign pages, blank pages and photographs of anything else are never accepted, however sure the reader is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import Field, Reading, ReasonCode, State
from sheetwatch.lab.sheets import generate_blank, generate_foreign
from sheetwatch.pipeline import read_page
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

TEMPLATES = load_templates([shipped_folder("config") / "templates"])


class SureReader:
    """Reads a certain 1 everywhere: only the page itself can keep it from being accepted."""

    model_id = "sure"

    def read_cells(self, cells: Sequence[npt.NDArray[np.uint8]], fields: Field | Sequence[Field]) -> list[Reading]:
        assert not isinstance(fields, Field)
        return [
            Reading(value="1" * (field.length or 1), state=State.WRITTEN, probability=1.0)
            for field, _ in zip(fields, cells, strict=True)
        ]

    def threshold(self, max_field_error: float) -> float:
        assert max_field_error > 0
        return 0.5


@pytest.mark.slow
def test_two_hundred_foreign_and_blank_pages_are_never_accepted() -> None:
    codes = []
    for seed in range(100):
        for sheet in (generate_foreign(seed), generate_blank(seed, front=TEMPLATES[seed % len(TEMPLATES)])):
            page = read_page(sheet.grey, TEMPLATES, SureReader())
            assert not page.verdict.accepted
            codes.append(page.verdict.reasons[0].code)
    counts = {code: codes.count(code) for code in set(codes)}
    print(f"\n{len(codes)} pages: {counts}")
    assert set(counts) <= {ReasonCode.NO_TEMPLATE, ReasonCode.BLANK_PAGE, ReasonCode.MISALIGNED}
