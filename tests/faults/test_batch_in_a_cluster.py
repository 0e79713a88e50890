"""A batch whose pages a cluster reads, with a worker that is killed: the same tables as those of this machine."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from support.cluster import TEMPLATES, cluster, sheets
from support.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
parquet = pytest.importorskip("pyarrow.dataset", reason="the extra `cluster` is not installed")

SHEETS = 8
WITHIN_S = 240.0


def table(out: Path) -> list[dict[str, Any]]:
    rows = parquet.dataset(out, partitioning="hive", exclude_invalid_files=True).to_table().to_pylist()
    return sorted(rows, key=lambda row: str(row["source"]))


def has_begun(out: Path) -> bool:
    """Whether a scan has been read, and others may be with the workers."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{out / '_batch' / 'journal.db'}?mode=ro", uri=True)) as journal,
    ):
        return bool(journal.execute("SELECT count(*) FROM scans WHERE is_read").fetchone()[0])
    return False


def command(scans: Path, out: Path, workers: str) -> list[str]:
    named = ["--out", str(out), "--workers", workers, "--template", str(TEMPLATES / "answer-book")]
    return [sys.executable, "-m", "sheetwatch", "batch", str(scans), *named]


@pytest.mark.slow
def test_the_tables_are_those_of_this_machine(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for name, data in sheets(SHEETS).items():
        (scans / name).write_bytes(data)
    subprocess.run(command(scans, tmp_path / "here", "1"), cwd=tmp_path, check=True, capture_output=True)
    with (
        cluster(tmp_path / "cluster") as (made, (first, _)),
        subprocess.Popen(
            command(scans, tmp_path / "there", made.workers_setting), cwd=tmp_path, stderr=subprocess.PIPE, text=True
        ) as batch,
    ):
        wait_until(lambda: has_begun(tmp_path / "there"), WITHIN_S)
        first.kill()
        _, told = batch.communicate(timeout=WITHIN_S)
    assert batch.returncode == 0, told
    here, there = table(tmp_path / "here"), table(tmp_path / "there")
    assert len(here) == SHEETS
    assert there == here


def test_an_address_without_a_port_is_refused(tmp_path: Path) -> None:
    ended = subprocess.run(
        command(tmp_path, tmp_path / "out", "dask://reader"), check=False, capture_output=True, text=True
    )
    assert ended.returncode == 64
    assert "dask://HOST:PORT" in ended.stderr
