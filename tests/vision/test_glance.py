"""At a glance: the right template and the right place, or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.lab.form_random import random_form
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from sheetwatch.vision import align as align_module
from sheetwatch.vision.align import Misfit, align
from sheetwatch.vision.alike import likeliest
from sheetwatch.vision.follow import follow
from sheetwatch.vision.geometry import map_points
from sheetwatch.vision.glance import place
from sheetwatch.vision.refine import template_corners

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Alignment, Template

    Grey = npt.NDArray[np.uint8]
    Matrix = npt.NDArray[np.float64]

TEMPLATES = load_templates([shipped_folder("config") / "templates"])
SHEET = next(template for template in TEMPLATES if template.name == "answer-book")
WITHIN_PX = 2.0


def no_features(*_: object) -> tuple[Template, Alignment]:
    raise AssertionError("a scanner's sheet was not found at a glance")


def scanned(grey: Grey, angle_deg: float, shift_px: tuple[float, float], scale: float) -> tuple[Grey, Matrix]:
    """A page as a feeder draws it, and the map from reference to page."""
    height, width = grey.shape
    moved = cv2.getRotationMatrix2D((width / 2, height / 2), angle_deg, scale)
    moved[:, 2] += shift_px
    page = cv2.warpAffine(grey, moved, (width, height), flags=cv2.INTER_AREA, borderValue=250)
    return page, np.vstack([moved, (0, 0, 1)])


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize(
    ("angle_deg", "shift_px", "scale"),
    [(0.0, (0, 0), 1.0), (1.4, (18, -22), 1.0), (-2.6, (-30, 12), 0.985), (0.3, (40, 55), 1.01)],
)
def test_a_sheet_from_a_scanner_is_found_without_features(
    quarter: int, angle_deg: float, shift_px: tuple[float, float], scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(align_module, "_by_features", no_features)
    page, to_page = scanned(SHEET.reference, angle_deg, shift_px, scale)
    template, alignment = align(np.ascontiguousarray(np.rot90(page, -quarter)), TEMPLATES)
    assert template is SHEET
    assert alignment.turned_deg == 90 * quarter
    x, y = np.moveaxis(map_points(template_corners(SHEET), to_page), -1, 0)
    bottom, right = page.shape[0] - 1, page.shape[1] - 1
    expected = ((x, y), (bottom - y, x), (right - x, bottom - y), (y, right - x))[quarter]
    assert np.linalg.norm(alignment.quads - np.stack(expected, axis=-1), axis=2).max() < WITHIN_PX


def test_it_agrees_with_the_features_on_generated_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        sheet = generate_sheet(SHEET, 300 + seed, difficulty="mixed", device="scanner")
        seen = align(sheet.grey, TEMPLATES)[1]
        with monkeypatch.context() as patched:
            patched.setattr(align_module, "_at_a_glance", lambda *_: None)
            slow = align(sheet.grey, TEMPLATES)[1]
        pixels = WITHIN_PX * max(sheet.grey.shape) / max(SHEET.reference.shape)
        assert np.linalg.norm(seen.quads - slow.quads, axis=2).max() < pixels


def with_heading(template: Template, name: str, text: str) -> Template:
    """The same form for another subject: only its heading differs."""
    reference = template.reference.copy()
    reference[60:170, 250:1300] = 255
    cv2.putText(reference, text, (260, 150), cv2.FONT_HERSHEY_SIMPLEX, 2.6, 0, 6, cv2.LINE_AA)
    return replace(template, name=name, reference=reference)


def family() -> list[Template]:
    subjects = ("Mathematics I", "Physics", "Chemistry", "Applied Statistics", "Mathematics II")
    return [with_heading(SHEET, f"subject-{number}", text) for number, text in enumerate(subjects)]


def test_forms_that_differ_only_in_their_heading_are_told_apart() -> None:
    forms = family()
    for number, form in enumerate(forms):
        sheet = generate_sheet(form, 40 + number, difficulty="mixed", device="scanner")
        assert align(sheet.grey, forms)[0] is form


def test_a_look_alike_that_is_not_configured_is_not_preferred_to_the_right_form() -> None:
    forms = [*family()[:2], random_form(501), random_form(502)]
    for seed, form in enumerate(forms):
        sheet = generate_sheet(form, 70 + seed, difficulty="mixed", device="scanner")
        assert align(sheet.grey, forms)[0] is form


def test_forms_that_do_not_differ_at_a_glance_are_left_to_the_features() -> None:
    twin = SHEET.reference.copy()
    cv2.rectangle(twin, (820, 40), (824, 44), 0, -1)
    twins: Sequence[Template] = [SHEET, replace(SHEET, name="twin", reference=twin)]
    assert likeliest(SHEET.reference, twins) is None


def test_where_print_is_missing_it_is_not_found() -> None:
    """Ink over the print counts little, but print that is not there counts: else a box elsewhere would pass."""
    page = SHEET.reference.copy()
    page[1200:1860] = 250
    seen = likeliest(page, [SHEET])
    assert seen is not None
    look, found = seen
    assert follow(look, found).found_share < 0.85
    with pytest.raises(Misfit):
        align(page, [SHEET])


def test_a_page_that_a_glance_cannot_place_gives_no_map() -> None:
    noise = np.random.default_rng(5).integers(0, 256, SHEET.reference.shape, dtype=np.uint8)
    seen = likeliest(noise, TEMPLATES)
    assert seen is None or place(seen[0]) is None
