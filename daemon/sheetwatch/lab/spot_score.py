"""How well the numbers of a page were spotted: found, right, and found where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheetwatch.domain import Box, Number, Spotted
    from sheetwatch.lab.spot_pages import TrueNumber

    Edges = tuple[float, float, float, float]

_OVERLAP = 0.4  # of both boxes together, from which on one is taken for the other


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A number that was written, and the one that was found in its place, if any."""

    true: TrueNumber
    found: Number | None

    @property
    def right(self) -> bool:
        """Whether it was found and reads as it was written."""
        return self.found is not None and self.found.text == self.true.text


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScore:
    """One page. `extra`: what was found where no number is; `in_order`: whether all lines read as they were written."""

    matches: tuple[Match, ...]
    extra: tuple[Number, ...]
    in_order: bool


def score(true: tuple[TrueNumber, ...], spotted: Spotted) -> PageScore:
    """Compare; each number that was found stands for one written number at most."""
    found = [number for line in spotted.lines for number in line.numbers]
    pairs = sorted(
        ((_overlap(one.box, other.box), k, j) for k, one in enumerate(true) for j, other in enumerate(found)),
        reverse=True,
    )
    partner: dict[int, int] = {}
    for overlap, k, j in pairs:
        if overlap >= _OVERLAP and k not in partner and j not in partner.values():
            partner[k] = j
    return PageScore(
        matches=tuple(Match(true=one, found=found[partner[k]] if k in partner else None) for k, one in enumerate(true)),
        extra=tuple(number for j, number in enumerate(found) if j not in partner.values()),
        in_order=_order(true) == spotted.text,
    )


def _order(true: tuple[TrueNumber, ...]) -> str:
    lines = sorted({number.line for number in true})
    return "\n".join(" ".join(number.text for number in true if number.line == line) for line in lines)


def _overlap(one: Edges, box: Box) -> float:
    """Intersection over union."""
    left, top, right, bottom = one
    wide = min(right, box.right) - max(left, box.left)
    high = min(bottom, box.bottom) - max(top, box.top)
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / ((right - left) * (bottom - top) + box.width * box.height - both)
