"""Cells: the field's own strokes, whole; no print, no neighbours; and doubt where a stroke cannot be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import Alignment, Box, Field, Template
from sheetwatch.vision.cells import Cell, cut_cells
from sheetwatch.vision.refine import template_corners

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

BOX = Box(left=200, top=150, width=150, height=100)


def form(*, header: int = 255, below: int = 255, line_px: int = 3) -> Template:
    """A form with one ruled box; the strips above and below it may be tinted or solid."""
    reference = np.full((400, 600), 255, np.uint8)
    reference[100:150, 200:350] = header
    reference[252:300, 200:350] = below
    cv2.rectangle(reference, (BOX.left, BOX.top), (BOX.right, BOX.bottom), 0, line_px)
    field = Field(name="q1", kind="mark", max=10, box=BOX)  # type: ignore[arg-type]
    return Template(name="form", title="", reference=reference, fields=(field,))


def cut(template: Template, page: Grey) -> Cell:
    alignment = Alignment(
        page_to_template=np.eye(3),
        quads=template_corners(template),
        inliers=100,
        rms_error_px=0.0,
        worst_field_px=0.0,
    )
    (cell,) = cut_cells(page, template, alignment)
    return cell


def draw(page: Grey, *points: tuple[int, int], width: int = 4) -> Grey:
    cv2.polylines(page, [np.array(points)], isClosed=False, color=30, thickness=width, lineType=cv2.LINE_AA)
    return page


def ink_px(cell: Cell) -> int:
    return int((cell.grey < 150).sum())


def test_an_empty_box_leaves_an_empty_cell() -> None:
    template = form()
    cell = cut(template, template.reference.copy())
    assert cell.grey.min() > 230
    assert not cell.doubtful


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (-1, -1)])
def test_lines_a_pixel_beside_their_place_are_removed(shift: tuple[int, int]) -> None:
    template = form()
    page = np.roll(template.reference, shift, axis=(0, 1))
    assert cut(template, page).grey.min() > 200


def test_the_number_is_kept() -> None:
    template = form()
    strokes = ((240, 180), (290, 180), (260, 235))
    cell = cut(template, draw(template.reference.copy(), *strokes))
    alone = draw(np.full_like(template.reference, 255), *strokes)
    drawn_scale = cell.grey.shape[0] / (1.7 * BOX.height)
    assert ink_px(cell) == pytest.approx((alone < 150).sum() * drawn_scale**2, rel=0.25)
    assert not cell.doubtful


def test_a_stroke_over_the_border_stays_whole() -> None:
    template = form()
    page = draw(template.reference.copy(), (275, 190), (275, 275))
    strokes, labels = cv2.connectedComponents((cut(template, page).grey < 150).astype(np.uint8))
    assert strokes == 2
    rows = np.flatnonzero((labels == 1).any(axis=1))
    assert rows[-1] - rows[0] > 60


def test_a_neighbours_stroke_is_left_out() -> None:
    template = form()
    page = draw(template.reference.copy(), (160, 170), (208, 190))
    assert cut(template, page).grey.min() > 150


def test_a_stroke_half_in_another_box_is_doubtful() -> None:
    template = form()
    page = draw(template.reference.copy(), (170, 190), (224, 190))
    assert cut(template, page).doubtful


def test_a_digit_mostly_outside_makes_the_rest_doubtful() -> None:
    """A 33 written over the border is no 3."""
    template = form()
    page = draw(template.reference.copy(), (330, 180), (330, 225))
    assert not cut(template, page).doubtful
    assert cut(template, draw(page, (342, 200), (378, 200))).doubtful


def test_a_number_written_beside_an_empty_box_is_doubtful() -> None:
    template = form()
    page = draw(template.reference.copy(), (365, 180), (365, 225))
    assert cut(template, page).doubtful
    also_inside = draw(page, (270, 175), (270, 225))
    assert not cut(template, also_inside).doubtful


def test_ink_on_a_tinted_header_is_seen() -> None:
    """Without its bar in the grey header above the box, a 7 would be a 1."""
    template = form(header=222)
    page = draw(template.reference.copy(), (240, 140), (290, 140), (262, 225))
    cell = cut(template, page)
    columns = np.flatnonzero((cell.grey < 150).any(axis=0))
    assert columns[-1] - columns[0] > 35
    assert not cell.doubtful


def test_a_stroke_into_solid_print_is_doubtful() -> None:
    template = form(below=0)
    inside = draw(template.reference.copy(), (275, 170), (275, 230))
    assert not cut(template, inside).doubtful
    running_out = draw(template.reference.copy(), (275, 190), (275, 275))
    assert cut(template, running_out).doubtful


def test_faint_pages_and_tiny_boxes_do_not_fail() -> None:
    template = form()
    grey_page = (template.reference // 4 + 100).astype(np.uint8)
    assert not cut(template, grey_page).doubtful
    small = Template(
        name="small",
        title="",
        reference=template.reference,
        fields=(Field(name="q1", kind="mark", box=Box(left=10, top=10, width=4, height=3)),),  # type: ignore[arg-type]
    )
    assert cut(small, template.reference.copy()).grey.size > 0


@pytest.mark.parametrize("touching", [False, True])
def test_grey_lines_that_a_black_and_white_scan_draws_black_take_no_digit_with_them(*, touching: bool) -> None:
    """Lines count as print up to a third darker than on the reference; a 1-bit scan makes a light grey black."""
    template = form(line_px=9)
    template.reference[template.reference < 128] = 150
    page = np.where(template.reference < 200, 0, 255).astype(np.uint8)
    top = BOX.top if touching else BOX.top + 20
    draw(page, (260, top), (275, 200), (262, BOX.bottom - 25), width=5)
    cell = cut(template, page)
    assert ink_px(cell) > 150 or cell.doubtful
    if not touching:
        assert ink_px(cell) > 150
        assert not cell.doubtful


def test_a_digit_that_hangs_on_print_which_cannot_be_taken_out_is_doubted() -> None:
    template = form(line_px=3)
    page = template.reference.copy()
    cv2.rectangle(
        page, (BOX.left - 8, BOX.top - 8), (BOX.right + 8, BOX.bottom + 8), 0, 14
    )  # printed anew, much bolder
    draw(page, (270, BOX.top), (270, 205), width=5)
    cell = cut(template, page)
    assert cell.doubtful or ink_px(cell) > 150
