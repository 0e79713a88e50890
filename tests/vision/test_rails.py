"""Regular lines: found also where something hides them, lifted off without the strokes that cross them."""

from __future__ import annotations

import cv2
import numpy as np

from sheetwatch.vision.written.lift import lifted, line_darkness
from sheetwatch.vision.written.rails import find_rails


def lines_of(gap: tuple[int, int] | None = None) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Lines every 20 pixels that rise a little; `gap`: columns in which nothing is seen of those in the middle."""
    pieces = np.zeros((400, 600), np.uint8)
    for y in range(20, 400, 20):
        cv2.line(pieces, (0, y), (599, y - 12), 1, 2)
    if gap:
        pieces[160:240, gap[0] : gap[1]] = 0
    return pieces


def test_lines_are_found_where_something_hides_them() -> None:
    whole = lines_of()
    rails = find_rails(lines_of((250, 300)))
    hidden = whole[160:240, 250:300] > 0
    assert cv2.dilate(rails, np.ones((3, 3), np.uint8))[160:240, 250:300][hidden].mean() > 0.95
    assert rails[(cv2.dilate(whole, np.ones((5, 5), np.uint8)) == 0)].mean() < 0.01


def test_strokes_without_a_period_are_no_lines() -> None:
    rng = np.random.default_rng(3)
    pieces = np.zeros((400, 600), np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, 540), rng.integers(0, 400)
        cv2.line(pieces, (int(x), int(y)), (int(x) + 40, int(y) + int(rng.integers(-4, 5))), 1, 2)
    assert not find_rails(pieces).any()
    assert not find_rails(np.zeros_like(pieces)).any()


def test_a_line_goes_and_the_stroke_across_it_stays() -> None:
    dark = np.zeros((200, 800), np.float32)
    cv2.line(dark, (0, 100), (799, 100), 0.4, 3)
    dark = cv2.GaussianBlur(dark, (3, 3), 0)
    stroke = np.zeros_like(dark)
    cv2.line(stroke, (400, 60), (410, 140), 0.6, 5)
    both = (1 - (1 - dark) * (1 - stroke)).astype(np.float32)
    rails = np.zeros((100, 400), np.uint8)
    rails[49:51] = 1
    left = lifted(both, line_darkness(both, rails))
    assert left[:, :380].max() < 0.05
    assert abs(float(left[100, 405]) - 0.6) < 0.1
