"""While nothing happens the daemon writes nothing, and stays small. CPU and start-up need a quiet machine: idle.py."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

MOST_MIB = 150


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--poll", "--files", "100"]])
def test_an_idle_daemon_writes_nothing_and_is_small(options: list[str]) -> None:
    bench = runpy.run_path(str(Path(__file__).with_name("idle.py")), run_name="bench")
    idle = bench["main"](["--seconds", "40", *options])
    assert idle.written_bytes == 0
    assert 10 < idle.daemon_mib < MOST_MIB
