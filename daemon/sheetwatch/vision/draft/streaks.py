"""Streaks: hair-thin lines from edge to edge that dust on a feeder's glass draws; no form prints such."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_ASIDE_SHARE = 0.003
"""Of the longer side: so far beside a streak its paper is looked at."""

_WIDEST_SHARE = 0.0015
_LEAST_DARKER = 6
_LENGTH_SHARE = 0.85
"""Of the page's height; where the streak crosses black print it cannot be seen."""

_MARGIN_SHARE = 0.015
"""Of the page's height, at its top and bottom: no printer prints there, but a streak runs through to the edge."""


def without_streaks(grey: Grey) -> Grey:
    """Paint out upright streaks, uint8 (H, W), with what lies beside them; a page without any is returned as it is."""
    aside = max(3, round(_ASIDE_SHARE * max(grey.shape)))
    padded = cv2.copyMakeBorder(grey, 0, 0, aside, aside, cv2.BORDER_REPLICATE)
    left, right = padded[:, : -2 * aside], padded[:, 2 * aside :]
    paper = np.minimum(left, right)
    darker = cv2.subtract(paper, grey) >= _LEAST_DARKER
    columns = np.flatnonzero((darker.mean(axis=0) > _LENGTH_SHARE) & _reaches_both_edges(darker))
    runs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(columns) else []
    widest = max(2, round(_WIDEST_SHARE * max(grey.shape)))
    clear = grey
    for run in runs:
        if len(run) <= widest:
            clear = clear.copy() if clear is grey else clear
            span = slice(max(0, run[0] - 1), min(grey.shape[1], run[-1] + 2))
            clear[:, span] = np.maximum(grey[:, span], np.minimum(left[:, span], right[:, span]))
    return clear


def _reaches_both_edges(darker: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """For each column, whether it is darker than beside it in both margins, for the most part."""
    margin = max(1, round(_MARGIN_SHARE * len(darker)))
    return np.asarray((darker[:margin].mean(axis=0) > 0.5) & (darker[-margin:].mean(axis=0) > 0.5), np.bool_)
