"""Test pages with handwritten numbers in several lines, on all sorts of paper, whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.device import capture, draw_device
from sheetwatch.lab.spot_paper import add_clutter, blank_paper
from sheetwatch.lab.spot_writers import number_ink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from sheetwatch.lab.spot_writers import Writer

    Grey = npt.NDArray[np.uint8]
    Quad = npt.NDArray[np.float64]
    Rng = np.random.Generator

DPI = 200.0
SIZES = {"small": (24.0, 34.0), "medium": (36.0, 64.0), "large": (70.0, 140.0)}  # digit heights on the sheet, pixels
SPACINGS = {"close": (0.75, 1.1), "far": (1.6, 4.5)}  # between numbers, digit heights
PAPERS = ("plain", "ruled", "squared")
SLOPES = {"level": (0.0, 1.0), "slanted": (2.0, 7.0)}  # degrees
LIGHTS = ("even", "shadow")
CLUTTERS = ("none", "print", "specks")
DEVICES = ("scanner", "phone", "copier", "office-1bit", "coarse")
_DEVICE_SHARES = (0.35, 0.3, 0.12, 0.13, 0.1)
_SHEETS = ((826, 1165), (1165, 826), (1165, 1654))  # A6, A6 on its side, A5
_SHEET_SHARES = (0.35, 0.4, 0.25)
_MOST_DPI = 240.0  # larger pictures show no more, and take longer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrueNumber:
    """A number that was written. `quad`: float64 (4, 2), around its ink, picture pixels, top left first, clockwise."""

    text: str
    quad: Quad
    line: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the upright rectangle around it."""
        left, top = self.quad.min(axis=0).tolist()
        right, bottom = self.quad.max(axis=0).tolist()
        return left, top, right, bottom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TestPage:
    """A picture, uint8 (H, W), of a page with numbers, in reading order. `conditions`: "paper": "ruled" and so on."""

    __test__ = False  # pytest: this is no test

    grey: Grey
    numbers: tuple[TrueNumber, ...]
    conditions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Written:
    ink: Grey
    numbers: tuple[TrueNumber, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    """How a line is written. `tall`: pixels; `gap`, `spacing`: between digits and numbers, heights; `slope`: rise."""

    tall: float
    gap: float
    slope: float
    spacing: tuple[float, float]


def make_page(writer: Callable[[Rng], Writer], rng: Rng) -> TestPage:
    """A page in one hand under conditions that are drawn one by one. writer: invents somebody who writes."""
    conditions = {
        "size": _drawn(rng, SIZES, (0.25, 0.5, 0.25)),
        "spacing": _drawn(rng, SPACINGS, (0.5, 0.5)),
        "paper": _drawn(rng, PAPERS, (0.34, 0.33, 0.33)),
        "slope": _drawn(rng, SLOPES, (0.55, 0.45)),
        "light": _drawn(rng, LIGHTS, (0.5, 0.5)),
        "clutter": _drawn(rng, CLUTTERS, (0.5, 0.25, 0.25)),
        "device": _drawn(rng, DEVICES, _DEVICE_SHARES),
    }
    if conditions["device"] == "office-1bit":
        conditions["light"] = "even"  # black and white of paper in shadow is black
    shape = _SHEETS[int(rng.choice(len(_SHEETS), p=_SHEET_SHARES))][::-1]
    tall = float(rng.uniform(*SIZES[conditions["size"]]))
    written = _write(writer(rng), shape, tall, conditions, rng)
    sheet = blank_paper(shape, conditions["paper"], rng)
    strength = rng.uniform(0.5, 0.95)
    light = sheet.astype(np.float32) * (1.0 - np.float32(strength / 255) * written.ink)
    sheet = np.clip(light, 0, 255).astype(np.uint8)
    add_clutter(sheet, written.ink, conditions["clutter"], rng)
    return _captured(sheet, written, conditions, rng)


def _drawn(rng: Rng, names: Mapping[str, object] | tuple[str, ...], shares: tuple[float, ...]) -> str:
    return str(rng.choice(list(names), p=shares))


def _captured(sheet: Grey, written: _Written, conditions: Mapping[str, str], rng: Rng) -> TestPage:
    device = draw_device(conditions["device"], rng)
    device = replace(device, turn=0, dpi=min(device.dpi, _MOST_DPI))
    if conditions["light"] == "even":
        device = replace(device, shadow=min(device.shadow, 0.08))
    else:
        device = replace(device, shadow=max(device.shadow, float(rng.uniform(0.25, 0.55))))
    picture = capture(np.repeat(sheet[:, :, None], 3, axis=2), DPI, device, rng)
    image = picture.image
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    numbers = tuple(replace(number, quad=picture.warp.points(number.quad)) for number in written.numbers)
    return TestPage(grey=np.asarray(grey, np.uint8), numbers=numbers, conditions=conditions)


def _write(writer: Writer, shape: tuple[int, int], tall: float, conditions: Mapping[str, str], rng: Rng) -> _Written:
    """Lines of numbers from the top to the bottom of an empty sheet, as many as there is room and mood for."""
    ink = np.zeros(shape, np.uint8)
    low, high = SLOPES[conditions["slope"]]
    slope = np.deg2rad(rng.uniform(low, high) * rng.choice([-1, 1]))
    gap = rng.uniform(0.0, 0.26)
    numbers: list[TrueNumber] = []
    left_edge = rng.uniform(0.06, 0.2) * shape[1]
    fall = np.tan(slope) * shape[1]
    y = 0.08 * shape[0] + 1.5 * tall + max(0.0, -fall)
    most = int(rng.integers(3, 12))
    line = 0
    while line < most and y + max(0.0, fall) < 0.94 * shape[0] - tall:
        own = float(np.tan(slope + np.deg2rad(rng.normal(0, 0.5))))
        x = left_edge + abs(rng.normal(0, 0.02)) * shape[1]
        count = int(rng.integers(1, 9))
        manner = _Manner(tall=tall, gap=gap, slope=own, spacing=SPACINGS[conditions["spacing"]])
        found = _write_line(ink, writer, manner, (x, y), count=count, rng=rng)
        numbers += [replace(number, line=line) for number in found]
        y += tall * rng.uniform(1.7, 2.8)
        line += 1
    return _Written(ink=ink, numbers=tuple(numbers))


def _write_line(
    ink: Grey, writer: Writer, manner: _Manner, start: tuple[float, float], *, count: int, rng: Rng
) -> list[TrueNumber]:
    """Numbers from a place (x, y of the base line) to the right, until the sheet ends."""
    x, y = start
    tall, slope = manner.tall, manner.slope
    numbers: list[TrueNumber] = []
    first = x
    for _ in range(count):
        text = draw_number(rng)
        body = number_ink(writer, text, tall * float(np.exp(rng.normal(0, 0.05))), manner.gap, rng)
        body, corners = _leaning(body, slope)
        base = y + slope * (x - first)
        place = (round(x), round(base - tall + rng.normal(0, 0.05) * tall))
        if place[0] + body.shape[1] > 0.95 * ink.shape[1]:
            break
        part = ink[place[1] : place[1] + body.shape[0], place[0] : place[0] + body.shape[1]]
        if part.shape != body.shape:
            break
        np.maximum(part, body, out=part)
        numbers.append(TrueNumber(text=text, quad=corners + np.array(place, np.float64), line=0))
        x += body.shape[1] + tall * rng.uniform(*manner.spacing)
    return numbers


def draw_number(rng: Rng) -> str:
    """A number of one to six digits, rarely up to ten."""
    length = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 10], p=[0.2, 0.25, 0.2, 0.12, 0.08, 0.07, 0.05, 0.03]))
    return "".join(map(str, rng.integers(0, 10, length)))


def _leaning(body: Grey, slope: float) -> tuple[Grey, Quad]:
    """A number turned with its line, and the corners of its ink."""
    high, wide = body.shape
    cos = 1.0 / float(np.hypot(1.0, slope))
    sin = slope * cos
    corners = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float64)
    turned = corners @ np.array([[cos, sin], [-sin, cos]])
    low = turned.min(axis=0)
    size = np.ceil(turned.max(axis=0) - low).astype(int) + 1
    matrix = np.array([[cos, -sin, -low[0]], [sin, cos, -low[1]]])
    there = cv2.warpAffine(body, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    return np.asarray(there, np.uint8), turned - low
