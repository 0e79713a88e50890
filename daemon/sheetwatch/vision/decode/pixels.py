"""Pillow images to grey: one bit to sixteen, palettes, alpha over white, CMYK."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from sheetwatch.vision.decode.pages import over_white, plausible_dpi, unreadable

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

# limits.megapixels is checked from our own reading of the headers; Pillow's fixed bound would only warn.
Image.MAX_IMAGE_PIXELS = None
_WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}


def open_image(data: bytes, name: str) -> Image.Image:
    """A Pillow image of that one format, header read, pixels not yet decoded."""
    return Image.open(BytesIO(data), formats=(name,))


def to_grey(image: Image.Image) -> Grey:
    """Grey of any Pillow image, uint8 (H, W), 0 = black. Raises ScanError for pixels without a known range."""
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in {"I", "F"}:
        raise unreadable(f"pixels of kind {image.mode!r} (32 bits) have no known range")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        return over_white(np.asarray(image.convert("RGB").convert("L")), np.asarray(image.getchannel("A")))
    if image.mode == "LAB":
        image = image.getchannel(0)
    if image.mode in {"CMYK", "YCbCr", "HSV"}:
        image = image.convert("RGB")
    if image.mode not in {"1", "L"}:
        image = image.convert("L")
    return np.frombuffer(image.tobytes("raw", "L"), np.uint8).reshape(image.height, image.width)


def dpi_of(image: Image.Image) -> float | None:
    """The horizontal resolution that a Pillow image states, if it is plausible."""
    try:
        return plausible_dpi(float(image.info["dpi"][0]))
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return None
