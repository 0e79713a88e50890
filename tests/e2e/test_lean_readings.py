"""What leaves `read_page` is what people see: the candidates that only decoding needs stay behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, Field, Reading, State
from sheetwatch.pipeline import read_page
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

MANY = tuple(Alternative(value=str(digit), probability=0.01) for digit in range(8))


class TalkativeReader:
    """Gives every field eight runners-up and the candidates of its boxes."""

    model_id = "talkative"

    def read_cells(self, cells: Sequence[npt.NDArray[np.uint8]], fields: Field | Sequence[Field]) -> list[Reading]:
        assert not isinstance(fields, Field)
        return [
            Reading(value="9", state=State.WRITTEN, probability=0.9, alternatives=MANY, boxes=(MANY,) * (one.comb or 0))
            for one, _ in zip(fields, cells, strict=True)
        ]

    def threshold(self, max_field_error: float) -> float:
        return 1.0 - max_field_error


def test_a_page_carries_three_runners_up_and_no_boxes() -> None:
    template = load_template(shipped_folder("config") / "templates" / "answer-book")
    assert any(field.comb for field in template.fields)
    page = read_page(template.reference, [template], TalkativeReader())
    assert list(page.fields) == [field.name for field in template.fields]
    for reading in page.fields.values():
        assert len(reading.alternatives) == 3
        assert not reading.boxes
