"""The pages in a real browser, by keyboard alone: narrow and wide, light and dark; SHEETWATCH_SHOTS keeps pictures.

Needs Chromium and playwright (SHEETWATCH_CHROMIUM names another browser); skipped where they are missing. With
SHEETWATCH_AXE, the path of axe-core's axe.min.js, each page is checked for what shuts people out.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("flask", reason="the operator's pages are not installed here (pip install 'sheetwatch[web]')")

from werkzeug.serving import make_server

from sheetwatch.domain import Web
from sheetwatch.ledger import audits
from sheetwatch.web import pictures
from sheetwatch.web.app import create_app
from sheetwatch.web.audit import is_chosen
from sheetwatch.worker.showing import ShownSheet
from support.office import TextWorker, doubt, office_settings, row, sheet
from support.processes import SETTINGS, Installation, wait_until
from web.painted import BOXES, PaintingWorker, sheet_jpeg
from web.test_trying import numbers_png
from web.web_office import ADDRESS, WebOffice

if TYPE_CHECKING:
    from collections.abc import Iterator

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
CHROMIUM = os.environ.get("SHEETWATCH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
AXE = os.environ.get("SHEETWATCH_AXE")
SHOTS = os.environ.get("SHEETWATCH_SHOTS")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # playwright's own event loop
]
SIGHTS = [(360, "light"), (360, "dark"), (1920, "light"), (1920, "dark")]


@dataclass
class PaintedOffice(WebOffice):
    """An office whose sheets can be looked at."""

    worker: TextWorker = field(default_factory=PaintingWorker)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PaintedOffice]:
    with PaintedOffice(settings=office_settings(tmp_path)) as office:
        yield office


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(office: PaintedOffice) -> Iterator[str]:
    """The program itself, as `sheetwatch web` starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Installation(office.settings.state.parent, f"{SETTINGS}web: {{audit_share: 0.5}}\n")
    process = place.start("-m", "sheetwatch", "--config", str(place.config), "web", "--listen", f"127.0.0.1:{port}")
    try:
        wait_until(lambda: "web_started" in place.log or process.poll() is not None)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, place.log


