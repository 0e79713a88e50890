"""A comb laid out anew: every digit whole in its own part, nothing of its neighbours."""

from __future__ import annotations

import cv2
import numpy as np

from sheetwatch.vision.comb import spread_comb

MARGIN, BOX = 20, 60


def spread(
    *strokes: tuple[tuple[int, int], tuple[int, int]], boxes: int = 3
) -> list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]:
    cell = np.full((100, boxes * BOX + 2 * MARGIN), 230, np.uint8)
    paper = cell.copy()
    for start, end in strokes:
        cv2.line(cell, start, end, 20, 4)
    _, labels = cv2.connectedComponents((cell < 128).astype(np.uint8))
    return np.hsplit(spread_comb(cell, paper, labels, MARGIN, boxes), boxes)


def ink(part: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> int:
    return int((part < 128).sum())


def test_each_stroke_goes_whole_to_the_box_that_holds_most_of_it() -> None:
    alone = ink(np.hstack(spread(((40, 30), (40, 80)))))
    first, second, third = spread(((40, 30), (40, 80)), ((60, 50), (92, 50)))
    assert ink(first) == alone
    assert second.shape == first.shape == third.shape
    leaning, _, _ = spread(((45, 50), (92, 50)))
    assert ink(leaning) > 0.9 * ink(np.hstack(spread(((45, 50), (92, 50)))))
    assert ink(second) == ink(np.hstack((first, second, third))) - alone
    assert ink(third) == 0


def test_an_empty_comb_stays_empty() -> None:
    assert all(ink(part) == 0 for part in spread(boxes=10))
