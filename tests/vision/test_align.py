"""Alignment: geometry recovered within a pixel, whichever way up, bent or not; foreign pages refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import ReasonCode, Template
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from sheetwatch.vision.align import Misfit, align
from sheetwatch.vision.geometry import map_points
from sheetwatch.vision.refine import template_corners

if TYPE_CHECKING:
    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]

TEMPLATES = load_templates([shipped_folder("config") / "templates"])
SHEET = next(template for template in TEMPLATES if template.name == "answer-book")


def page_geometry(
    shape: tuple[int, ...], turn_deg: float, scale: float, lean: tuple[float, float]
) -> tuple[Matrix, tuple[int, int]]:
    """A homography from reference to page pixels, and the page's size, with the whole sheet on the page."""
    height, width = shape
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [lean[0] / width, lean[1] / height, 1]])
    matrix = np.diag([scale, scale, 1]) @ turn @ tilt
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], float) @ matrix.T
    corners = corners[:, :2] / corners[:, 2:]
    low, high = corners.min(axis=0) - 20, corners.max(axis=0) + 20
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ matrix
    return matrix, (int(high[0] - low[0]), int(high[1] - low[1]))


def draw(reference: Grey, matrix: Matrix, size: tuple[int, int]) -> Grey:
    return cv2.warpPerspective(reference, matrix, size, flags=cv2.INTER_CUBIC, borderValue=255)


@settings(max_examples=25, derandomize=True)
@given(
    turn_deg=st.floats(0, 360),
    scale=st.floats(0.6, 1.6),
    lean=st.tuples(st.floats(-0.12, 0.12), st.floats(-0.12, 0.12)),
)
def test_geometry_is_recovered_within_a_pixel(turn_deg: float, scale: float, lean: tuple[float, float]) -> None:
    matrix, size = page_geometry(SHEET.reference.shape, turn_deg, scale, lean)
    template, alignment = align(draw(SHEET.reference, matrix, size), TEMPLATES)
    assert template is SHEET
    error = np.linalg.norm(map_points(alignment.quads, np.linalg.inv(matrix)) - template_corners(SHEET), axis=2)
    assert error.max() < 1.0
    assert error.mean() < 0.3
    assert alignment.worst_field_px < 1.0


@pytest.mark.parametrize("quarter", range(4))
def test_quarter_turns_are_told(quarter: int) -> None:
    _, alignment = align(np.ascontiguousarray(np.rot90(SHEET.reference, -quarter)), TEMPLATES)
    assert alignment.turned_deg == 90 * quarter


def bend(grey: Grey, depth_px: float) -> tuple[Grey, npt.NDArray[np.float32]]:
    """Bend a sheet like paper that does not lie flat; returns it and how far each pixel moved down."""
    height, width = grey.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    shift = (depth_px * np.sin(2 * np.pi * x / width * 0.8 + 0.4) * np.cos(2 * np.pi * y / height * 0.6)).astype(
        np.float32
    )
    return cv2.remap(grey, x, y + shift, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), shift


@pytest.mark.parametrize("depth_px", [6.0, 12.0])
def test_fields_follow_bent_paper(depth_px: float) -> None:
    bent, shift = bend(SHEET.reference, depth_px)
    _, alignment = align(bent, TEMPLATES)
    expected = template_corners(SHEET)
    at = expected.astype(int)
    expected[..., 1] -= shift[at[..., 1], at[..., 0]]
    one_homography = map_points(template_corners(SHEET), np.linalg.inv(alignment.page_to_template))
    refined = np.linalg.norm(alignment.quads - expected, axis=2)
    assert refined.max() < 2.5
    assert refined.mean() < 0.5 * np.linalg.norm(one_homography - expected, axis=2).mean()


def test_a_page_of_nothing_known_is_refused() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1200, 900), dtype=np.uint8)
    with pytest.raises(Misfit) as refused:
        align(cv2.GaussianBlur(noise, (0, 0), 2), TEMPLATES)
    assert refused.value.code is ReasonCode.NO_TEMPLATE


def test_half_a_sheet_is_not_accepted() -> None:
    half = SHEET.reference.copy()
    half[half.shape[0] // 2 :] = 255
    with pytest.raises(Misfit):
        align(half, TEMPLATES)


def test_a_shifted_grid_under_the_same_header_is_not_accepted() -> None:
    other = SHEET.reference.copy()
    other[1200:1860, 60:] = SHEET.reference[1200:1860, :-60]
    with pytest.raises(Misfit):
        align(other, TEMPLATES)


def test_tiny_and_flat_pages_are_refused() -> None:
    for page in (np.zeros((1, 1), np.uint8), np.full((40, 30), 255, np.uint8), np.zeros((3000, 2), np.uint8)):
        with pytest.raises(Misfit):
            align(page, TEMPLATES)


def test_no_templates_at_all() -> None:
    none: list[Template] = []
    with pytest.raises(Misfit):
        align(SHEET.reference, none)
