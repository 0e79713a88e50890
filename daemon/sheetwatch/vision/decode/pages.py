"""What every format's module hands out, and the checks that all of them share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from sheetwatch.domain import Limits, Page, ReasonCode, ScanError

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
