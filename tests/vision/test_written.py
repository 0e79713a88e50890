"""Finding writing on a page: ruled lines go and strokes stay; words end where the white is wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.vision.written.find import find_written
from sheetwatch.vision.written.ink import find_page_ink
from sheetwatch.vision.written.ruling import without_ruling
from sheetwatch.vision.written.words import word_gap

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]


def page(texts: list[tuple[str, int, int]], *, size: float = 2.0) -> Grey:
    sheet = np.full((700, 1000), 235, np.uint8)
    for text, x, y in texts:
        cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, 40, 4, cv2.LINE_AA)
    return sheet


def with_squares(sheet: Grey, level: int, slope: float = 0.0) -> Grey:
    lined = sheet.copy()
    for y in range(20, 760, 42):
        cv2.line(lined, (0, y), (1000, round(y - 1000 * slope)), level, 2)
    for x in range(15, 1060, 42):
        cv2.line(lined, (x, 0), (round(x + 700 * slope), 700), level, 2)
    return np.minimum(lined, sheet)


@pytest.mark.parametrize("level", [190, 120])
@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_squares_go_and_the_strokes_across_them_stay(level: int, slope: float) -> None:
    plain = page([("8035", 120, 200), ("962", 500, 420)])
    before = find_page_ink(plain).mask
    after = without_ruling(find_page_ink(with_squares(plain, level, slope))).mask
    lost = before & (cv2.dilate(after, np.ones((3, 3), np.uint8)) == 0)
    left = after & (cv2.dilate(before, np.ones((9, 9), np.uint8)) == 0)
    assert lost.sum() < 0.03 * before.sum()
    assert left.sum() < 0.03 * before.sum()


def test_words_come_line_by_line_and_from_left_to_right() -> None:
    found = find_written(page([("38", 500, 150), ("1204", 100, 150), ("7", 800, 420), ("55", 120, 400)]))
    assert [[piece.left for piece in line] == sorted(piece.left for piece in line) for line in found] == [True, True]
    assert [len(line) for line in found] == [2, 2]


def test_a_page_in_shadow_and_one_without_anything() -> None:
    light = np.linspace(1.0, 0.4, 1000)[None, :]
    shadow = (page([("4071", 100, 300), ("26", 600, 300)]) * light).astype(np.uint8)
    assert [len(line) for line in find_written(shadow)] == [2]
    assert find_written(np.full((300, 400), 230, np.uint8)) == []
    assert find_written(np.zeros((1, 1), np.uint8)) == []


@pytest.mark.parametrize(
    ("gaps", "apart"),
    [
        ([0.1, 0.2, 0.15], [False, False, False]),
        ([0.1, 0.8, 0.1, 0.82], [False, True, False, True]),
        ([0.82, 12.0, 0.05], [True, True, False]),
        ([0.45, 0.1, 0.4], [False, False, False]),
    ],
)
def test_a_word_ends_where_the_white_is_wider_than_inside(gaps: list[float], apart: list[bool]) -> None:
    limit = word_gap(np.array(gaps))
    assert [gap > limit for gap in gaps] == apart
