"""The daemon with one worker stays within its memory."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

MOST_MIB = 400


@pytest.mark.slow
def test_the_daemon_with_one_worker_stays_within_its_memory() -> None:
    run = runpy.run_path(str(Path(__file__).with_name("daemon.py")), run_name="bench")["main"](["--sheets", "6"])
    assert 50 < run.peak_mib < MOST_MIB
    assert run.accounting["pages_in"] == 6
    assert run.accounting["in_work"] == 0
