"""An evaluation as tables, pictures, a workbook and a page: complete, plain, self-contained, never half written."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from openpyxl import load_workbook
from PIL import Image
from rich.console import Console

from sheetwatch.domain import Field, FieldKind
from sheetwatch.lab import evaluate_files
from sheetwatch.lab.evaluate import Kind, evaluate_sets
from sheetwatch.lab.evaluate_files import PAGE, WORKBOOK, write_evaluation
from sheetwatch.lab.evaluate_pictures import Subject, file_name, pictures_of, thumbnail
from sheetwatch.lab.evaluate_terminal import markdown, print_tables
from sheetwatch.lab.evaluate_workbook import workbook_of
from support.scripted import ScriptedReader, empty, reading, sample, unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.lab.evaluate import Evaluation

pytest.importorskip("matplotlib", reason="Matplotlib is not installed: it comes with the extra `train`")

HOSTILE = '=1+1 <script src="http://x.test/a.js"> & $x$ \u6570 \x07'
MADE_BY = "Measured by a test"


def evaluation() -> Evaluation:
    """Three sets with mistakes of every kind, one of them under a hostile name, and letters."""
    readings = [reading(str(number % 10), 0.85 + number % 3 / 20) for number in range(40)]
    readings[3], readings[5], readings[8] = reading("8", 0.97), unreadable(0.6), empty(0.5)
    readings += [reading("4"), unreadable(), reading("1"), reading("12345")]
    samples = [
        sample([str(number % 10) for number in range(20)], name="digilets_digits"),
        sample([str(number % 10) for number in range(20, 40)], name=HOSTILE, first=20),
        sample(["y", "K"], name="letters", first=40, kind=Kind.LETTERS),
        sample(["l"], name="alike", first=42, kind=Kind.LOOK_ALIKES),
        sample(["12045"], name="mark_cells", first=43, field=Field(name="n", kind=FieldKind.DIGITS)),
    ]
    return evaluate_sets(ScriptedReader(readings), samples)


@pytest.fixture(scope="module")
def evaluated() -> Evaluation:
    return evaluation()


@pytest.fixture(scope="module")
def folder(evaluated: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluation")
    write_evaluation(evaluated, out, MADE_BY)
    return out


# -- the page ---------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Every tag with its attributes, in order, and all the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.depth: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.depth.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.depth.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / PAGE).read_text())


def test_the_page_fetches_nothing(page: Page, folder: Path) -> None:
    tags = {name for name, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form", "source", "video", "audio"}
    for _, attributes in page.tags:
        for name in ("src", "srcset", "href", "action", "data", "background", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/png;base64,", "#"))
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    text = (folder / PAGE).read_text()
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_is_whole_and_its_links_lead_somewhere(page: Page) -> None:
    assert page.depth == []
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] for attributes in page.all("a")]
    assert len(links) == 6  # four sets, the two of them that count together, letters
    assert {link.removeprefix("#") for link in links if link} <= targets
    assert page.all("html")[0]["lang"] == "en"
    assert any(attributes.get("name") == "viewport" for attributes in page.all("meta"))


def test_every_picture_and_table_says_what_it_shows(page: Page) -> None:
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    regions = [attributes for attributes in page.all("div") if attributes.get("class") == "wide"]
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in regions)


def test_hostile_names_are_text(page: Page) -> None:
    shown = "".join(page.texts)
    assert '=1+1 <script src="http://x.test/a.js"> & $x$ \u6570 \\x07' in shown
    assert "\x07" not in shown


def test_the_page_follows_the_light_or_dark_of_the_reader(folder: Path) -> None:
    text = (folder / PAGE).read_text()
    assert "prefers-color-scheme: dark" in text
    assert "color-scheme: light dark" in text


# -- the workbook -----------------------------------------------------------------------------------------------------


def test_the_workbook_loads_with_a_sheet_for_each_subject(folder: Path) -> None:
    book = load_workbook(folder / WORKBOOK)
    assert book.sheetnames == [
        "summary",
        "classes",
        "confusion",
        "confused pairs",
        "calibration bins",
        "risk-coverage",
        "mistakes",
        "letters",
    ]
    assert all(sheet.max_row > 1 for sheet in book.worksheets)
    book.close()


def test_no_cell_starts_a_formula(evaluated: Evaluation) -> None:
    book = load_workbook(io.BytesIO(workbook_of(evaluated, "=HYPERLINK(1)")))
    texts = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert any(str(cell.value).startswith("=") for cell in texts)
    assert not [cell.coordinate for cell in texts if cell.data_type == "f"]
    book.close()


def test_figures_are_numbers_and_values_stay_text(folder: Path, evaluated: Evaluation) -> None:
    book = load_workbook(folder / WORKBOOK)
    titles, first, *_ = book["summary"].iter_rows(values_only=True)
    figures = dict(zip(titles, first, strict=True))
    assert (figures["set"], figures["cells"]) == ("digilets_digits", 20)
    assert figures["right %"] == pytest.approx(evaluated.sets[0].measures.accuracy)
    assert {type(row[1]) for row in book["classes"].iter_rows(min_row=2, values_only=True)} == {str}
    counts = [row[2:] for row in book["confusion"].iter_rows(min_row=2, max_row=11, values_only=True)]
    assert sum(count for row in counts for count in row if isinstance(count, int)) == 20
    book.close()


def test_every_listed_mistake_shows_its_cell(folder: Path, evaluated: Evaluation) -> None:
    book = load_workbook(folder / WORKBOOK)
    sheet: Any = book["mistakes"]
    mistakes = sum(len(one.mistakes) for one in evaluated.sets)
    assert mistakes == sheet.max_row - 1 > 3
    anchors = [picture.anchor._from for picture in sheet._images]
    assert [(anchor.row, anchor.col) for anchor in anchors] == [(row, 1) for row in range(1, mistakes + 1)]
    book.close()


# -- the pictures -----------------------------------------------------------------------------------------------------


def test_every_set_gets_the_pictures_that_say_something(evaluated: Evaluation, folder: Path) -> None:
    found = [(picture.set_name, picture.subject) for picture in pictures_of(evaluated)]
    for name in ("digilets_digits", "dev digits and marks"):
        subjects = {subject for set_name, subject in found if set_name == name}
        assert {Subject.CONFUSION, Subject.RELIABILITY, Subject.RISK_COVERAGE} <= subjects
    assert [subject for name, subject in found if name == "letters"] == [Subject.MISTAKES]
    written = {path.name for path in folder.iterdir()}
    assert written == {PAGE, WORKBOOK, *(file_name(name, subject) for name, subject in found)}
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 100


def contact_sheet_height(mistakes: int) -> int:
    found = evaluate_sets(ScriptedReader([reading("7")] * mistakes), [sample(["1"] * mistakes)])
    (sheet,) = [one for one in pictures_of(found) if one.subject is Subject.MISTAKES]
    with Image.open(io.BytesIO(sheet.png)) as image:
        return image.height


def test_a_contact_sheet_grows_with_its_mistakes_up_to_a_bound() -> None:
    assert contact_sheet_height(3) == contact_sheet_height(8) < contact_sheet_height(9)
    assert contact_sheet_height(121) == contact_sheet_height(120)


@pytest.mark.parametrize("shape", [(1, 1), (2, 900), (900, 2), (64, 64), (0, 5), (3000, 2000)])
def test_any_cell_becomes_a_small_picture(shape: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(thumbnail(np.full(shape, 99, np.uint8)))) as image:
        assert 1 <= image.width <= 132
        assert 1 <= image.height <= 92


# -- the files --------------------------------------------------------------------------------------------------------


def test_an_interrupted_evaluation_leaves_what_was_there(
    evaluated: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_evaluation(evaluated, tmp_path, MADE_BY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate_files, "page_of", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_evaluation(evaluated, tmp_path, "another one")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_pictures_of_mistakes_that_are_mended_go_away(evaluated: Evaluation, tmp_path: Path) -> None:
    write_evaluation(evaluated, tmp_path, MADE_BY)
    assert (tmp_path / "digilets_digits-mistakes.png").exists()
    (tmp_path / "notes.png").write_bytes(b"mine")
    mended = evaluate_sets(ScriptedReader([reading("1")] * 20), [sample(["1"] * 20, name="digilets_digits")])
    write_evaluation(mended, tmp_path, MADE_BY)
    assert not (tmp_path / "digilets_digits-mistakes.png").exists()
    assert (tmp_path / "digilets_digits-reliability.png").exists()
    assert (tmp_path / "notes.png").read_bytes() == b"mine"


# -- the terminal -----------------------------------------------------------------------------------------------------


def printed(evaluated: Evaluation, *, terminal: bool = False) -> str:
    out = io.StringIO()
    print_tables(evaluated, Console(file=out, width=150, highlight=False, force_terminal=terminal))
    return out.getvalue()


def test_piped_tables_are_plain(evaluated: Evaluation) -> None:
    text = printed(evaluated)
    assert "\x1b" not in text
    assert "scripted: accepted from probability 0.9000 for 0.001 wrong among accepted" in text
    (line,) = [line for line in text.splitlines() if line.startswith("digilets_digits   ") and " 20 " in line]
    assert line.split()[1:4] == ["20", "85.00", "88.33"]  # 3, 5 and 8 have F1 2/3, 2/3 and 1/2
    assert "Most frequent mistakes of digilets_digits: 3 read as 8 (1)" in text
    assert "Letters: 1 of 2 (50.00%) accepted as a number: y 1 (4 x 1)" in text
    assert "Letters that some hands write as digits: 1 of 1 (100.00%) accepted as a number: l 1 (1 x 1)" in text


def test_tables_on_a_terminal_are_styled(evaluated: Evaluation) -> None:
    assert "\x1b[1m" in printed(evaluated, terminal=True)


def test_a_model_that_promises_nothing_says_so() -> None:
    found = evaluate_sets(ScriptedReader([reading("1")], threshold=1.0), [sample(["1"])])
    assert "no threshold promises 0.001 wrong among accepted; nothing is accepted" in printed(found)


def test_markdown_is_one_table_of_every_set(evaluated: Evaluation) -> None:
    rows = [line for line in markdown(evaluated).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    assert len(rows) == 2 + len(evaluated.scored)
    assert rows[2].startswith("| digilets_digits | 20 | 85.00 |")
