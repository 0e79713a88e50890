"""The picture for operators: the boxes where the fields are, coloured by what they hold; any text can be drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sheetwatch import lettering
from sheetwatch.domain import (
    Alignment,
    Box,
    Field,
    FieldKind,
    PageReading,
    Reading,
    Reason,
    ReasonCode,
    State,
    Template,
    Verdict,
)
from sheetwatch.overlay import as_png, draw_overlay, draw_template, plain_words
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

GREEN, GREY, BLUE, AMBER, RED = (12, 128, 62), (120, 126, 134), (32, 92, 200), (196, 108, 0), (196, 24, 36)
STATES = [State.WRITTEN, State.EMPTY, State.NOT_ATTEMPTED, State.UNREADABLE, State.WRITTEN, State.WRITTEN]
COLOURS = [GREEN, GREY, BLUE, RED, AMBER, RED]


def form() -> Template:
    """Six boxes, one below the other, on white paper of 800 x 1200 px."""
    fields = tuple(
        Field(name=f"q{n}", kind=FieldKind.MARK, max=10, box=Box(left=300, top=100 + 180 * n, width=120, height=80))
        for n in range(6)
    )
    reference = np.full((1200, 800), 255, np.uint8)
    return Template(name="form", title="Form Ü", reference=reference, fields=fields, revision="abc123")


def reading_of(template: Template, page_to_template: npt.NDArray[np.float64]) -> PageReading:
    reference_quads = np.array(
        [
            [(b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)]
            for b in (field.box for field in template.fields)
            if b is not None
        ],
        dtype=np.float64,
    )
    to_page = np.linalg.inv(page_to_template)
    flat = np.c_[reference_quads.reshape(-1, 2), np.ones(len(reference_quads) * 4)] @ to_page.T
    alignment = Alignment(
        page_to_template=page_to_template,
        quads=(flat[:, :2] / flat[:, 2:]).reshape(-1, 4, 2),
        inliers=100,
        rms_error_px=0.5,
        worst_field_px=1.0,
    )
    fields = {
        field.name: Reading(value="7" if state is State.WRITTEN else "", state=state, probability=0.98)
        for field, state in zip(template.fields, STATES, strict=True)
    }
    reasons = (
        Reason(code=ReasonCode.LOW_CONFIDENCE, field="q3", detail="could not be read"),
        Reason(code=ReasonCode.LOW_CONFIDENCE, field="q4", detail="7 (0.62) or 1 (0.31)"),
        Reason(code=ReasonCode.OUT_OF_RANGE, field="q5", detail="7 is more than 5"),
    )
    return PageReading(
        verdict=Verdict(reasons=reasons),
        template="form",
        template_revision="abc123",
        alignment=alignment,
        fields=fields,
        model="digits-1",
    )


def has_colour(picture: Picture, colour: tuple[int, int, int]) -> Picture:
    return np.asarray((picture[:, :, ::-1] == colour).all(axis=2))


@pytest.mark.parametrize(
    "page_to_template",
    [np.eye(3), np.diag([0.5, 0.5, 1.0]), np.array([[-1.0, 0, 800], [0, -1.0, 1200], [0, 0, 1]])],
    ids=["as it is", "twice as large", "upside down"],
)
def test_boxes_lie_where_the_fields_are(page_to_template: npt.NDArray[np.float64]) -> None:
    template = form()
    side = 1 / abs(page_to_template[0, 0])
    grey = np.full((round(1200 * side), round(800 * side)), 250, np.uint8)
    picture = draw_overlay(grey, template, reading_of(template, page_to_template))
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (800, 3)
    foot_rows = 100
    head_rows = picture.shape[0] - 1200
    for number, colour in enumerate(COLOURS):
        edge = has_colour(picture, colour)
        # The left edge of each box, somewhere below the header: at its column, over its height.
        top = 100 + 180 * number
        column = edge[top : top + head_rows + foot_rows, 298:303].any(axis=1)
        assert column.sum() >= 70, f"box {number}"


def test_ink_of_the_page_is_seen_through() -> None:
    ink = 40
    template = form()
    grey = np.full((1200, 800), 250, np.uint8)
    grey[600:640, 600:700] = ink
    picture = draw_overlay(grey, template, reading_of(template, np.eye(3)))
    assert (picture == ink).all(axis=2).sum() == pytest.approx(40 * 100, abs=200)


@pytest.mark.parametrize("shape", [(3000, 2000), (2000, 3000), (100, 80), (5, 3000), (1, 1)])
def test_without_an_alignment_the_page_as_it_came(shape: tuple[int, int]) -> None:
    verdict = Verdict.review(ReasonCode.NO_TEMPLATE, "the page looks like none of the templates")
    picture = draw_overlay(np.full(shape, 250, np.uint8), None, PageReading(verdict=verdict))
    assert picture.shape[1] >= 700
    assert picture.shape[0] < 2500
    with open_scan(as_png(picture)) as scan:
        assert scan.page(0).grey.shape == picture.shape[:2]


def test_a_page_that_fits_badly_shows_the_boxes_without_values() -> None:
    template = form()
    reading = replace(
        reading_of(template, np.eye(3)), fields={}, verdict=Verdict.review(ReasonCode.MISALIGNED, "q1 is off by 9 px")
    )
    picture = draw_overlay(np.full((1200, 800), 250, np.uint8), template, reading)
    assert has_colour(picture, GREY).sum() > 6 * 70


def test_hundreds_of_reasons_leave_room_for_the_sheet() -> None:
    template = form()
    reasons = tuple(Reason(code=code, field="q1", detail="x " * 300) for code in ReasonCode)
    reading = replace(reading_of(template, np.eye(3)), verdict=Verdict(reasons=reasons))
    assert draw_overlay(np.full((1200, 800), 250, np.uint8), template, reading).shape[0] < 1200 + 700


def test_a_template_alone() -> None:
    picture = draw_template(form())
    assert picture.shape == (1200, 800, 3)
    assert has_colour(picture, BLUE)[100:180, 298:303].any()


def test_reasons_in_words() -> None:
    for code in ReasonCode:
        (words,) = plain_words([Reason(code=code, detail="why", field="q1")])
        assert words.endswith(": q1: why")
        assert words[0].isupper()
    two = [Reason(code=ReasonCode.LOW_CONFIDENCE, detail=f"d{n}", field=f"q{n}") for n in range(2)]
    assert plain_words(two) == ["Not read for certain: q0: d0; q1: d1"]


@pytest.mark.parametrize("system_fonts", [True, False])
def test_any_text_can_be_drawn(monkeypatch: pytest.MonkeyPatch, *, system_fonts: bool) -> None:
    if not system_fonts:
        monkeypatch.setattr(lettering, "_SYSTEM_FONTS", ())
    for cache in (lettering._font, lettering._letter):
        cache.cache_clear()
    texts = ["7½", "Åsa Đặng", "1 \N{EN DASH} 2", "漢字", "a\nb\x1b[31m", "", "\udcff"]
    for text in texts:
        image = Image.new("RGB", (300, 40), "white")
        lettering.draw_text(ImageDraw.Draw(image), (4, 20), text, size_px=20, colour=(0, 0, 0))
        assert (np.asarray(image).min() < 100) == bool(text)
        assert lettering.text_width(text, 20) >= 0
    if not system_fonts:
        assert lettering._drawable("7½ Åsa", 20) == "7 1/2 Asa"
    for cache in (lettering._font, lettering._letter):
        cache.cache_clear()


def test_long_text_is_wrapped_between_and_inside_words() -> None:
    rows = lettering.wrapped("some words and a" + "b" * 300, 20, 200)
    assert all(lettering.text_width(row, 20) <= 200 for row in rows)
    assert "".join(rows).replace(" ", "") == "somewordsanda" + "b" * 300
