"""The ink of a whole page: light flattened, and which pixels are darker than paper and its grain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Real = npt.NDArray[np.float32]
    Mask = npt.NDArray[np.uint8]

_LONGEST_PX = 2600  # larger pages are reduced: digits of 5 mm on A4 are then 45 px high
_COARSE = 8  # paper light is estimated on a page so many times smaller
_WIDEST_STROKE = 9  # coarse pixels; darker areas that are wider are taken for paper in shadow
_LEAST_CONTRAST = 0.055  # of the paper's light, as the reader has it
_GRAINS = 3.0  # faintest ink and surely ink, in standard deviations of the paper's grain
_SURE_GRAINS = 5.5
_HALO = 0.32  # of the darkest pixel nearby: what is fainter is the blur beside a stroke
_HALO_PX = 9
_FAINTEST = 0.2  # of the page's darkest ink; squares and what shines through from the other side are fainter
_BLACK, _WHITE = 24, 231  # of 255
_TWO_TONES = 0.005  # of a page's pixels lie between them where a scanner gave black and white
_GROUND = 0.33  # of the brightest paper; what is darker is the table that the sheet lies on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PageInk:
    """A page as ink on white.

    `dark`: float32 (H, W), 0 = paper, 1 = black; `mask`: uint8 (H, W), 1 = ink; `ruling`: 1 where ruled lines were
    taken out, None where none were sought; `scale`: their pixels per page pixel; `grain`: of the paper, as `dark`;
    `two_tones`: whether the scanner gave black and white alone.
    """

    dark: Real
    mask: Mask
    scale: float
    grain: float
    two_tones: bool
    ruling: Mask | None = None


def find_page_ink(grey: Grey) -> PageInk:
    """Flatten shadows and mark the ink. grey: uint8 (H, W), dark ink on light paper, any resolution."""
    page, scale = _reduced(grey)
    smooth = cv2.GaussianBlur(page, (3, 3), 0).astype(np.float32)
    paper = paper_light(smooth)
    dark: Real = np.clip(1.0 - smooth / np.maximum(paper, 24.0), 0.0, 1.0).astype(np.float32)
    dark[paper < _GROUND * np.percentile(paper[::8, ::8], 95)] = 0.0
    grain = _grain(smooth, paper)
    return PageInk(dark=dark, mask=ink_mask(dark, grain), scale=scale, grain=grain, two_tones=_is_two_tones(grey))


def _is_two_tones(grey: Grey) -> bool:
    some = grey[::3, ::3]
    return bool(np.mean((some > _BLACK) & (some < _WHITE)) < _TWO_TONES)


def ink_mask(dark: Real, grain: float) -> Mask:
    """Which pixels are ink: uint8 (H, W), 1 = ink. dark: float32 (H, W); grain: its standard deviation on paper."""
    faint = max(_LEAST_CONTRAST, _GRAINS * grain)
    near = cv2.dilate(dark, np.ones((_HALO_PX, _HALO_PX), np.uint8))
    mask = ((dark > faint) & (dark > _HALO * near)).astype(np.uint8)
    if mask.any():
        mask &= (dark > _FAINTEST * np.percentile(dark[mask > 0], 97)).astype(np.uint8)
    return _with_sure_ink(mask, dark > max(1.5 * _LEAST_CONTRAST, _SURE_GRAINS * grain))


def paper_light(smooth: Real) -> Real:
    """How bright the paper is under the ink. smooth: float32 (H, W). Returns the same shape."""
    rows, columns = smooth.shape
    size = (max(1, -(-columns // _COARSE)), max(1, -(-rows // _COARSE)))
    coarse = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    # the brightest of a few pixels is paper even in the middle of writing
    side = 2 * _WIDEST_STROKE + 1
    framed = cv2.copyMakeBorder(coarse, side, side, side, side, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    even = cv2.GaussianBlur(closed, (0, 0), 0.35 * _WIDEST_STROKE)[side:-side, side:-side]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _reduced(grey: Grey) -> tuple[Grey, float]:
    scale = min(1.0, _LONGEST_PX / max(grey.shape))
    if scale == 1.0:
        return grey, scale
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale


def _grain(smooth: Real, paper: Real) -> float:
    """Standard deviation of the paper's grain, as a share of its light.

    From the smaller half of the steps between pixels, so that strokes do not count.
    """
    some, light = smooth[::3, ::3], paper[::3, ::3]
    steps = np.abs(some[:, 1:] - some[:, :-1]) / np.maximum(light[:, 1:], 24.0)
    # half of normal steps are below 0.67 of their spread, which is 1.41 times the grain's
    return float(np.median(steps)) / (0.67 * 1.41)


def _with_sure_ink(mask: Mask, sure: npt.NDArray[np.bool_]) -> Mask:
    """The connected parts in which some pixel is surely ink."""
    count, parts = cv2.connectedComponents(mask, connectivity=8)
    keep = np.zeros(count, np.uint8)
    keep[parts[sure & (mask > 0)]] = 1
    keep[0] = 0
    return np.asarray(keep[parts], dtype=np.uint8)
