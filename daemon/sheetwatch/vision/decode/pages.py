"""What every format's module hands out, and the checks that all of them share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from sheetwatch.domain import Limits, Page, ReasonCode, ScanError
from sheetwatch.vision.geometry import halved

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

_PLAUSIBLE_DPI = (30.0, 4_800.0)
_LONGEST_SIDE_PX = 1 << 20  # OpenCV decodes no more, and says only that it did not


class Pages(Protocol):
    """An open scan of one format."""

    @property
    def count(self) -> int:
        """How many pages there are."""

    def decode(self, index: int) -> Page:
        """Decode one page; may raise anything, which `guard` turns into ScanError."""

    def close(self) -> None:
        """Give back the memory."""


@runtime_checkable
class ReduciblePages(Protocol):
    """Pages that decode faster where not every pixel is wanted."""

    def decode_reduced(self, index: int, enough_px: int) -> Page:
        """As `decode`, perhaps halved, as often as its longer side stays at least so many pixels."""


def reduction(width: int, height: int, enough_px: int) -> int:
    """By how much a page may be smaller, 1, 2 or 4, so that its longer side keeps so many pixels."""
    return next((factor for factor in (4, 2) if max(width, height) // factor >= enough_px), 1)


def smaller(page: Page, enough_px: int) -> Page:
    """A page, unless it was decoded reduced, halved as often as its longer side stays at least so many pixels."""
    height, width = page.grey.shape
    times = reduction(width, height, enough_px) if page.reduced == 1 else 1
    return replace(page, grey=reduced(page.grey, times), reduced=page.reduced * times)


def reduced(grey: Grey, times: int) -> Grey:
    """One pixel, the mean, for so many in each direction, 1, 2 or 4; what is left over at the edge is left out."""
    return grey if times == 1 else reduced(halved(grey), times // 2)


def incomplete(detail: str) -> ScanError:
    """The error for a file whose end, or a part, is missing."""
    return ScanError(ReasonCode.INCOMPLETE_FILE, detail)


def unreadable(detail: str) -> ScanError:
    """The error for a file that is damaged, or of a kind that cannot be read."""
    return ScanError(ReasonCode.UNREADABLE_FILE, detail)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse an image of no pixels, and one of more than `limits.megapixels`, before anything is decoded."""
    if width < 1 or height < 1:
        raise unreadable(f"an image of {width} x {height} px")
    if width * height > limits.megapixels * 1e6:
        raise ScanError(
            ReasonCode.TOO_LARGE,
            f"{width} x {height} px are {width * height / 1e6:.0f} megapixels, "
            f"allowed are {limits.megapixels:g} (limits.megapixels)",
        )
    if max(width, height) > _LONGEST_SIDE_PX:
        raise ScanError(ReasonCode.TOO_LARGE, f"{width} x {height} px, allowed are {_LONGEST_SIDE_PX} px a side")


def plausible_dpi(dpi: float) -> float | None:
    """The resolution, or None for the nonsense that many files hold."""
    low, high = _PLAUSIBLE_DPI
    return float(dpi) if low <= dpi <= high else None


def upright(grey: Grey, orientation: int) -> Grey:
    """Apply an EXIF or TIFF orientation (1 to 8); others count as 1."""
    if orientation in {5, 6, 7, 8}:
        grey = grey.T
    if orientation in {2, 3, 6, 7}:
        grey = grey[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def over_white(grey: Grey, alpha: Grey) -> Grey:
    """Grey pixels with their alpha (255: opaque), laid over white paper."""
    cover = alpha.astype(np.uint16)
    return ((grey * cover + 255 * (255 - cover) + 127) // 255).astype(np.uint8)
