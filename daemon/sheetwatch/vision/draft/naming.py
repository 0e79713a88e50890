"""Name what was found, block by block in reading order: q1, q2 in tables, number1 for combs, box1 for single boxes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from sheetwatch.domain import Box, Field, FieldKind
from sheetwatch.vision.draft.neighbours import blocks, hull, in_reading_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sheetwatch.vision.draft.combs import Comb


def named_fields(marks: Sequence[Box], combs: Sequence[Comb], reach: float) -> list[Field]:
    """Fields for boxes and combs. Boxes that share lines are named and listed together."""
    groups: list[list[Box | Comb]] = [[marks[index] for index in block] for block in blocks(marks, reach)]
    groups += [[comb] for comb in combs]
    counters = {name: count(1) for name in ("q", "box", "number")}
    return [
        field
        for group in in_reading_order(groups, lambda group: hull([_box(item) for item in group]))
        for field in _group_fields(group, counters)
    ]


def _group_fields(group: Sequence[Box | Comb], counters: dict[str, count[int]]) -> Iterator[Field]:
    for item in in_reading_order(group, _box):
        if isinstance(item, Box):
            stem = "q" if len(group) > 1 else "box"
            yield Field(name=f"{stem}{next(counters[stem])}", kind=FieldKind.MARK, box=item)
        else:
            name = f"number{next(counters['number'])}"
            yield Field(name=name, kind=FieldKind.DIGITS, length=item.teeth, comb=item.teeth, box=item.box)


def _box(item: Box | Comb) -> Box:
    return item if isinstance(item, Box) else item.box
