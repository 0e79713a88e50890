"""What one worker makes of a scan that is not what it was when its pages were counted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

import pytest
from PIL import Image

from sheetwatch.domain import ReasonCode, Settings
from sheetwatch.worker import PageTask
from sheetwatch.worker.desk import Desk

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.pipeline import CellReader


@pytest.fixture
def desk() -> Desk:
    return Desk(settings=Settings(), templates=(), reader=cast("CellReader", None))


def tiff(page_count: int) -> bytes:
    pages = [Image.new("L", (400, 600), 255) for _ in range(page_count)]
    data = io.BytesIO()
    pages[0].save(data, format="TIFF", save_all=True, append_images=pages[1:])
    return data.getvalue()


@pytest.mark.parametrize(("counted", "there"), [(1, 2), (3, 2)])
def test_no_page_is_read_of_a_scan_with_more_or_fewer_pages_than_were_counted(
    desk: Desk, tmp_path: Path, counted: int, there: int
) -> None:
    scan = tmp_path / "scan.tif"
    scan.write_bytes(tiff(there))
    (reason,) = desk.read(PageTask(scan_file=scan, page=0, page_count=counted)).reading.verdict.reasons
    assert reason.code is ReasonCode.INCOMPLETE_FILE
    assert f"counted as {counted}, and are {there} now" in reason.detail
    (reason,) = desk.read(PageTask(scan_file=scan, page=0, page_count=there)).reading.verdict.reasons
    assert reason.code is ReasonCode.BLANK_PAGE
