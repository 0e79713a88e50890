"""Which pixels of a crop are ink: the light is flattened, and what is darker than paper noise explains is found.

Crops of one height lie in a strip, one beside the other: most of OpenCV's filters and numpy's sums take longer to
begin than to run over one crop.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]
    Box = tuple[int, int, int, int]

LEAST_CONTRAST = 0.055  # of the paper's light; fainter strokes cannot be told from scanner noise

_IN_STRIP = 32  # crops at most, so that a page of hundreds takes no more memory
_MIRRORED = 2  # columns beside each crop, as a filter mirrors what lies beyond an edge: two filters look one pixel far
_COARSE = 24  # pixels; the paper of crops with shorter sides is looked for on every pixel, else on every third


@dataclass(frozen=True, slots=True, eq=False)
class Ink:
    """How dark each pixel is against its paper.

    `dark`: float32 (H, W), 0 = paper, 1 = black; `mask`: uint8 (H, W), 1 where there may be ink; `sure`: bool (H, W),
    where no paper noise is as dark; `box`: left, top, width and height of the mask, all 0 when it is empty.
    """

    dark: Real
    mask: Mask
    sure: Flags
    box: Box


def find_ink(cells: Sequence[Grey]) -> Iterator[list[tuple[int, Ink]]]:
    """Each crop's place in `cells` and its ink, strip by strip. cells: uint8 (H, W), no side shorter than 4 pixels."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        alike[cell.shape[0], 3 if min(cell.shape) >= _COARSE else 1].append(place)
    for (_, step), places in alike.items():
        for first in range(0, len(places), _IN_STRIP):
            some = places[first : first + _IN_STRIP]
            yield list(zip(some, _ink_of_strip([cells[place] for place in some], step), strict=True))


def ranked(values: Real, *shares: float) -> tuple[float, ...]:
    """The values at these shares of the sorted order; all below 0 are taken for alike.

    Partial sorting takes less time than numpy's percentile, and for whole numbers, which have the same order, less yet.
    """
    ranks = [int(share * (values.size - 1)) for share in shares]
    ordered = np.partition(values.view(np.int32), ranks, axis=None).view(np.float32)
    return tuple(max(0.0, float(ordered[rank])) for rank in ranks)


def _ink_of_strip(cells: Sequence[Grey], step: int) -> list[Ink]:
    """The ink of crops of one height; their paper is looked for on every `step`-th pixel."""
    framed = [cv2.copyMakeBorder(cell, 0, 0, _MIRRORED, _MIRRORED, cv2.BORDER_REFLECT_101) for cell in cells]
    widths = [cell.shape[1] for cell in framed]
    spans = [slice(span.start + _MIRRORED, span.stop - _MIRRORED) for span in _spans(widths)]
    smooth = cv2.GaussianBlur(np.concatenate(framed, axis=1), (3, 3), 0)
    paper = _paper_light(smooth, spans, step)
    dark = paper - smooth
    dark /= np.maximum(paper, 24.0, out=paper)
    levels = [_levels(dark[::2, span][:, ::2], smooth[::2, span][:, ::2]) for span in spans]
    middle, faint, full = np.repeat(np.array(levels, np.float32).T, widths, axis=1)
    dark -= middle
    np.maximum(dark, 0.0, out=dark)
    mask, sure = (dark > faint).view(np.uint8), dark > full
    return [Ink(dark[:, span], mask[:, span], sure[:, span], cv2.boundingRect(mask[:, span])) for span in spans]


def _spans(widths: Sequence[int]) -> list[slice]:
    """The columns of pieces that lie one beside the other."""
    return [slice(end - width, end) for width, end in zip(widths, accumulate(widths), strict=True)]


def _paper_light(smooth: Grey, spans: Sequence[slice], step: int) -> Real:
    """The light of the paper behind the ink of each crop: a closing wider than any stroke, smoothed; 0 between them."""
    lightest = cv2.dilate(smooth, np.ones((step, step), np.uint8))[step // 2 :: step]
    small = [lightest[:, span][:, step // 2 :: step] for span in spans]
    paper = np.zeros(smooth.shape, np.float32)
    for span, light in zip(spans, _smooth_closings(small), strict=True):
        size = (span.stop - span.start, smooth.shape[0])
        paper[:, span] = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    return paper


def _smooth_closings(crops: Sequence[Grey]) -> list[Real]:
    """Crops of one height, each closed by a square and smoothed by it, as if mirrored at its edges."""
    rows = crops[0].shape[0]
    side = max(3, int(0.4 * rows) | 1)
    pad, square = side // 2, np.ones((side, side), np.uint8)
    gap = np.zeros((rows + 2 * pad, pad), np.uint8)
    framed = [cv2.copyMakeBorder(crop, pad, pad, pad, pad, cv2.BORDER_REFLECT) for crop in crops]
    spans = _spans([width for frame in framed for width in (frame.shape[1], pad)])
    closed = cv2.dilate(np.concatenate([piece for frame in framed for piece in (frame, gap)], axis=1), square)
    for span in spans[1::2]:
        closed[:, span] = 255  # gaps are black while the lightest is looked for, and white while the darkest
    closed = cv2.erode(closed, square)
    blurred = cv2.blur(closed.astype(np.float32), (side, side))[pad:-pad]
    return [blurred[:, span.start + pad : span.stop - pad] for span in spans[::2]]


def _levels(dark: Real, smooth: Grey) -> tuple[float, float, float]:
    """What is subtracted as the paper's own darkness, and from where on a pixel then may be ink, and surely is."""
    low, middle = ranked(dark, 0.05, 0.30)  # paper even where ink covers half of the crop
    spread = (middle - low) / 1.12
    grain = _grain(smooth)
    return (
        middle,
        max(LEAST_CONTRAST, 1.6 * spread, 3.0 * grain),
        max(1.5 * LEAST_CONTRAST, 2.6 * spread, 5.5 * grain),
    )


def _grain(smooth: Grey) -> float:
    """Standard deviation of the paper's grain, as a share of its light; slow shadows and strokes do not count."""
    some = np.ascontiguousarray(smooth)
    low = _ranked_grey(cv2.absdiff(some[:, 1:], some[:, :-1]), 0.35)
    if not low:  # a bleached scan
        return 0.0
    # 35 % of normal steps are below 0.45 of their spread, which is 0.64 of the grain's
    return 1.55 * low / max(_ranked_grey(some, 0.70), 24.0)


def _ranked_grey(values: Grey, share: float) -> int:
    """The value at this share of the sorted order."""
    below = np.bincount(values.ravel()).cumsum()
    return int(below.searchsorted(int(share * (values.size - 1)), side="right"))
