"""Light, optics and electronics: how a picture of paper differs from the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

Colour = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.uint8]

if TYPE_CHECKING:
    Light = npt.NDArray[np.float32]


def shade(picture: Colour, depth: float, rng: np.random.Generator) -> Colour:
    """Uneven light: a gradient across the picture, a soft patch, and often the edge of a shadow. `depth`: 0 to 1."""
    height, width = picture.shape[:2]
    small = (max(2, height // 16), max(2, width // 16))
    y, x = np.meshgrid(np.linspace(-1, 1, small[0]), np.linspace(-1, 1, small[1]), indexing="ij")
    light = 1 - depth * 0.5 * (1 + _ramp(x, y, rng)) * rng.uniform(0.3, 1)
    bright = np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) / 0.8)
    light = light * (1 + 0.25 * depth * (bright - 0.5))
    if rng.random() < 0.6:
        edge = _ramp(x, y, rng) - rng.uniform(-0.4, 0.6)
        light = light * (1 - 0.6 * depth / (1 + np.exp(-edge / rng.uniform(0.02, 0.2))))
    full = cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return _times(picture, full)


def _ramp(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    heading = rng.uniform(0, 2 * np.pi)
    return np.asarray((x * np.cos(heading) + y * np.sin(heading)) / 1.42, np.float64)


def _times(picture: Colour, light: Light) -> Colour:
    factor = light if picture.ndim == 2 else cv2.merge([light] * 3)
    return np.asarray(cv2.multiply(picture, factor, dtype=cv2.CV_8U), np.uint8)


def tone(picture: Colour, black: float, white: float, gamma: float) -> Colour:
    """Black print and white paper as the sensor sees them, grey levels; gamma above 1 darkens the middle."""
    level = (np.arange(256) / 255) ** gamma
    table = np.clip(black + (white - black) * level, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table), np.uint8)


def add_noise(picture: Colour, strength: float, rng: np.random.Generator) -> Colour:
    """Sensor noise of that standard deviation in grey levels, a little of it coarser than a pixel."""
    tile = rng.standard_normal((512, 512), np.float32)
    tile = 0.8 * tile + 1.2 * cv2.GaussianBlur(tile, (0, 0), 1.0)
    height, width = picture.shape[:2]
    # One tile, shifted anew for each block, is noise enough and ten times quicker than fresh noise.
    noise = np.empty((height, width), np.float32)
    for top in range(0, height, 512):
        for left in range(0, width, 512):
            block = noise[top : top + 512, left : left + 512]
            moved = np.roll(tile, tuple(rng.integers(0, 512, 2)), (0, 1))
            block[:] = moved[: block.shape[0], : block.shape[1]]
    noise *= strength
    if picture.ndim == 3:
        noise = cv2.merge([noise] * 3)
    return np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)


def through_jpeg(picture: Colour, quality: int) -> Colour:
    """Compressed and decompressed again."""
    colour = picture.ndim == 3
    _, data = cv2.imencode(".jpg", picture[:, :, ::-1] if colour else picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    return np.ascontiguousarray(back[:, :, ::-1] if colour else back)


def threshold(picture: Grey, rng: np.random.Generator) -> Grey:
    """Black and white only, as office machines scan: one level for all, or one that follows the paper.

    The levels keep what is a sixth darker than its paper: what a machine loses altogether has no truth to be held to.
    """
    if rng.random() < 0.5:
        paper = cv2.GaussianBlur(
            cv2.resize(picture, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA), (0, 0), 12
        )
        level = cv2.resize(paper, (picture.shape[1], picture.shape[0])).astype(np.float32) * rng.uniform(0.76, 0.84)
        return np.where(picture > level, 255, 0).astype(np.uint8)
    return np.where(picture > rng.uniform(165, 200), 255, 0).astype(np.uint8)


def copier_traces(picture: Colour, strength: float, dpi: float, rng: np.random.Generator) -> Colour:
    """Specks, a streak along the feed, and the dark edge of a lid that was not shut. `strength`: 0 to 1."""
    marked = picture.copy()
    height, width = marked.shape[:2]
    for _ in range(rng.poisson(40 * strength)):
        place = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        level = int(rng.integers(20, 150))
        cv2.circle(marked, place, int(rng.uniform(0.4, 1.4) * dpi / 200), (level,) * 3, -1, cv2.LINE_AA)
    if rng.random() < 0.35 * strength:
        x = int(rng.integers(0, width))
        level = int(rng.integers(120, 215))
        cv2.line(marked, (x, 0), (x, height), (level,) * 3, max(1, round(rng.uniform(0.5, 1.5) * dpi / 200)))
    if rng.random() < 0.6 * strength:
        _dark_edge(marked, dpi, rng)
    return marked


def _dark_edge(picture: Colour, dpi: float, rng: np.random.Generator) -> None:
    """Darkness along one side, in place."""
    side = int(rng.integers(0, 4))
    view = np.rot90(picture, side)
    deep = max(2, round(rng.uniform(0.5, 4) * dpi / 25.4))
    ragged = deep * (1 + 0.3 * np.sin(np.linspace(0, rng.uniform(2, 9), view.shape[1])))
    rows = np.arange(min(2 * deep, view.shape[0]))[:, None]
    dark = np.where(rows < ragged[None, :], rng.uniform(0.1, 0.4), 1.0)
    dark = dark if picture.ndim == 2 else dark[:, :, None]
    view[: len(rows)] = (view[: len(rows)] * dark).astype(np.uint8)


def table_top(size: tuple[int, int], rng: np.random.Generator) -> Colour:
    """A dark table, wood or cloth, uint8 (H, W, 3)."""
    height, width = size
    colour = np.array(_TABLES[int(rng.integers(0, len(_TABLES)))], np.float32)
    grain = (max(2, height // 3), max(2, width // int(rng.choice([3, 60]))))
    texture = rng.standard_normal(grain, np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 1.2)
    texture = cv2.resize(texture, (width, height), interpolation=cv2.INTER_LINEAR)
    slow = cv2.resize(rng.standard_normal((6, 5), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    level = 1 + 0.35 * texture + 0.12 * slow
    return np.clip(cv2.merge([level * part for part in colour]), 0, 255).astype(np.uint8)


_TABLES = ((74, 46, 30), (52, 34, 26), (60, 62, 66), (38, 48, 58), (96, 72, 50), (30, 30, 32))
