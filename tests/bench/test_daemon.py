"""The daemon with one worker stays within its memory, and what the benchmark counts is what the daemon accounts for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bench.daemon import ONE_WORKER, draw_scans, open_office, run_daemon

if TYPE_CHECKING:
    from pathlib import Path

MOST_MIB = 400


@pytest.mark.slow
def test_the_daemon_with_one_worker_stays_within_its_memory(tmp_path: Path) -> None:
    office = open_office(tmp_path / "office", ONE_WORKER, draw_scans(tmp_path, 6))
    run = run_daemon(office, skipped=2)
    assert 50 < run.peak_mib < MOST_MIB
    assert run.sheets == 6
    assert run.a_minute > 0
    status = [sys.executable, "-m", "sheetwatch", "status", "--json", "--config", str(office.config)]
    told = json.loads(subprocess.run(status, capture_output=True, text=True, check=False).stdout)["accounting"]
    assert (told["pages_in"], told["rows"], told["review"], told["in_work"]) == (6, 6 - run.reviewed, run.reviewed, 0)
