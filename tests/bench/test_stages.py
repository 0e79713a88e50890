"""The stages of a page are found by themselves, and add up to the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sheetwatch
from bench.clock import CLOCKS
from bench.forms import GRIDS, mark_sheet
from bench.pages import write_scan
from bench.stages import REST, stage_functions, time_stages
from sheetwatch import pipeline

if TYPE_CHECKING:
    from pathlib import Path


def test_hardly_any_of_a_page_s_time_is_outside_its_stages(tmp_path: Path) -> None:
    template, reader = mark_sheet(GRIDS[10], "Physics"), sheetwatch.load_reader()
    scan = write_scan(template, tmp_path / "page.jpg")
    spent_ms = [time_stages(scan.path, [template], reader, CLOCKS["cpu"]) for _ in range(3)][-1]
    assert {"decode", "align", "cut_cells", "read_cells"} < spent_ms.keys()
    assert spent_ms[REST] < 0.1 * sum(spent_ms.values())


def test_the_pipeline_is_as_it_was_after_it_was_timed(tmp_path: Path) -> None:
    before = stage_functions()
    template = mark_sheet(GRIDS[10], "Physics")
    scan = write_scan(template, tmp_path / "page.jpg")
    time_stages(scan.path, [template], sheetwatch.load_reader(), CLOCKS["cpu"])
    assert stage_functions() == before
    assert all(getattr(pipeline, name) is function for name, function in before.items())
