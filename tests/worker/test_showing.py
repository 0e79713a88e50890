"""A scan of the archive for people: laid onto its form where it fits, as it is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import Limits
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_outline
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.showing import show_sheet, small_pictures

if TYPE_CHECKING:
    from pathlib import Path

FORM = shipped_folder("config") / "templates" / "meter-reading" / "template.yaml"


def test_a_sheet_is_laid_onto_its_form(tmp_path: Path) -> None:
    upright = cv2.imread(str(FORM.with_name("reference.png")), cv2.IMREAD_GRAYSCALE)
    scan = tmp_path / "scan.png"
    assert cv2.imwrite(str(scan), cv2.rotate(upright, cv2.ROTATE_180))
    shown = show_sheet(scan, 0, FORM, Limits())
    assert (shown.height_px, shown.width_px) == upright.shape
    fields = load_outline(FORM).fields
    assert len(shown.boxes) == len(fields)
    for field, (left, top, right, bottom) in zip(fields, shown.boxes, strict=True):
        assert field.box is not None
        found = np.array([left, top, right - left, bottom - top])
        wanted = np.array([field.box.left, field.box.top, field.box.width, field.box.height])
        assert np.abs(found - wanted).max() <= 4, field.name
    picture = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    to_upright, to_scan = (np.abs(picture.astype(int) - other).mean() for other in (upright, upright[::-1, ::-1]))
    assert to_upright < to_scan / 2, "it stands upright, but for the margin that the scan lost"


def test_what_fits_no_form_is_shown_as_it_is(tmp_path: Path) -> None:
    scan = tmp_path / "scan.png"
    assert cv2.imwrite(str(scan), np.full((4000, 100), 200, np.uint8))
    shown = show_sheet(scan, 0, FORM, Limits())
    assert (shown.width_px, shown.height_px, shown.boxes) == (50, 2000, ())
    scan.write_bytes(b"no picture")
    with pytest.raises(WorkerFailure):
        show_sheet(scan, 0, FORM, Limits())


def test_small_pictures_of_what_can_be_shown(tmp_path: Path) -> None:
    scan, broken = tmp_path / "scan.png", tmp_path / "broken.png"
    assert cv2.imwrite(str(scan), np.full((1680, 500), 200, np.uint8))
    broken.write_bytes(b"no picture")
    first, *others = small_pictures([(scan, 0), (broken, 0), (tmp_path / "gone.png", 0)], Limits())
    assert first is not None
    assert cv2.imdecode(np.frombuffer(first, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (168, 50)
    assert others == [None, None]
