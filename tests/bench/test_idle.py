"""While nothing happens the daemon writes nothing, and stays small. CPU and start-up need a quiet machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.idle import measure

if TYPE_CHECKING:
    from pathlib import Path

MOST_MIB = 150


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "files"), [("events", 0), ("poll", 100)])
def test_an_idle_daemon_writes_nothing_and_is_small(mode: str, files: int, tmp_path: Path) -> None:
    idle = measure(tmp_path, seconds=40, mode=mode, files=files)
    assert idle.written_bytes == 0
    assert 10 < idle.daemon_mib < MOST_MIB
