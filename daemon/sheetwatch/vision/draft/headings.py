"""Headings: empty boxes in a table's first row or column, where the others hold words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.vision.draft.neighbours import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sheetwatch.domain import Box
    from sheetwatch.vision.draft.enclosures import Enclosure

_HEADING_SHARE = 0.5
"""Of the other boxes of a first row that must be headings for an empty one to be one too."""

_ALIKE = 0.35
"""Of its height (width): how far boxes of one heading row (column) may differ."""

Spans = tuple[tuple[int, int], tuple[int, int]]
"""First and last coordinate of a box across its row, and along it."""


def find_headings(enclosures: Sequence[Enclosure], reach: float) -> set[int]:
    """Indices of the empty boxes that head a column or a row instead of being filled in."""
    found: set[int] = set()
    for block in blocks([enclosure.box for enclosure in enclosures], reach):
        found |= _heads(enclosures, block, lambda box: ((box.top, box.bottom), (box.left, box.right)))
        found |= _heads(enclosures, block, lambda box: ((box.left, box.right), (box.top, box.bottom)))
    return found


def _heads(enclosures: Sequence[Enclosure], block: Sequence[int], spans: Callable[[Box], Spans]) -> set[int]:
    """The empty boxes of a table's first row, where enough of its other boxes are words over empty columns."""
    of = {index: spans(enclosures[index].box) for index in block}
    first = min(across[0] for across, _ in of.values())
    row = {index for index, (across, _) in of.items() if across[0] - first < _ALIKE * (across[1] - across[0])}
    empty = {index for index in row if not enclosures[index].labelled}
    to_fill = [of[index][1] for index in block if index not in row and not enclosures[index].labelled]
    headings = sum(any(_overlap(of[index][1], along) for along in to_fill) for index in row - empty)
    if not headings or headings < _HEADING_SHARE * (len(row) - 1):
        return set()
    return empty


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0.5 * min(one[1] - one[0], other[1] - other[0])
