"""Neighbours: which boxes share a printed line, and the blocks, tables and rows that they make up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sheetwatch.domain import Box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

SHARED_LINE_MM = 1.7
"""Two boxes this near share a line; thick and double lines are hardly wider."""

_OVERLAP_SHARE = 0.5


def beside(left: Box, right: Box, reach: float) -> bool:
    """Tell whether `right` follows `left` with no more than a line between them, at about the same height."""
    overlap = min(left.bottom, right.bottom) - max(left.top, right.top)
    return abs(right.left - left.right) <= reach and overlap > _OVERLAP_SHARE * min(left.height, right.height)


def below(upper: Box, lower: Box, reach: float) -> bool:
    """Tell whether `lower` lies under `upper` with no more than a line between them."""
    overlap = min(upper.right, lower.right) - max(upper.left, lower.left)
    return abs(lower.top - upper.bottom) <= reach and overlap > _OVERLAP_SHARE * min(upper.width, lower.width)


def blocks(boxes: Sequence[Box], reach: float) -> list[list[int]]:
    """Group boxes that share lines, directly or through others: lists of indices."""
    waiting = set(range(len(boxes)))
    groups = []
    while waiting:
        group, edge = [], [waiting.pop()]
        while edge:
            here = edge.pop()
            group.append(here)
            near = [other for other in waiting if _touch(boxes[here], boxes[other], reach)]
            waiting.difference_update(near)
            edge += near
        groups.append(sorted(group))
    return groups


def _touch(one: Box, other: Box, reach: float) -> bool:
    return (
        beside(one, other, reach) or beside(other, one, reach) or below(one, other, reach) or below(other, one, reach)
    )


def in_reading_order(items: Sequence[T], box_of: Callable[[T], Box]) -> list[T]:
    """Row by row from the top, each row from the left; a row holds what is centred within its first box's height."""
    by_height = sorted(items, key=lambda item: _middle(box_of(item)))
    rows: list[list[T]] = []
    for item in by_height:
        if rows and _middle(box_of(item)) < box_of(rows[-1][0]).bottom:
            rows[-1].append(item)
        else:
            rows.append([item])
    return [item for row in rows for item in sorted(row, key=lambda item: box_of(item).left)]


def hull(boxes: Sequence[Box]) -> Box:
    """The smallest box round all."""
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return Box(left=left, top=top, width=right - left, height=bottom - top)


def _middle(box: Box) -> float:
    return box.top + box.height / 2
