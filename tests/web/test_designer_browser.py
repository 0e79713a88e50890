"""The template designer in a real browser: a form drawn with the mouse, and with the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")
pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")

import cv2
import numpy as np

from sheetwatch import load_template
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.pen_values import draw_values, written
from sheetwatch.lab.sheets import generate_sheet
from support.office import office_settings
from web.test_browser import CHROMIUM, SIGHTS, PaintedOffice, browser, check_looks, looking, served, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sheetwatch.domain import Template

__all__ = ["browser"]  # a fixture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # playwright's own event loop
]
FORM = meter_reading()
NUMBERS = {"day": "4071", "night": "2615", "units": "6686"}
BOXES = {field.name: field.box for field in FORM.fields if field.name in NUMBERS}
READY = "document.getElementById('state').textContent.startsWith('Kept. Ready')"
TO_MEND = "document.getElementById('state').textContent.includes('to mend')"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PaintedOffice]:
    (tmp_path / "templates").mkdir()
    with PaintedOffice(settings=office_settings(tmp_path)) as office:
        yield office


@pytest.fixture
def blank(tmp_path: Path) -> str:
    path = tmp_path / "Meter Reading.png"
    cv2.imwrite(str(path), FORM.reference)
    return str(path)


@pytest.fixture
def filled(tmp_path: Path) -> str:
    """A sheet with these numbers in a hand, as a scanner gives it."""
    values = {name: written("1") for name in draw_values(FORM, np.random.default_rng(1))}
    values |= {name: written(value) for name, value in NUMBERS.items()}
    path = tmp_path / "filled.png"
    cv2.imwrite(str(path), generate_sheet(FORM, 5, difficulty="easy", device="scanner", values=values).grey)
    return str(path)


def begin(page: Any, url: str, blank: str) -> None:
    page.goto(f"{url}/designer/")
    page.set_input_files("#files", blank)
    page.click("#go")
    page.wait_for_selector("#board .one", timeout=120_000)
    wait_for(page, READY)


def saved(office: PaintedOffice, page: Any, name: str) -> Template:
    page.wait_for_selector(".flash.saved", timeout=60_000)
    return load_template(office.settings.state.parent / "templates" / name)


def boxes_of(template: Template) -> dict[str, tuple[int, ...]]:
    return {
        field.name: (field.box.left, field.box.top, field.box.width, field.box.height)
        for field in template.fields
        if field.box
    }


def test_a_form_is_drawn_with_the_mouse_and_tried(office: PaintedOffice, browser: Any, blank: str, filled: str) -> None:
    with served(office) as url, looking(browser, url) as page:
        begin(page, url, blank)
        page.click("#board .one >> nth=0")
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        assert page.locator("#board .one").count() == 0
        place = page.locator("#board").bounding_box()
        per_px = place["width"] / page.evaluate("document.getElementById('board').viewBox.baseVal.width")
        for name, box in BOXES.items():
            assert box is not None
            page.mouse.move(place["x"] + (box.left + 6) * per_px, place["y"] + (box.top + 6) * per_px)
            page.mouse.down()
            page.mouse.move(place["x"] + (box.right - 6) * per_px, place["y"] + (box.bottom - 6) * per_px, steps=4)
            page.mouse.up()
            page.fill("#f-name", name)
            page.select_option("#f-kind", "integer")
            page.fill("#f-max", "99999")
        page.keyboard.press("Escape")
        page.keyboard.press("Control+a")
        for way in ("left", "width"):
            page.click(f"[data-align={way}]")
        page.click("#add-check")
        page.select_option("#checks select >> nth=0", "units")
        page.fill("#checks input", "day + nigth")
        wait_for(page, TO_MEND)
        assert "did you mean 'night'" in page.inner_text("#checks .said")
        page.fill("#checks input", "day + night")
        wait_for(page, READY)
        page.set_input_files("#try-file", filled)
        page.click("#try")
        page.wait_for_selector("#tried:not([hidden])", timeout=120_000)
        read = {row.split("\t")[0]: row.split("\t")[1] for row in page.inner_text("#tried-rows").splitlines()}
        check_looks(page, "designer-tried")
        page.click("#save")
        template = saved(office, page, "meter-reading")
    assert read == NUMBERS
    drawn = boxes_of(template)
    assert len({(left, width) for left, _, width, _ in drawn.values()}) == 1, "they are aligned"
    for name, box in BOXES.items():
        assert box is not None
        assert all(
            abs(a - b) < 14 for a, b in zip(drawn[name], (box.left, box.top, box.width, box.height), strict=True)
        )
    assert [(check.total, check.terms) for check in template.checks] == [("units", ("day", "night"))]


def test_a_form_is_drawn_with_the_keyboard_alone(office: PaintedOffice, browser: Any, blank: str) -> None:
    with served(office) as url, looking(browser, url) as page:
        begin(page, url, blank)
        press = page.keyboard.press
        page.focus("#paper")
        press("Tab")
        first = page.get_attribute("#board .one:focus", "aria-label")
        press("Tab")
        assert page.get_attribute("#board .one:focus", "aria-label") != first, "Tab goes through the boxes"
        left, top, width, height = map(int, page.input_value("#f-box").split(", "))
        for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Control+ArrowLeft", "Shift+ArrowRight", "Shift+ArrowUp"):
            press(key)
        moved = [left - 8, top - 1, width + 1, height - 1]
        assert page.input_value("#f-box") == ", ".join(map(str, moved))
        press("Enter")
        page.keyboard.type("date")
        press("Escape")
        assert page.get_attribute("#board .one:focus", "aria-label").startswith("date, digits"), "Escape leads back"
        count = page.locator("#board .one").count()
        press("Delete")
        assert page.locator("#board .one").count() == count - 1
        press("Control+z")
        assert page.locator("#board .one").count() == count
        press("Control+z")
        wait_for(page, "document.querySelectorAll('#board .one')[1].getAttribute('aria-label').startsWith('number2')")
        press("Control+Shift+z")
        press("n")
        wait_for(page, READY)
        page.reload()
        wait_for(page, READY)
        assert page.locator("#board .one").count() == count + 1, "the draft survives a reload"
        page.focus("#save")
        press("Enter")
        drawn = boxes_of(saved(office, page, "meter-reading"))
    assert list(drawn["date"]) == moved
    assert len(drawn) == count + 1


@pytest.mark.parametrize(("width", "scheme"), SIGHTS)
def test_the_designer_looks_right(office: PaintedOffice, browser: Any, blank: str, width: int, scheme: str) -> None:
    with served(office) as url, looking(browser, url, width, scheme) as page:
        begin(page, url, blank)
        check_looks(page, f"board-{width}-{scheme}")
        page.click("#board .one >> nth=0")
        page.fill("#f-length", "12")
        page.click("#add-check")
        wait_for(page, TO_MEND)
        check_looks(page, f"board-wrong-{width}-{scheme}")
        page.focus("#board .one >> nth=1")
        page.keyboard.press("Control+a")
        check_looks(page, f"board-several-{width}-{scheme}")
        wait_for(page, TO_MEND)
        page.goto(f"{url}/designer/")
        check_looks(page, f"designer-{width}-{scheme}")
