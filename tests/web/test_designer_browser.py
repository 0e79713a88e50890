"""The template designer in a real browser: a form drawn with the mouse, and with the keyboard alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")
pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")

import cv2
import numpy as np

from sheetwatch import load_reader, load_template, read_page
from sheetwatch.lab.form_meter_reading import meter_reading
from sheetwatch.lab.pen import Truth
from sheetwatch.lab.sheets import generate_sheet
from support.office import office_settings
from web.test_browser import CHROMIUM, SIGHTS, browser, check_looks, looking, served, wait_for  # noqa: F401 - a fixture
from web.web_office import WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # playwright's own event loop
]
FORM = meter_reading()
READY = "document.getElementById('state').textContent.startsWith('Kept. Ready')"
KEPT = "document.getElementById('state').textContent.startsWith('Kept.')"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[WebOffice]:
    (tmp_path / "templates").mkdir()
    with WebOffice(settings=office_settings(tmp_path)) as office:
        yield office


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    path = tmp_path / "meter reading.png"
    cv2.imwrite(str(path), FORM.reference)
    return path


def filled(tmp_path: Path, **numbers: str) -> tuple[Path, np.ndarray[Any, np.dtype[np.uint8]]]:
    """A sheet with these numbers in a hand, as a scanner gives it."""
    sheet = generate_sheet(FORM, 5, difficulty="easy", device="scanner", values={k: Truth(v) for k, v in numbers.items()})
    path = tmp_path / "filled.png"
    cv2.imwrite(str(path), sheet.grey)
    return path, sheet.grey


def begin(page: Any, url: str, blank: Path) -> None:
    page.goto(f"{url}/designer/")
    page.set_input_files("#files", str(blank))
    page.click("#go")
    page.wait_for_selector("#board .one", timeout=60_000)
    wait_for(page, KEPT)


def test_smoke(office: WebOffice, browser: Any, blank: Path, tmp_path: Path) -> None:  # noqa: F811
    with served(office) as url, looking(browser, url) as page:
        begin(page, url, blank)
        check_looks(page, "smoke")
