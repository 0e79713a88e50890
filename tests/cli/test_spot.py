"""`sheetwatch spot`: text to copy, JSON with boxes, a picture, plain errors; and pages of the project's own pen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

import sheetwatch
from sheetwatch.cli import main
from sheetwatch.lab.spot_bench import report
from sheetwatch.lab.spot_pages import make_page
from sheetwatch.lab.spot_score import score
from sheetwatch.lab.spot_writers import own_pen

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt


def sheet(*lines: str) -> npt.NDArray[np.uint8]:
    """Typed lines in a plain font, which reads like a tidy hand."""
    grey = np.full((160 * len(lines) + 80, 900), 240, np.uint8)
    for number, line in enumerate(lines):
        place = (60, 160 * number + 150)
        cv2.putText(grey, line, place, cv2.FONT_HERSHEY_SIMPLEX, 2.2, 30, 6, cv2.LINE_AA)
    return grey


def test_a_line_of_text_for_each_written_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "page.png", tmp_path / "boxes.png"
    Image.fromarray(sheet("365  28", "4")).save(file)
    assert main(["spot", str(file), "--picture", str(picture)]) == 0
    assert capsys.readouterr().out == "365 28\n4\n"
    with Image.open(picture) as drawn:
        assert drawn.size == (900, 400)


def test_json_has_a_box_for_each_number_and_digit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.pdf"
    pages = [Image.fromarray(sheet("365  28", "4")), Image.fromarray(sheet("83"))]
    pages[0].save(file, save_all=True, append_images=pages[1:])
    assert main(["spot", str(file), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert [line["text"] for line in first["lines"]] == ["365 28", "4"]
    assert (second["page"], second["lines"][0]["text"], second["problem"]) == (1, "83", None)
    number = first["lines"][0]["numbers"][0]
    assert [digit["symbol"] for digit in number["digits"]] == ["3", "6", "5"]
    lefts = [digit["box"][0] for digit in number["digits"]]
    assert lefts == sorted(lefts)
    assert all(0 < digit["probability"] <= 1 for digit in number["digits"])
    left, _, width, _ = number["box"]
    assert all(left <= box[0] and box[0] + box[2] <= left + width for box in (d["box"] for d in number["digits"]))


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_what_cannot_be_read_is_said_plainly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(content)
    assert main(["spot", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "page.png" in said.err
    assert main(["spot", str(tmp_path)]) == 1
    assert "folder" in capsys.readouterr().err


def test_the_pen_s_pages_are_read() -> None:
    reader = sheetwatch.load_reader()
    scored = []
    for seed in range(4):
        page = make_page(own_pen, np.random.default_rng((31, seed)))
        scored.append((page, score(page.numbers, sheetwatch.spot(page.grey, reader))))
    matches = [match for _, result in scored for match in result.matches]
    assert sum(match.right for match in matches) >= 0.8 * len(matches)
    assert len(report(scored)) > 3


def test_the_same_seed_makes_the_same_page() -> None:
    one, other = (make_page(own_pen, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.grey, other.grey)
    assert [number.text for number in one.numbers] == [number.text for number in other.numbers]
