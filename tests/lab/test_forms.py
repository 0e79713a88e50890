"""The project's own forms can be redrawn, and are what the templates folder ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sheetwatch.lab.form_answer_book import answer_book
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.forms import draw_forms, template_yaml
from sheetwatch.templates import load_template

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "templates"
FORMS = {"answer-book": answer_book, "meter-reading": meter_reading}


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    once, again = draw_forms(tmp_path / "once"), draw_forms(tmp_path / "again")
    for first, second in zip(once, again, strict=True):
        for name in ("template.yaml", "reference.png"):
            assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("name", FORMS)
def test_the_shipped_template_is_the_one_that_the_script_draws(name: str) -> None:
    drawn, shipped = FORMS[name](), load_template(SHIPPED / name)
    assert (SHIPPED / name / "template.yaml").read_text("utf-8") == template_yaml(drawn)
    assert (shipped.fields, shipped.checks, shipped.key) == (drawn.fields, drawn.checks, drawn.key)
    # Another FreeType may shade an edge otherwise; a moved line would show.
    assert np.abs(shipped.reference.astype(int) - drawn.reference).mean() < 0.5


@pytest.mark.parametrize("name", FORMS)
def test_boxes_are_white_inside_and_do_not_overlap(name: str) -> None:
    template = FORMS[name]()
    taken = np.zeros(template.reference.shape, int)
    for field in template.fields:
        box = field.box
        assert box is not None
        taken[box.top : box.bottom, box.left : box.right] += 1
        if not field.comb:
            assert template.reference[box.top : box.bottom, box.left : box.right].min() == 255
    assert taken.max() == 1


def test_a_comb_is_cut_into_teeth_by_its_printed_lines() -> None:
    template = answer_book()
    roll = template.field("roll")
    assert roll.box is not None
    assert roll.comb == 10
    middle = template.reference[roll.box.top + roll.box.height // 2]
    for k in range(roll.comb + 1):
        line = round(roll.box.left + k * roll.box.width / roll.comb)
        assert middle[line - 2 : line + 3].min() < 60
        if k:
            assert middle[line - 20 - roll.box.width // 20 : line - 10].min() == 255


def test_the_cover_asks_for_about_thirty_fields_with_sums_of_every_kind() -> None:
    template = answer_book()
    assert len(template.fields) == 30
    assert [check.total for check in template.checks] == ["part_a", "part_b", "part_c", "total"]
    assert template.key == "roll"
