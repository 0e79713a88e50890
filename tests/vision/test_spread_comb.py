"""A comb laid out anew: every digit whole in its own part, nothing of its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.comb import spread_comb

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

MARGIN, BOX = 20, 60


def spread(*strokes: tuple[tuple[int, int], tuple[int, int]], boxes: int = 3) -> list[Grey]:
    cell = np.full((100, boxes * BOX + 2 * MARGIN), 230, np.uint8)
    paper = cell.copy()
    for start, end in strokes:
        cv2.line(cell, start, end, 20, 4)
    _, labels = cv2.connectedComponents((cell < 128).astype(np.uint8))
    return np.hsplit(spread_comb(cell, paper, labels, MARGIN, boxes), boxes)


def ink(part: Grey) -> int:
    return int((part < 128).sum())


def test_each_stroke_goes_whole_to_the_box_that_holds_most_of_it() -> None:
    upright, leaning = ((40, 30), (40, 80)), ((66, 50), (112, 50))
    first, second, third = spread(upright, leaning)
    assert ink(first) == ink(spread(upright)[0])
    assert ink(second) == ink(spread(leaning)[1]) > 46 * 4
    assert ink(third) == 0
    assert first.shape == second.shape == third.shape


def test_an_empty_comb_stays_empty() -> None:
    assert all(ink(part) == 0 for part in spread(boxes=10))
