"""Find the written words of a page: its lines from top to bottom, each word with a clean picture of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.vision.written.ink import find_page_ink
from sheetwatch.vision.written.lines import find_lines, line_slope, page_slope
from sheetwatch.vision.written.parts import find_parts
from sheetwatch.vision.written.ruling import without_ruling
from sheetwatch.vision.written.words import split_words, with_small_parts
from sheetwatch.vision.written.worth import without_rests, worth_reading

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.vision.written.ink import PageInk
    from sheetwatch.vision.written.parts import Parts
    from sheetwatch.vision.written.words import Word

    Grey = npt.NDArray[np.uint8]
    Labels = npt.NDArray[np.int32]

_SMALLEST_PX = 9  # of a page; nobody can read less
_MARGIN = 0.35  # heights of paper around a word


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One word cut out.

    `grey`: uint8 (h, w), its ink alone on white, levelled; `parts`: int32 (h, w), 0 = paper, else the number of the
    connected part that the pixel belongs to; `drop`: int (w,), by how many rows each column was moved up; `left`,
    `top`: where it lies; `margin`: of paper around its ink; `tall`: the height of its digits; `scale`: its pixels per
    page pixel.
    """

    grey: Grey
    parts: Labels
    drop: npt.NDArray[np.intp]
    left: int
    top: int
    margin: int
    tall: float
    scale: float

    def gap(self, other: Piece) -> float:
        """The white between its ink and that of another word of its line, heights; negative where they overlap."""
        one, last = sorted((self, other), key=lambda piece: piece.left + piece.margin)
        white = last.left + last.margin - (one.left + one.grey.shape[1] - one.margin)
        return white / max(one.tall, last.tall)


def find_written(grey: Grey) -> list[list[Piece]]:
    """The words of each written line, left to right, lines from top to bottom.

    grey: uint8 (H, W), dark ink on light paper, upright, any resolution.
    """
    if min(grey.shape) < _SMALLEST_PX:
        return []
    ink = without_ruling(find_page_ink(grey))
    parts = without_rests(ink, find_parts(ink.mask))
    slope = page_slope(parts)
    lines = find_lines(parts, slope)
    slopes = [line_slope(parts, line, slope) for line in lines]
    by_line = [split_words(parts, line) for line in lines]
    each = [own for own, line in zip(slopes, by_line, strict=True) for _ in line]
    words = with_small_parts(parts, [word for line in by_line for word in line], each)
    worth = worth_reading(parts, words)
    pieces = iter(
        [
            cut_out(ink, parts, word, own) if wanted else None
            for word, own, wanted in zip(words, each, worth, strict=True)
        ]
    )
    found = [[piece for _ in line if (piece := next(pieces)) is not None] for line in by_line]
    return [line for line in found if line]


def cut_out(ink: PageInk, parts: Parts, word: Word, slope: float) -> Piece:
    """A word's ink alone, with its columns moved so that its line is level."""
    mine = word.parts
    left, right = int(parts.left[mine].min()), int(parts.right[mine].max())
    top, bottom = int(parts.top[mine].min()), int(parts.bottom[mine].max())
    view = parts.labels[top:bottom, left:right]
    wanted = np.zeros(int(parts.labels.max()) + 1, np.int32)
    wanted[parts.label[mine]] = np.arange(1, len(mine) + 1)
    own = wanted[view]
    shown = cv2.dilate((own > 0).astype(np.uint8), np.ones((3, 3), np.uint8))  # the soft rim of its strokes too
    if ink.ruling is not None:
        shown &= (own > 0) | (ink.ruling[top:bottom, left:right] == 0)  # where a line runs, the rim is line
    dark = np.where(shown > 0, ink.dark[top:bottom, left:right], np.float32(0))
    drop = np.round(slope * (np.arange(right - left) - (right - left) / 2)).astype(np.intp)
    drop -= drop.min()
    margin = max(4, round(_MARGIN * word.tall))
    shape = (bottom - top + 2 * margin + int(drop.max()), right - left + 2 * margin)
    level_dark, level_own = np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    rows = np.arange(bottom - top)[:, None] - drop[None, :] + margin + int(drop.max())
    columns = np.broadcast_to(np.arange(right - left)[None, :] + margin, rows.shape)
    level_dark[rows, columns], level_own[rows, columns] = dark, own
    full = float(np.percentile(dark[own > 0], 80))
    grey = 255.0 * (1.0 - 0.9 * np.clip(level_dark / max(full, 1e-3), 0.0, 1.0))
    moved = np.pad(drop, margin, mode="edge")
    return Piece(
        grey=grey.astype(np.uint8),
        parts=level_own,
        drop=moved,
        left=left - margin,
        top=top - margin - int(drop.max()),
        margin=margin,
        tall=word.tall,
        scale=ink.scale,
    )
