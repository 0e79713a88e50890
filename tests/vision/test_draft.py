"""Drafting: a blank form in, fields out; filled sheets in, the blank out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import FieldKind
from sheetwatch.lab.form_answer_book import answer_book
from sheetwatch.lab.measure_drafts import compare, iou
from sheetwatch.lab.measure_learning import as_drafted
from sheetwatch.lab.pen import box_quads
from sheetwatch.vision.decode import open_scan
from sheetwatch.vision.draft.learning import TooFewSheets, UnfitWhy, learn
from sheetwatch.vision.draft.proposal import LeftOutWhy, propose
from sheetwatch.vision.draft.straighten import straighten
from sheetwatch.vision.draft.streaks import without_streaks
from sheetwatch.vision.geometry import map_points

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 1170, 827  # A4 at 100 dpi
CELL = (120, 60)
LINES = (
    "Answer both parts. Part A counts half.",
    "Give your reasons; a bare number is no answer.",
    "Hand in every sheet, also the rough work.",
    "Books, telephones and notes stay outside.",
    "Quiet, please, until the bell has rung!",
    "Form WT-17, printed by Millbrook & Sons",
)


def paper() -> Grey:
    return np.full((HEIGHT, WIDTH), 255, np.uint8)


def grid(
    page: Grey, left: int, top: int, rows: int, columns: int, *, cell: tuple[int, int] = CELL, ink: int = 0
) -> None:
    for row in range(rows + 1):
        y = top + row * cell[1]
        cv2.line(page, (left, y), (left + columns * cell[0], y), (ink,), 2)
    for column in range(columns + 1):
        x = left + column * cell[0]
        cv2.line(page, (x, top), (x, top + rows * cell[1]), (ink,), 2)


def write(page: Grey, words: str, left: int, bottom: int, scale: float = 0.7) -> None:
    cv2.putText(page, words, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, (0,), 2, cv2.LINE_AA)


def form() -> Grey:
    """A comb, a single box and a table of 2 x 3 with headings and labels."""
    page = paper()
    write(page, "WEEKLY TEST", 80, 90, 1.2)
    write(page, "ROLL", 80, 185)
    grid(page, 200, 150, 1, 8, cell=(30, 40))
    write(page, "PAGES", 80, 300)
    grid(page, 200, 265, 1, 1, cell=(90, 50))
    grid(page, 100, 400, 3, 4)
    for column, words in enumerate(("", "one", "two", "three")):
        write(page, words, 110 + column * CELL[0], 440)
    for row, words in enumerate(("A", "B"), 1):
        write(page, words, 110, 440 + row * CELL[1])
    for row, words in enumerate(LINES):
        write(page, words, 80, 760 + 45 * row, 0.8)
    return page


def test_a_form_is_named_in_reading_order() -> None:
    proposal = propose(form())
    assert [field.name for field in proposal.fields] == ["number1", "box1", *(f"q{k}" for k in range(1, 7))]
    comb, box, first = proposal.fields[:3]
    assert (comb.kind, comb.length, comb.comb) == (FieldKind.DIGITS, 8, 8)
    assert {field.kind for field in proposal.fields[1:]} == {FieldKind.MARK}
    for field, (left, top, width, height) in ((comb, (200, 150, 240, 40)), (box, (200, 265, 90, 50))):
        assert field.box is not None
        quad = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)], float)
        assert iou(quad, field.box) > 0.8
    assert first.box is not None
    assert abs(first.box.left - 221) < 5
    assert LeftOutWhy.HEADING in {item.why for item in proposal.left_out}


def test_a_straight_page_stays_as_it_is() -> None:
    page = form()
    proposal = propose(page)
    assert np.array_equal(proposal.reference, page)
    assert np.array_equal(proposal.page_to_reference, np.eye(3))


@pytest.mark.parametrize("turn_deg", [-3.0, 1.2, 3.0])
def test_a_turned_page_is_straightened(turn_deg: float) -> None:
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), turn_deg, 1.0)
    turned = cv2.warpAffine(form(), turn, (WIDTH, HEIGHT), borderValue=(255,))
    _, to_straight = straighten(np.asarray(turned, np.uint8))
    level = np.array([[(100.0, 400.0), (580.0, 400.0)], [(100.0, 400.0), (100.0, 580.0)]])
    (left, right), (upper, lower) = map_points(level @ turn[:, :2].T + turn[:, 2], to_straight)
    assert abs(left[1] - right[1]) < 1.5
    assert abs(upper[0] - lower[0]) < 1.5
    assert len(propose(np.asarray(turned, np.uint8)).fields) == 8


def test_dashed_lines_enclose_a_box_too() -> None:
    page = paper()
    grid(page, 100, 300, 3, 4, ink=60)
    for gap in range(3):
        page[:, 107 + gap :: 17] = 255
    for gap in range(2):
        page[303 + gap :: 17] = 255
    assert len(propose(page).fields) == 12


def test_words_and_pictures_are_no_boxes() -> None:
    page = paper()
    for row in range(12):
        write(page, "nothing is to be written on this page", 80, 200 + 40 * row)
    cv2.circle(page, (400, 900), 90, (0,), 3)
    assert propose(page).fields == ()
    assert propose(paper()).fields == ()


def test_a_row_of_narrow_boxes_in_a_table_is_no_comb() -> None:
    page = paper()
    grid(page, 100, 300, 4, 8, cell=(40, 45))
    assert {field.kind for field in propose(page).fields} == {FieldKind.MARK}


def test_a_streak_of_the_feeder_is_painted_out() -> None:
    page = form()
    framed = page.copy()
    framed[30:-30, 60] = 0
    assert np.array_equal(without_streaks(framed), framed)
    streaked = page.copy()
    streaked[:, 333] = np.minimum(streaked[:, 333], 150)
    assert np.array_equal(without_streaks(page), page)
    assert (without_streaks(streaked) != page).mean() < 0.001


def test_the_answer_book_is_found_whole() -> None:
    template = answer_book()
    proposal = propose(template.reference, 200)
    tally = compare(as_drafted(template), box_quads(template), proposal, seed=0, device="clean")
    assert tally.perfect


def test_the_published_form_is_found_whole(shared_data: Path) -> None:
    with open_scan(shared_data / "sheets" / "crescent" / "reference.png") as scan:
        proposal = propose(scan.page(0).grey)
    combs = [field.comb for field in proposal.fields if field.comb]
    marks = [field for field in proposal.fields if field.kind is FieldKind.MARK]
    # 24 marks, 4 part totals, the grand total; semester and pages; 2 signatures, which look like marks
    assert (combs, len(marks)) == ([12, 7], 33)


# -- learn ------------------------------------------------------------------------------------------------------------


def filled(seed: int, note: str = "") -> Grey:
    """The form, moved and turned a little, a digit in every box and tooth; `note`: written below."""
    rng = np.random.default_rng(seed)
    page = form()
    teeth = [(203 + 30 * tooth, 154, 14) for tooth in range(8)]
    boxes = [(205, 270, 50), *((225 + 120 * c, 465 + 60 * r, 50) for r in range(2) for c in range(3))]
    for left, top, room in (*teeth, *boxes):
        x, y = left + int(rng.integers(room)), top + 18 + int(rng.integers(16))
        write(page, str(rng.integers(10)), x, y, float(rng.uniform(0.5, 0.7)))
    write(page, note, 420, 660, 1.4)
    move = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(rng.uniform(-1, 1)), 1.0)
    move[:, 2] += rng.uniform(-8, 8, 2)
    return np.asarray(cv2.warpAffine(page, move, (WIDTH, HEIGHT), borderValue=(255,)), np.uint8)


def foreign() -> Grey:
    page = paper()
    for row in range(20):
        write(page, "a letter that came with the sheets", 60, 120 + 45 * row)
    return page


def test_a_blank_is_learned_from_filled_sheets() -> None:
    pages: list[Grey | None] = [filled(seed) for seed in range(10)]
    pages[3:3] = [foreign(), pages[0], None]
    learned = learn(pages)
    reasons = {unfit.index: unfit.why for unfit in learned.left_out}
    assert reasons == {3: UnfitWhy.OTHER_FORM, 4: UnfitWhy.TWICE, 5: UnfitWhy.UNREADABLE}
    assert len(learned.used) == 10
    proposal = propose(learned.blank)
    assert len(proposal.fields) == 8
    for field in proposal.fields[1:]:
        assert field.box is not None
        box = field.box
        inside = proposal.reference[box.top + 6 : box.bottom - 6, box.left + 6 : box.right - 6]
        assert (inside < 128).mean() < 0.01


def test_sheets_upside_down_are_turned_as_most_lie() -> None:
    pages = [filled(seed) for seed in range(5)]
    pages[0] = np.ascontiguousarray(pages[0][::-1, ::-1])
    learned = learn(pages)
    assert len(learned.used) == 5
    title, foot = learned.blank[60:110, 70:360], learned.blank[-110:-60, -360:-70]
    assert (title < 128).mean() > 0.05
    assert (foot > 200).all()


def test_too_few_sheets_are_refused_and_named() -> None:
    with pytest.raises(TooFewSheets) as caught:
        learn([filled(1), filled(2), foreign(), filled(3), filled(4)])
    assert caught.value.used == 4
    assert [unfit.index for unfit in caught.value.left_out] == [2]


def test_what_most_wrote_alike_is_doubtful() -> None:
    pages = [filled(seed, "2024" if seed < 8 else "") for seed in range(10)]
    learned = learn(pages)
    assert any(abs(box.top + box.height / 2 - 650) < 60 for box in learned.doubtful)
