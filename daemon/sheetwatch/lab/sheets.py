"""Whole generated sheets: filled by the pen, pictured by a device, with the truth of every field."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.device import Device, Mode, capture, draw_device
from sheetwatch.lab.foreign import FOREIGN_DPI, draw_blank, draw_foreign
from sheetwatch.lab.hand import Difficulty
from sheetwatch.lab.pen import REFERENCE_DPI, fill

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from sheetwatch.domain import Template
    from sheetwatch.lab.pen_values import Truth

_FINEST_DPI = 300.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """One page as a scanner delivers it.

    `image`: uint8, RGB (H, W, 3) or grey (H, W). `template`, `quads` (float64 (N, 4, 2): each field's box in the
    image's pixels (x, y), template order, from the box's top left clockwise) are None for a page that holds no form.
    `turned_deg`: how far the page was turned clockwise. `slip`: whether a total was added wrongly on purpose.
    """

    image: npt.NDArray[np.uint8]
    dpi: float
    mode: Mode
    device: str
    template: str | None = None
    truth: Mapping[str, Truth] = field(default_factory=dict)
    quads: npt.NDArray[np.float64] | None = None
    turned_deg: int = 0
    slip: bool = False

    @property
    def grey(self) -> npt.NDArray[np.uint8]:
        """The page as the reader takes it: uint8 (H, W), 0 = black."""
        if self.image.ndim == 2:
            return self.image
        return np.asarray(cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY), np.uint8)


def generate_sheet(
    template: Template,
    seed: int,
    *,
    difficulty: Difficulty | str = Difficulty.MIXED,
    device: Device | str = "random",
    slip: bool = False,
    values: Mapping[str, Truth] | None = None,
    reference_dpi: float = REFERENCE_DPI,
) -> Sheet:
    """One filled sheet; the same arguments give the same sheet.

    device: settings, or a kind from sheetwatch.lab.device.DEVICES, or "random". Raises KeyError for an unknown kind,
    ValueError where `slip` is asked of a template without a check.
    """
    rng = np.random.default_rng(seed)
    settings = device if isinstance(device, Device) else draw_device(device, rng)
    filled = fill(
        template,
        rng,
        difficulty=Difficulty(difficulty),
        slip=slip,
        dpi=min(max(settings.dpi, REFERENCE_DPI), _FINEST_DPI),
        reference_dpi=reference_dpi,
        values=values,
    )
    picture = capture(filled.image, filled.dpi, settings, rng)
    return Sheet(
        image=picture.image,
        dpi=picture.dpi,
        mode=picture.mode,
        device=settings.name,
        template=template.name,
        truth=filled.truth,
        quads=picture.warp.points(filled.quads),
        turned_deg=90 * (settings.turn % 4),
        slip=slip,
    )


def generate_foreign(seed: int, *, device: Device | str = "random") -> Sheet:
    """One page that holds none of the project's forms, pictured by a device."""
    rng = np.random.default_rng(seed)
    return _plain_sheet(draw_foreign(rng), device, rng)


def generate_blank(seed: int, *, front: Template | None = None) -> Sheet:
    """The blank back of a sheet, from a scanner or copier; `front` is what may show through."""
    rng = np.random.default_rng(seed)
    page = draw_blank(rng, None if front is None else front.reference)
    kind = str(rng.choice(["scanner", "copier", "coarse", "office-1bit"], p=[0.5, 0.2, 0.1, 0.2]))
    return _plain_sheet(page, kind, rng)


def _plain_sheet(page: npt.NDArray[np.uint8], device: Device | str, rng: np.random.Generator) -> Sheet:
    settings = device if isinstance(device, Device) else draw_device(device, rng)
    picture = capture(page, FOREIGN_DPI, settings, rng)
    turned_deg = 90 * (settings.turn % 4)
    return Sheet(image=picture.image, dpi=picture.dpi, mode=picture.mode, device=settings.name, turned_deg=turned_deg)
