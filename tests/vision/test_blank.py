"""Blank backs are known; whatever holds a number, a line of text or a picture is not blank."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sheetwatch.lab.sheets import generate_blank, generate_foreign, generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from sheetwatch.vision.blank import is_blank

TEMPLATES = load_templates([shipped_folder("config") / "templates"])


def test_blank_backs_are_known() -> None:
    known = [is_blank(generate_blank(seed, front=TEMPLATES[seed % 2]).grey) for seed in range(40)]
    assert sum(known) >= 38


def test_foreign_pages_are_not_blank() -> None:
    mistaken = [seed for seed in range(100, 140) if is_blank(generate_foreign(seed).grey)]
    assert not mistaken


def test_filled_sheets_are_not_blank() -> None:
    assert not any(is_blank(generate_sheet(TEMPLATES[seed % 2], seed).grey) for seed in range(10))


@pytest.mark.parametrize("shade", [255, 190])
@pytest.mark.parametrize("text", ["7", "43", "1"])
def test_one_written_number_makes_a_page_no_blank(text: str, shade: int) -> None:
    page = np.full((2339, 1654), shade, np.uint8)
    assert is_blank(page)
    cv2.putText(page, text, (800, 1200), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 60, 4)
    assert not is_blank(page)


def test_a_black_page_is_no_blank() -> None:
    assert not is_blank(np.zeros((1000, 700), np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (30, 40)])
def test_what_a_damaged_header_left_of_a_page_is_no_blank_sheet(shape: tuple[int, int]) -> None:
    assert not is_blank(np.full(shape, 255, np.uint8))
