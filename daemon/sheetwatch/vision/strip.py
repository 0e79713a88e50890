"""Cells side by side in one picture: what filters pictures then takes all cells of a page in a few calls."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_Pixel = TypeVar("_Pixel", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strip:
    """Where N cells of different sizes lie in one picture, the strip, uint8 (H, W).

    `lefts`: int (N,), the first column of each; all begin in the first row. `sizes`: the height and width of each;
    `windows`: its rows and columns. `outside`: uint8 (H, W), 255 beside the cells; behind every cell there is a gap, so
    that a filter that reaches no farther takes nothing from the next one.
    """

    lefts: npt.NDArray[np.intp]
    sizes: npt.NDArray[np.intp]
    windows: list[tuple[slice, slice]]
    outside: Grey

    @classmethod
    def of(cls, sizes: Sequence[tuple[int, ...]], gap: int) -> Strip:
        """Place cells of these heights and widths `gap` columns apart."""
        heights, widths = np.array(sizes).T
        ends = np.cumsum(widths + gap)
        lefts = ends - widths - gap
        outside = np.full((int(heights.max()), int(ends[-1])), 255, np.uint8)
        windows = [
            (slice(height), slice(left, left + width))
            for left, (height, width) in zip(lefts.tolist(), sizes, strict=True)
        ]
        for window in windows:
            outside[window] = 0
        return cls(lefts=lefts, sizes=np.array(sizes), windows=windows, outside=outside)

    def parts(self, picture: npt.NDArray[_Pixel]) -> list[npt.NDArray[_Pixel]]:
        """The cells in a picture of the strip, (H, W): views, (h, w) each."""
        return [picture[window] for window in self.windows]

    def lay(self, cells: Sequence[Grey]) -> Grey:
        """Put cells, uint8 (h, w) each, into one picture; 0 beside them."""
        picture = np.zeros_like(self.outside)
        for part, cell in zip(self.parts(picture), cells, strict=True):
            part[:] = cell
        return picture

    def fill(self, values: Sequence[int]) -> Grey:
        """A picture, uint8 (H, W), with one value, 0 to 255, in a cell's columns and those of the gap behind it."""
        return np.broadcast_to(np.repeat(np.array(values, np.uint8), self._widths), self.outside.shape)

    def runs(self, values: Sequence[int]) -> Iterator[tuple[int, slice]]:
        """Neighbours with the same value, each with the columns from the first one to the gap behind the last."""
        ends = np.cumsum(self._widths).tolist()
        first = 0
        for value, run in groupby(zip(values, ends, strict=True), key=itemgetter(0)):
            *_, (_, end) = run
            yield value, slice(first, end)
            first = end

    @property
    def _widths(self) -> npt.NDArray[np.intp]:
        return np.diff(self.lefts, append=self.outside.shape[1])
