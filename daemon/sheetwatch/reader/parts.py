"""Which connected parts of a crop belong to what was written there.

In plain numbers: a crop has few parts, and an array takes longer for each of these sums than a handful of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Part(NamedTuple):
    """A connected part's bounding box and its area, pixels, as OpenCV's statistics have them."""

    left: int
    top: int
    width: int
    height: int
    area: int

    @property
    def right(self) -> int:
        """First column right of it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.top + self.height

    @property
    def long(self) -> int:
        """Its longer side."""
        return max(self.width, self.height)


def worth_keeping(parts: Sequence[Part], rows: int, columns: int) -> tuple[list[bool], bool]:
    """For each part of a crop whether it belongs to what was written; and whether a long one does not, or may not."""
    specks = [part.area < max(3.0, (0.055 * rows) ** 2) or part.long < 0.09 * rows for part in parts]
    ends = [_ends(part, rows, columns) for part in parts]
    keep = [
        not speck and not _sliver(part, *end, rows, columns)
        for part, speck, end in zip(parts, specks, ends, strict=True)
    ]
    largest = max((part.area for part, kept in zip(parts, keep, strict=True) if kept), default=0)
    keep = [
        kept and not (part.area < 0.35 * largest and _reaches_in(part, *end, rows) < 0.26 * rows)
        for part, kept, end in zip(parts, keep, ends, strict=True)
    ]
    left_out = any(
        not speck and not kept and part.long >= 0.3 * rows
        for part, speck, kept in zip(parts, specks, keep, strict=True)
    )
    written = [part for part, kept in zip(parts, keep, strict=True) if kept]
    if not written:
        return keep, left_out
    left_out = left_out or _may_be_border(written, rows, columns)
    return [kept or _is_point(part, written) for part, kept in zip(parts, keep, strict=True)], left_out


def _ends(part: Part, rows: int, columns: int) -> tuple[bool, bool]:
    """Whether a part ends at the crop's upper or lower end, and at its left or right one."""
    edge = max(1, round(0.05 * rows))  # a removed border leaves a gap
    at_rows_end = part.top <= edge or part.bottom >= rows - edge
    at_columns_end = part.left <= edge or part.right >= columns - edge
    beside_the_edge = part.left > 0 and part.right < columns and part.height >= 0.3 * rows  # a 1
    return at_rows_end, at_columns_end and not beside_the_edge


def _sliver(part: Part, at_rows_end: bool, at_columns_end: bool, rows: int, columns: int) -> bool:  # noqa: FBT001 - one pair
    return (at_rows_end and part.height < 0.16 * rows) or (at_columns_end and part.width < 0.16 * min(rows, columns))


def _reaches_in(part: Part, at_rows_end: bool, at_columns_end: bool, rows: int) -> int:  # noqa: FBT001 - one pair
    """How far a part reaches into the crop from the ends that it touches; the crop's height where it touches none."""
    return min(part.width if at_columns_end else rows, part.height if at_rows_end else rows)


def _may_be_border(written: Sequence[Part], rows: int, columns: int) -> bool:
    """Whether what was kept is, or has beside it, an upright line so near the edge that it may be the box's own."""
    upright = [part for part in written if part.width < 0.2 * rows and part.height > 0.45 * rows]
    share = 0.22 if len(upright) == len(written) else 0.08
    return any(min(part.left, columns - part.right) < share * rows for part in upright)


def _is_point(part: Part, written: Sequence[Part]) -> bool:
    """Whether a part may be a decimal point: low beside the writing, and more than a grain."""
    tallest = max(one.height for one in written)
    if not (part.long < 0.35 * tallest and part.width < 0.25 * tallest):
        return False
    first, last = min(one.left for one in written), max(one.right for one in written)
    ceiling, floor = min(one.top for one in written), max(one.bottom for one in written)
    tall = floor - ceiling
    beside = part.right > first - 0.6 * tall and part.left < last + 0.6 * tall
    low = part.top > ceiling + 0.55 * tall and part.bottom < floor + 0.3 * tall
    return beside and low and min(part.width, part.height) >= max(2.0, 0.05 * tall)
