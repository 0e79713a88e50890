"""The benchmark runs, and a page costs no more than a bounded multiple of opening its file."""

from __future__ import annotations

import runpy
from pathlib import Path

MOST_FLOORS = 25
"""Seen on a quiet machine: 15.5 (244 ms of 16); the rest is room for tests that run beside it."""


def test_a_page_takes_a_bounded_multiple_of_opening_it() -> None:
    timings = runpy.run_path(str(Path(__file__).with_name("page.py")))["main"](["--repeat", "5"])
    assert timings[-1].median_ms < MOST_FLOORS * timings[0].median_ms
