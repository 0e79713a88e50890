"""Devices: what a scanner, an office copier or a telephone makes of a clean sheet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from sheetwatch.lab.device_light import (
    Colour,
    Grey,
    add_noise,
    copier_traces,
    shade,
    table_top,
    threshold,
    through_jpeg,
    tone,
)
from sheetwatch.lab.device_warp import Warp, Wave, turned

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Points = npt.NDArray[np.float64]

Mode = Literal["colour", "grey", "1-bit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """How a picture of a sheet is taken.

    `dpi`: of the sheet in the picture; `angle_deg`: clockwise, small; `shear`: skew of a feeder; `perspective`: how
    far corners stray, as a share of the sheet; `bend_px`: how far the paper's bend moves points; `shift_mm`: of the
    sheet on the glass (what leaves the picture is lost); `margin`: table seen round the sheet, as a share of it;
    `shadow`: depth of light gradients, 0 to 1; `blur_px`, `noise` (grey levels), `contrast` (print's black lifted
    and paper's white lowered, grey levels), `gamma`; `traces`: specks, streaks and dark edges, 0 to 1; `jpeg`:
    quality, None without; `turn`: quarter turns clockwise; `mode`.
    """

    name: str
    dpi: float = 200.0
    mode: Mode = "colour"
    angle_deg: float = 0.0
    shear: float = 0.0
    perspective: float = 0.0
    bend_px: float = 0.0
    shift_mm: tuple[float, float] = (0.0, 0.0)
    margin: float = 0.0
    shadow: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    black: float = 0.0
    white: float = 255.0
    gamma: float = 1.0
    traces: float = 0.0
    jpeg: int | None = None
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """What a device gives: `image` uint8, RGB (H, W, 3) or grey (H, W); `warp`: sheet pixels to its pixels."""

    image: Colour | Grey
    warp: Warp
    dpi: float
    mode: Mode = field(default="colour")


def draw_device(name: str, rng: np.random.Generator) -> Device:
    """A device of a kind (see DEVICES, or "random") with settings drawn for one sheet. Raises KeyError."""
    if name == "random":
        name = str(rng.choice(list(DEVICES), p=_SHARES))
    return DEVICES[name](rng)


def capture(sheet: Colour, sheet_dpi: float, device: Device, rng: np.random.Generator) -> Picture:
    """Take a picture of a clean sheet, uint8 (H, W, 3) RGB drawn at `sheet_dpi`."""
    warp = _draw_warp((sheet.shape[0], sheet.shape[1]), sheet_dpi, device, rng)
    source = _softened(_seen(sheet, device.mode), device.dpi / sheet_dpi)
    picture = warp.image(source, _seen(_ground(warp.size, device, rng), device.mode))
    picture = _expose(picture, device, rng)
    return Picture(image=picture, warp=warp, dpi=device.dpi, mode=device.mode)


def _ground(size: tuple[int, int], device: Device, rng: np.random.Generator) -> Colour:
    """What lies behind the sheet: a table for a telephone, else the white lid."""
    return table_top(size, rng) if device.margin else np.full((*size, 3), 252, np.uint8)


def _seen(picture: Colour, mode: Mode) -> Colour | Grey:
    return picture if mode == "colour" else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _softened(sheet: Colour, zoom: float) -> Colour:
    """The sheet without what is too fine for the picture, so that sampling it makes no steps."""
    if zoom >= 0.95:
        return sheet
    return np.asarray(cv2.GaussianBlur(sheet, (0, 0), 0.42 / zoom), np.uint8)


def _expose(picture: Colour | Grey, device: Device, rng: np.random.Generator) -> Colour | Grey:
    if device.blur_px > 0.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), device.blur_px), np.uint8)
    if device.shadow:
        picture = shade(picture, device.shadow, rng)
    picture = tone(picture, device.black, device.white, device.gamma)
    if device.traces:
        picture = copier_traces(picture, device.traces, device.dpi, rng)
    if device.noise:
        picture = add_noise(picture, device.noise, rng)
    if device.jpeg is not None:
        picture = through_jpeg(picture, device.jpeg)
    return threshold(picture, rng) if device.mode == "1-bit" else picture


def _draw_warp(size: tuple[int, int], sheet_dpi: float, device: Device, rng: np.random.Generator) -> Warp:
    zoom = device.dpi / sheet_dpi
    height, width = round(size[0] * zoom), round(size[1] * zoom)
    edge = device.margin * min(height, width)
    frame = (round(height + 2 * edge), round(width + 2 * edge))
    corners = np.array([(-0.5, -0.5), (size[1] - 0.5, -0.5), (size[1] - 0.5, size[0] - 0.5), (-0.5, size[0] - 0.5)])
    places = (corners + 0.5) * zoom - (width / 2, height / 2)
    places = places + rng.uniform(-1, 1, (4, 2)) * device.perspective * min(height, width)
    angle = np.deg2rad(device.angle_deg)
    spin = np.array([[np.cos(angle), -np.sin(angle) + device.shear], [np.sin(angle), np.cos(angle)]])
    shift = np.array(device.shift_mm) * device.dpi / 25.4
    places = places @ spin.T + shift + (frame[1] / 2 - 0.5, frame[0] / 2 - 0.5)
    lay = cv2.getPerspectiveTransform(corners.astype(np.float32), places.astype(np.float32))
    turn, turned_frame = turned(frame, device.turn)
    return Warp(matrix=turn @ lay, size=turned_frame, waves=_draw_waves(size, device.bend_px / zoom, rng))


def _draw_waves(size: tuple[int, int], bend_px: float, rng: np.random.Generator) -> tuple[Wave, ...]:
    """Two slow swings of the paper that together move points by about `bend_px` at most."""
    if bend_px <= 0:
        return ()
    share = rng.uniform(0.5, 0.8)
    return tuple(
        Wave(
            reach_px=bend_px * part,
            heading=float(rng.uniform(0, 2 * np.pi)),
            length_px=float(max(size) * rng.uniform(0.45, 1.4)),
            along=float(rng.uniform(0, 2 * np.pi)),
            phase=float(rng.uniform(0, 2 * np.pi)),
        )
        for part in (share, 1 - share)
    )


def _upside_down(rng: np.random.Generator, chance: float) -> int:
    return int(rng.choice([2, 1, 3], p=[0.6, 0.2, 0.2])) if rng.random() < chance else 0


def _shift(rng: np.random.Generator, far_mm: float) -> tuple[float, float]:
    return float(rng.uniform(-far_mm, far_mm)), float(rng.uniform(-far_mm, far_mm))


def _clean(_: np.random.Generator) -> Device:
    return Device(name="clean")


def _scanner(rng: np.random.Generator) -> Device:
    return Device(
        name="scanner",
        dpi=float(rng.choice([200, 300, 300, 400], p=[0.45, 0.25, 0.25, 0.05])),
        mode="colour" if rng.random() < 0.55 else "grey",
        angle_deg=float(rng.normal(0, 0.7)),
        shear=float(rng.normal(0, 0.002)),
        shift_mm=_shift(rng, 2.5),
        blur_px=float(rng.uniform(0.3, 0.9)),
        noise=float(rng.uniform(0.8, 3)),
        black=float(rng.uniform(5, 45)),
        white=float(rng.uniform(238, 255)),
        gamma=float(rng.uniform(0.85, 1.15)),
        traces=float(rng.uniform(0, 0.15)),
        jpeg=int(rng.integers(60, 95)),
        turn=_upside_down(rng, 0.12),
    )


def _coarse(rng: np.random.Generator) -> Device:
    return Device(
        name="coarse",
        dpi=150.0,
        mode="grey",
        angle_deg=float(rng.normal(0, 1.0)),
        shift_mm=_shift(rng, 2.5),
        blur_px=float(rng.uniform(0.4, 0.8)),
        noise=float(rng.uniform(1, 4)),
        black=float(rng.uniform(10, 50)),
        white=float(rng.uniform(225, 250)),
        traces=float(rng.uniform(0, 0.2)),
        jpeg=int(rng.integers(40, 75)),
        turn=_upside_down(rng, 0.1),
    )


def _copier(rng: np.random.Generator) -> Device:
    return Device(
        name="copier",
        dpi=float(rng.choice([200, 300])),
        mode="grey",
        angle_deg=float(rng.normal(0, 1.1)),
        shear=float(rng.normal(0, 0.003)),
        shift_mm=_shift(rng, 4),
        blur_px=float(rng.uniform(0.7, 1.2)),
        noise=float(rng.uniform(2, 5)),
        black=float(rng.uniform(20, 60)),
        white=float(rng.uniform(215, 248)),
        gamma=float(rng.uniform(0.8, 1.3)),
        traces=float(rng.uniform(0.4, 1.0)),
        shadow=float(rng.uniform(0, 0.12)),
        jpeg=int(rng.integers(55, 90)),
        turn=_upside_down(rng, 0.12),
    )


def _office_1bit(rng: np.random.Generator) -> Device:
    return Device(
        name="office-1bit",
        dpi=float(rng.choice([200, 300, 400, 600], p=[0.4, 0.45, 0.1, 0.05])),
        mode="1-bit",
        angle_deg=float(rng.normal(0, 0.8)),
        shift_mm=_shift(rng, 3),
        blur_px=float(rng.uniform(0.5, 1.0)),
        noise=float(rng.uniform(2, 7)),
        black=float(rng.uniform(10, 40)),
        white=float(rng.uniform(225, 250)),
        traces=float(rng.uniform(0.05, 0.6)),
        turn=_upside_down(rng, 0.12),
    )


def _phone(rng: np.random.Generator) -> Device:
    return Device(
        name="phone",
        dpi=float(rng.uniform(165, 290)),
        angle_deg=float(rng.normal(0, 2.5)),
        perspective=float(rng.uniform(0.005, 0.035)),
        bend_px=float(rng.uniform(4, 24)),
        margin=float(rng.uniform(0.05, 0.14)),
        shadow=float(rng.uniform(0.15, 0.5)),
        blur_px=float(rng.uniform(0.5, 1.2)),
        noise=float(rng.uniform(2, 6)),
        black=float(rng.uniform(15, 50)),
        white=float(rng.uniform(205, 245)),
        gamma=float(rng.uniform(0.85, 1.2)),
        jpeg=int(rng.integers(50, 92)),
        turn=_upside_down(rng, 0.15),
    )


DEVICES: dict[str, Callable[[np.random.Generator], Device]] = {
    "scanner": _scanner,
    "office-1bit": _office_1bit,
    "phone": _phone,
    "copier": _copier,
    "coarse": _coarse,
    "clean": _clean,
}
_SHARES = (0.38, 0.2, 0.2, 0.1, 0.08, 0.04)
