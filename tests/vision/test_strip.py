"""Cells that are cut side by side: none takes anything from its neighbours, whatever their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from sheetwatch.domain import Alignment, Box, Field, Template
from sheetwatch.vision import cells as cells_module
from sheetwatch.vision.cells import Cell, cut_cells
from sheetwatch.vision.refine import template_corners
from sheetwatch.vision.strip import Strip

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

BOXES = [
    Box(left=40, top=40, width=150, height=100),
    Box(left=193, top=40, width=70, height=100),
    Box(left=300, top=45, width=151, height=101),
    Box(left=500, top=40, width=60, height=40),
    Box(left=40, top=220, width=400, height=60),
    Box(left=480, top=180, width=50, height=160),
    Box(left=560, top=200, width=33, height=21),
]
COMB = 4


def form() -> Template:
    """Ruled boxes of many sizes, some of them neighbours, the fifth a comb; the sixth stands on a solid bar."""
    reference = np.full((400, 640), 255, np.uint8)
    for box in BOXES:
        cv2.rectangle(reference, (box.left, box.top), (box.right, box.bottom), 90, 3)
    reference[342:365, 470:540] = 0
    fields = [
        Field(name=f"q{number}", kind="digits", box=box, comb=8 if number == COMB else None)  # type: ignore[arg-type]
        for number, box in enumerate(BOXES)
    ]
    return Template(name="form", title="", reference=reference, fields=tuple(fields))


def written(template: Template, seed: int, paper: int) -> Grey:
    """The form with a few strokes into and beside each box, noise, and a streak of dust down the first one."""
    rng = np.random.default_rng(seed)
    page = template.reference // 2 + (paper - 127)
    for box in BOXES:
        corner, size = np.array([box.left, box.top]), np.array([box.width, box.height])
        for _ in range(3):
            points = (corner + rng.uniform(-0.2, 1.2, (4, 2)) * size).astype(int)
            cv2.polylines(page, [points], isClosed=False, color=30, thickness=3, lineType=cv2.LINE_AA)
    page[:, 100:102] = 60
    return np.clip(page + rng.normal(0, 6, page.shape), 0, 255).astype(np.uint8)


def cut(template: Template, page: Grey, *, finer: int = 1, bent: bool = False) -> list[Cell]:
    """finer: pixels of the page to one of the template; bent: the boxes are no parallelograms there."""
    quads = template_corners(template) + np.linspace(0, 2, len(BOXES))[:, None, None]
    if bent:
        quads = quads + np.random.default_rng(1).uniform(-4, 4, quads.shape)
    alignment = Alignment(
        page_to_template=np.eye(3),
        quads=np.asarray(quads * finer, np.float64),
        inliers=100,
        rms_error_px=0.4,
        worst_field_px=0.5,
    )
    return cut_cells(page, template, alignment)


@pytest.mark.parametrize("how", [{}, {"bent": True}, {"finer": 3}], ids=["flat", "bent", "finer"])
@pytest.mark.parametrize("seed", range(4))
def test_cells_are_the_same_side_by_side_and_one_by_one(
    seed: int, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    template = form()
    page = written(template, seed, paper=250 - 15 * seed)
    page = cv2.resize(page, None, fx=how.get("finer", 1), fy=how.get("finer", 1), interpolation=cv2.INTER_LINEAR)
    together = cut(template, page, **how)
    monkeypatch.setattr(cells_module, "_STRIP_PX", 1)
    alone = cut(template, page, **how)
    assert [cell.doubtful for cell in together] == [cell.doubtful for cell in alone]
    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.grey, other.grey)


def test_a_streak_of_dust_is_taken_out_and_an_empty_box_with_one_is_doubted() -> None:
    template = form()
    page = template.reference.copy()
    page[:, 100:102] = 60
    first, *others = cut(template, page)
    assert first.grey.min() > 200
    assert first.doubtful
    assert not any(cell.doubtful for cell in others[:3])


def test_a_tall_box_among_many_small_ones_makes_no_huge_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = Box(left=1500, top=20, width=60, height=1500)
    small = [Box(left=40 * x, top=40 * y, width=32, height=32) for x in range(20) for y in range(30)]
    template = Template(
        name="form",
        title="",
        reference=np.full((1600, 1600), 255, np.uint8),
        fields=tuple(Field(name=f"q{number}", kind="digits", box=box) for number, box in enumerate([tall, *small])),  # type: ignore[arg-type]
    )
    sizes = []
    strip_of = Strip.of

    def watched(shapes: list[tuple[int, ...]], gap: int) -> Strip:
        strip = strip_of(shapes, gap)
        sizes.append(strip.outside.size)
        return strip

    monkeypatch.setattr(Strip, "of", watched)
    alignment = Alignment(
        page_to_template=np.eye(3),
        quads=template_corners(template),
        inliers=100,
        rms_error_px=0.4,
        worst_field_px=0.5,
    )
    assert len(cut_cells(template.reference, template, alignment)) == 601
    assert len(sizes) > 2  # the template's own, whose size is the reference's, stands before the cells'
    assert max(sizes[1:]) <= cells_module._STRIP_PX


def test_a_strip_gives_back_what_was_laid_into_it() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.integers(1, 255, shape, dtype=np.uint8) for shape in ((5, 9), (8, 3), (8, 3), (2, 30))]
    strip = Strip.of([cell.shape for cell in cells], gap=4)
    picture = strip.lay(cells)
    assert all(np.array_equal(part, cell) for part, cell in zip(strip.parts(picture), cells, strict=True))
    assert ((picture == 0) == (strip.outside == 255)).all()
    assert [columns for _, columns in strip.runs([7, 2, 2, 7])] == [slice(0, 13), slice(13, 27), slice(27, 61)]
    filled = strip.fill([1, 2, 3, 4])
    assert [set(part.ravel().tolist()) for part in strip.parts(filled)] == [{1}, {2}, {3}, {4}]
