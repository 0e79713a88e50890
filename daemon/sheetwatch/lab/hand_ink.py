"""Ink on paper: strokes drawn into a colour image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.lab.hand import Nib, Stroke

    Colour = npt.NDArray[np.uint8]
    Coverage = npt.NDArray[np.float32]

_FINE = 4


def lay_ink(paper: Colour, strokes: Sequence[Stroke], nib: Nib, *, dpi: float, rng: np.random.Generator) -> None:
    """Draw strokes (points in pixels of `paper`, uint8 (H, W, 3) RGB) into it, in place."""
    if not strokes:
        return
    width_px = nib.width_mm * dpi / 25.4
    everything = np.concatenate([stroke.points for stroke in strokes])
    left, top = np.floor(everything.min(0) - 2 * width_px - 2).astype(int)
    right, bottom = np.ceil(everything.max(0) + 2 * width_px + 2).astype(int)
    height, width = paper.shape[:2]
    left, top = max(0, left), max(0, top)
    right, bottom = min(width, right), min(height, bottom)
    if right <= left or bottom <= top:
        return
    cover = _coverage(strokes, (left, top, right, bottom), width_px)
    cover *= nib.opacity * _grain(rng, cover.shape, nib.grain)
    patch = paper[top:bottom, left:right].astype(np.float32)
    absorbed = 1.0 - np.array(nib.rgb, np.float32) / 255
    patch *= 1.0 - cover[:, :, None] * absorbed
    paper[top:bottom, left:right] = patch.round().astype(np.uint8)


def _coverage(strokes: Sequence[Stroke], area: tuple[int, int, int, int], width_px: float) -> Coverage:
    """How much of each pixel the lines cover, 0 to 1: drawn large without smoothing, then reduced."""
    left, top, right, bottom = area
    mask = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.uint8)
    for stroke in strokes:
        points = ((stroke.points - (left, top)) * _FINE).round().astype(int).tolist()
        thick = np.maximum(1, (stroke.force * width_px * _FINE).round()).astype(int).tolist()
        for start, end, wide in zip(points, points[1:], thick[1:], strict=False):
            cv2.line(mask, start, end, 255, wide)
    small = cv2.resize(mask, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), max(0.3, 0.12 * width_px))
    return np.asarray(soft, np.float32) / 255


def _grain(rng: np.random.Generator, shape: tuple[int, ...], strength: float) -> Coverage:
    """Paper that takes ink unevenly."""
    noise = rng.random(shape, np.float32)
    noise = 0.5 * noise + 0.5 * cv2.blur(noise, (3, 3))
    return np.asarray(1.0 - strength * 2 * np.clip(noise - 0.25, 0, 0.5), np.float32)
