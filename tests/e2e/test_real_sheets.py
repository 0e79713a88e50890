"""The team's real sheets, read with the shipped model, in every form in which they may arrive."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

import sheetwatch
from sheetwatch.domain import ReasonCode, State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.domain import PageReading
    from sheetwatch.reader import Reader

    Colour = npt.NDArray[np.uint8]

CRESCENT_VALUES = [str(value) for value in range(1, 25)]


@lru_cache(maxsize=1)
def reader() -> Reader:
    return sheetwatch.load_reader()


def encoded(picture: Colour, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).save(out, kind, **options)
    return out.getvalue()


def turned(quarters: int) -> Callable[[Colour], bytes]:
    return lambda picture: encoded(np.ascontiguousarray(np.rot90(picture, -quarters)), "JPEG", quality=92)


def halved(picture: Colour) -> bytes:
    return encoded(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), "JPEG", quality=92)


WAYS: dict[str, tuple[Callable[[Colour], bytes], int]] = {
    "as it is": (turned(0), 22),
    "turned 90": (turned(1), 20),
    "turned 180": (turned(2), 20),
    "turned 270": (turned(3), 20),
    "half size": (halved, 20),
    "quality 40": (lambda picture: encoded(picture, "JPEG", quality=40), 20),
    "PNG": (lambda picture: encoded(picture, "PNG"), 20),
    "PDF": (lambda picture: encoded(picture, "PDF", resolution=300), 20),
    "TIFF": (lambda picture: encoded(picture, "TIFF"), 20),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_photographed_answer_book(shared_data: Path, way: str) -> None:
    encode, at_least = WAYS[way]
    folder = shared_data / "sheets" / "crescent"
    template = sheetwatch.load_template(folder)
    (page,) = sheetwatch.read_file(encode(cv2.imread(str(folder / "filled.jpg"))), [template], reader())
    values = [reading.value for reading in page.fields.values()]
    right = sum(read == true for read, true in zip(values, CRESCENT_VALUES, strict=True))
    print(f"\ncrescent, {way}: {right} of 24 right, {page.verdict}")
    assert right >= at_least
    assert right == 24 or not page.verdict.accepted


def markus(shared_data: Path, name: str) -> list[PageReading]:
    folder = shared_data / "sheets" / "markus"
    return sheetwatch.read_file(folder / name, [sheetwatch.load_template(folder)], reader())


def test_the_scanned_cover_with_a_student_number(shared_data: Path) -> None:
    first, *others = markus(shared_data, "test-auto-parse-scan-success.pdf")
    assert first.fields["student_number"].value == "0123456789"
    assert [first.fields[name].state for name in ("q1", "q2", "q3", "total")] == [State.EMPTY] * 4
    assert [page.verdict.reasons[0].code for page in others] == [ReasonCode.NO_TEMPLATE] * 5


def test_the_scanned_blank_cover(shared_data: Path) -> None:
    first, *_ = markus(shared_data, "test-auto-parse-scan-blank.pdf")
    assert ReasonCode.MISSING_VALUE in {reason.code for reason in first.verdict.reasons}


@pytest.mark.parametrize("name", ["midterm_scan_100.pdf", "midterm_scan_101.pdf", "midterm_scan_102.pdf"])
def test_scans_with_pages_upside_down_find_the_cover(shared_data: Path, name: str) -> None:
    pages = markus(shared_data, name)
    covers = [page for page in pages if page.template is not None]
    assert len(covers) == 1
    assert covers[0].alignment is not None
    assert covers[0].alignment.worst_field_px < 2