@contextmanager
def served_here(office: PaintedOffice) -> Iterator[str]:
    """The pages in this process, on the office's own clock."""
    server = make_server("127.0.0.1", 0, create_app(office.settings, ADDRESS, None, office.clock), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


@contextmanager
def looking(browser: Any, url: str, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """A page of somebody who has logged in; nothing may be said on the console, nothing stand out to the side."""
    context = browser.new_context(viewport={"width": width, "height": 900 if width > 500 else 780}, color_scheme=scheme)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{url}/login")
    wait_for(page, "document.activeElement.id === 'name'")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    yield page
    context.close()
    expected = ("422", "404")  # a refused answer; a page and a picture that are not there
    assert not [words for words in said if not any(code in words for code in expected)], said


def wait_for(page: Any, truth: str) -> None:
    """Wait for something on the page; asked from outside, because its own policy lets it evaluate no text."""

    def holds() -> bool:
        try:
            return bool(page.evaluate(truth))
        except playwright.Error:  # it goes to another page this moment
            return False

    wait_until(holds, 20)


def check_looks(page: Any, name: str) -> None:
    """Keep a picture; nothing may need scrolling sideways; axe must find nothing."""
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        (Path(SHOTS) / f"{name}.png").write_bytes(page.screenshot(full_page=True))
    assert too_wide <= 0, name
    if AXE:
        page.evaluate(Path(AXE).read_text())
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        told = [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
        assert not told, f"{name}: {told}"


def test_a_page_with_one_doubtful_field_takes_two_keys(office: PaintedOffice, browser: Any) -> None:
    office.in_review(doubt(3), doubt(4), doubt(5))
    with served(office) as url, looking(browser, url) as page:
        page.goto(f"{url}/review/")
        assert page.evaluate("document.activeElement.id") == "v-q1"
        began_s = time.monotonic()
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        page.wait_for_selector(".flash.saved")
        elapsed_s = time.monotonic() - began_s
        print(f"\nsaved, and the next page there, in {elapsed_s:.2f} s")
        assert page.evaluate("document.activeElement.id") == "v-q1", "the next page is ready for its keys"
        page.keyboard.type("7.5")
        page.keyboard.press("Enter")
        wait_for(page, "document.querySelector('.count').textContent.startsWith('1 of 1')")
        page.wait_for_load_state()  # the keys are heard from here on
        page.keyboard.press("Enter")
        assert "Still open" in page.inner_text("#said-q1"), "no value is taken that nobody chose"
        with page.expect_navigation():
            page.keyboard.press("Escape")
    assert office.settle(2).review == 1
    assert [line.split(",")[6] for line in office.csv_lines()] == ["1", "7.5"]


def test_a_digit_is_the_value_and_never_a_choice(office: PaintedOffice, browser: Any) -> None:
    office.in_review(doubt(3))
    with served(office) as url, looking(browser, url) as page:
        page.goto(f"{url}/review/")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.wait_for_selector(".flash.saved")
    office.settle(2)
    assert [line.split(",")[6] for line in office.csv_lines()] == ["2"]


def test_the_last_decision_is_undone_with_one_key(office: PaintedOffice, browser: Any) -> None:
    office.in_review(doubt(3), doubt(4))
    with served(office) as url, looking(browser, url) as page:
        for key in ("u", "Control+z"):
            page.goto(f"{url}/review/")
            page.keyboard.press("b")
            page.keyboard.press("Enter")
            page.wait_for_selector(".flash.saved")
            assert "1 of 1" in page.inner_text(".count")
            page.keyboard.type("7")
            page.keyboard.press("Control+z")
            assert page.input_value("#v-q1") == "", "what is being typed comes first"
            with page.expect_navigation():
                page.keyboard.press(key)
            assert "Undone" in page.inner_text(".flash")
            assert "1 of 2" in page.inner_text(".count")
            assert page.evaluate("document.activeElement.id") == "v-q1"
    assert office.settle(2).review == 2


def test_an_impossible_value_is_pointed_out_while_it_is_typed(office: PaintedOffice, browser: Any) -> None:
    office.in_review(doubt(3))
    with served(office) as url, looking(browser, url) as page:
        page.goto(f"{url}/review/")
        page.keyboard.type("11")
        wait_for(page, "document.getElementById('said-q1').textContent.includes('not possible')")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "v-q1"
    assert office.check().review == 1


@pytest.mark.parametrize(("width", "scheme"), SIGHTS)
def test_a_row_and_an_audit_show_their_cells(
    office: PaintedOffice, browser: Any, width: int, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet of the archive as the decoding process hands it over; the pages are served from here for that."""
    shown = ShownSheet(
        jpeg=sheet_jpeg({"roll": "0001", "q1": "7", "total": "7"}),
        width_px=1000,
        height_px=1400,
        boxes=(*BOXES.values(),),
    )
    monkeypatch.setattr(pictures, "_shown", pictures._Shown())
    monkeypatch.setattr(pictures, "show_sheet", lambda *_: shown)
    office.settings = replace(office.settings, web=Web(undo_s=0, audit_share=1))
    office.drop("exam.jpg", sheet(row(1), row(2)))
    office.settle()
    with served_here(office) as url, looking(browser, url, width, scheme) as page:
        page.goto(f"{url}/results/1")
        wait_for(page, "document.querySelectorAll('.fields .cell').length === 3")
        check_looks(page, f"row-cells-{width}-{scheme}")
        page.fill("#v-q1", "8")
        page.keyboard.press("Enter")
        page.wait_for_selector(".flash.saved")
        check_looks(page, f"row-corrected-{width}-{scheme}")
        page.goto(f"{url}/audit/2")
        wait_for(page, "document.querySelectorAll('.fields .cell').length === 3")
        check_looks(page, f"audit-cells-{width}-{scheme}")
        for text in ("0002", "6", "7"):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        with page.expect_navigation():
            page.click("button.main")
        wait_for(page, "document.querySelectorAll('.doubt .cell').length === 1")
        check_looks(page, f"audit-compare-cells-{width}-{scheme}")
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        wait_for(page, "document.getElementById('v-q1')?.value === '6'")
        page.click("button.main")
        page.wait_for_selector(".flash.saved")
        page.goto(f"{url}/model/")
        check_looks(page, f"model-figures-{width}-{scheme}")
        page.goto(f"{url}/audit/")
        check_looks(page, f"audit-figures-{width}-{scheme}")
    office.settle(3)
    assert [line.split(",")[4:8] for line in office.csv_lines()] == [
        ["corrected", "0001", "8", "7"],
        ["corrected", "0002", "6", "7"],
    ]


def test_today_follows_without_reloading(office: PaintedOffice, browser: Any) -> None:
    office.in_review(doubt(3))
    with served(office) as url, looking(browser, url) as page:
        page.evaluate("window.here = true")
        office.drop("later.jpg", sheet(row(7)))
        office.settle()
        wait_for(page, "document.querySelector('.sum').textContent.includes('2 in =')")
        assert page.evaluate("window.here")


@pytest.mark.parametrize(("width", "scheme"), SIGHTS)
def test_a_part_of_a_picture_is_tried_with_the_keyboard_and_with_the_mouse(
    office: PaintedOffice, browser: Any, tmp_path: Path, width: int, scheme: str
) -> None:
    office.settle()
    (tmp_path / "page.png").write_bytes(numbers_png("365  28", "4"))
    with served(office) as url, looking(browser, url, width, scheme) as page:
        page.goto(f"{url}/try/")
        page.set_input_files("#file", tmp_path / "page.png")
        wait_for(page, "!document.getElementById('go').disabled && document.getElementById('chosen').width === 900")
        page.click("#go")
        wait_until(lambda: page.input_value("#text") == "365 28\n4")
        check_looks(page, f"try-{width}-{scheme}")
        page.fill("#bottom", "50")
        page.press("#bottom", "Enter")
        wait_until(lambda: page.input_value("#text") == "365 28")
        page.click("#whole")
        box = page.locator("#chosen").bounding_box()
        page.mouse.move(box["x"] + 2, box["y"] + box["height"] * 0.5)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 2)
        page.mouse.up()
        page.click("#go")
        wait_until(lambda: page.input_value("#text") == "4")


def chosen_row(office: PaintedOffice) -> int:
    """A row that is to be audited."""
    with office.ledger.reading() as tx:
        return next(one.number for one in audits.candidates(tx) if is_chosen(one.sheet_id, 0.5))


@pytest.mark.parametrize(("width", "scheme"), SIGHTS)
def test_every_page_looks_right(office: PaintedOffice, browser: Any, width: int, scheme: str) -> None:
    office.drop("rows.jpg", sheet(*(row(number) for number in range(20, 40))))
    review = office.in_review(doubt(3), doubt(4), "foreign", row(20), name="room 3, second group.jpg")
    with served(office) as url, looking(browser, url, width, scheme) as page:
        paths = {
            "today": "/",
            "review": f"/review/{review.review}",
            "all": "/review/all",
            "results": "/results/",
            "row": "/results/3",
            "model": "/model/",
            "audit": "/audit/",
            "audit-read": f"/audit/{chosen_row(office)}",
            "try-empty": "/try/",
            "error": "/nowhere",
        }
        for name, path in paths.items():
            page.goto(f"{url}{path}")
            check_looks(page, f"{name}-{width}-{scheme}")
        page.goto(f"{url}/review/{review.review + 2}")
        check_looks(page, f"duplicate-{width}-{scheme}")
        page.goto(f"{url}/review/{review.review + 1}")
        page.keyboard.type("7")
        page.keyboard.press("Enter")
        page.wait_for_selector(".undo")
        check_looks(page, f"undo-{width}-{scheme}")
        page.goto(f"{url}/review/{review.review}")
        page.keyboard.type("12")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        check_looks(page, f"refused-{width}-{scheme}")
        page.goto(f"{url}/audit/{chosen_row(office)}")
        page.keyboard.type("0001")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        check_looks(page, f"audit-compare-{width}-{scheme}")
        page.context.clear_cookies()
        page.goto(f"{url}/login")
        check_looks(page, f"login-{width}-{scheme}")
