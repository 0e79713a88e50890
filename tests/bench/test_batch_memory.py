"""A larger archive takes no more memory. A million scans: python tests/bench/batch.py."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow (extra cluster) is not installed")

MORE_MIB = 8
FEW, MANY = 60_000, 180_000  # with fewer there is not even one whole Parquet file


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_archive() -> None:
    bench = runpy.run_path(str(Path(__file__).with_name("batch.py")), run_name="bench")
    few, many = bench["main"](["--scans", str(FEW), "--scans", str(MANY)])
    assert many.peak_mib < few.peak_mib + MORE_MIB
    assert 10 < few.mean_mib < few.peak_mib
