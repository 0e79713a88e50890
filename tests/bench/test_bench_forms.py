"""The forms that are timed have as many fields as they say, and look-alikes are none of them the same."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bench.forms import GRIDS, look_alikes, mark_sheet, unlike


@pytest.mark.parametrize("count", [10, 30, 100, 300])
def test_a_mark_sheet_has_its_fields_side_by_side_on_the_page(count: int) -> None:
    template = mark_sheet(GRIDS[count], "Physics")
    boxes = [field.box for field in template.fields if field.box is not None]
    assert len(boxes) == count
    height, width = template.reference.shape
    assert all(0 < box.left < box.right < width and 0 < box.top < box.bottom < height for box in boxes)
    assert not any(
        a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom
        for a, b in combinations(boxes, 2)
    )


def test_look_alikes_share_their_heading_and_differ_in_their_boxes() -> None:
    forms = look_alikes(20)
    assert len({form.name for form in forms}) == 20
    assert len({tuple(field.box for field in form.fields) for form in forms}) == 20
    house = [form.reference[:200] for form in forms]
    assert all(np.array_equal(house[0], other) for other in house[1:])


def test_forms_of_other_houses_have_other_fields() -> None:
    forms = unlike(20)
    assert len({form.name for form in forms}) == 20
    assert all(5 < len(form.fields) <= 60 for form in forms)
