"""A batch that is killed at any moment goes on: nothing is read into the tables twice, and nothing is missing.

Killed by the clock with SIGKILL, again and again, and as it enters one of the system calls that change files. More of
it: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_batch_killed.py
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

pytest.importorskip("pyarrow", reason="pyarrow (extra cluster) is not installed")

from support.amount import amount
from support.archive import Archive, all_rows
from support.chance import chance_of_today, spread
from support.disks import fill, mounted, needs_mounts
from support.office import doubt, row
from support.processes import environment, wait_until
from support.traced import calls_of, need_strace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TEXT_BATCH = Path(__file__).parents[1] / "support" / "text_batch.py"
SCANS = 60
KILLS = amount(6, 60)
POINTS = amount(10, 600)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(amount(600, 7200))]


def filled(base: Path) -> Archive:
    """Scans of one and of several pages, of several days, good and bad."""
    archive = Archive(base)
    for number in range(SCANS):
        pages = [row(number), doubt(number), "blank"][: 1 + number % 3]
        archive.put(f"{number % 7}/{number}.jpg", *pages, day=number % 4)
    (archive.scans / "3" / "bad.jpg").write_bytes(b"no sheets")
    os.utime(archive.scans / "3" / "bad.jpg", (0, 0))
    return archive


def command(archive: Archive, *words: str) -> list[str]:
    line = [sys.executable, str(_TEXT_BATCH), str(archive.form), str(archive.scans), "--out", str(archive.out)]
    return [*line, "--config", str(archive.config), "--part-rows", "9", *words]


def start(archive: Archive, *before: str, words: Sequence[str] = (), slow_s: float = 0) -> subprocess.Popen[str]:
    with (archive.base / "log").open("w") as log:
        line = [*before, *command(archive, *words)]
        return subprocess.Popen(line, stdout=log, stderr=log, text=True, env=environment({"SLOW_S": str(slow_s)}))


def said(archive: Archive) -> str:
    return (archive.base / "log").read_text()


def finish(archive: Archive) -> list[dict[str, Any]]:
    """Run until all is read; the rows."""
    process = start(archive)
    assert process.wait(120) == 0, said(archive)
    assert not [path for path in archive.out.rglob("*") if path.name.startswith(".sheetwatch-")]
    return all_rows(archive.out)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive that was read in one go."""
    archive = filled(tmp_path_factory.mktemp("expected"))
    assert len(finish(archive)) == 1 + sum(1 + number % 3 for number in range(SCANS))
    return archive


def same(rows: list[dict[str, Any]], archive: Archive, expected: Archive) -> None:
    """The table is that of the run in one go, row for row and column for column."""
    base, other = str(archive.base), str(expected.base)
    found = [{**one, "source": one["source"].replace(base, other)} for one in rows]
    assert json.dumps(found) == json.dumps(all_rows(expected.out))


def test_killed_again_and_again_by_the_clock(tmp_path: Path, expected: Archive) -> None:
    archive, chance = filled(tmp_path), chance_of_today()
    kills, whole, parts = 0, 0, list[int]()
    while kills < KILLS:
        process = start(archive, slow_s=0.3)
        wait_until(partial(_says_something, archive, process))
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 1.5))
        if process.poll() is None:
            process.kill()
            process.wait()
            kills += 1
            parts.append(len(list(archive.out.rglob("*.parquet"))))
        else:  # all was read between the kills: from the beginning
            assert process.returncode == 0, said(archive)
            same(all_rows(archive.out), archive, expected)
            shutil.rmtree(archive.out)
            whole += 1
    print(f"\n{kills} kills, {whole} batches read meanwhile; Parquet files after each kill: {parts}")
    assert any(parts), "some were written before the last kill"
    same(finish(archive), archive, expected)


def test_killed_at_any_call_that_changes_a_file(tmp_path: Path, expected: Archive) -> None:
    strace, trace = need_strace(), tmp_path / "trace"
    changing = "pwrite64,write,fsync,fdatasync,rename,renameat2,unlink,mkdir,ftruncate"
    options = [strace, "-f", "-y", "-qqq", "-o", str(trace), "-e", f"trace={changing}"]
    archive = filled(tmp_path / "life")
    assert start(archive, *options).wait(300) == 0, said(archive)
    calls = [call for call in calls_of(trace) if call.is_below(archive.out)]
    rare = [call for call in calls if call.name != "pwrite64"]
    chance = chance_of_today()
    points = [*spread(rare, POINTS * 3 // 4, chance), *spread(calls, POINTS // 4, chance)]
    struck = 0
    for number, call in enumerate(points):
        archive = filled(tmp_path / str(number))
        inject = ["-e", f"inject={call.name}:signal=KILL:when={call.number}"]
        code = start(archive, *options, *inject).wait(300)
        struck += code in {-signal.SIGKILL, 128 + signal.SIGKILL}
        same(finish(archive), archive, expected)
        shutil.rmtree(archive.base)
    print(f"\n{struck} of {len(points)} kills struck, of {len(calls)} calls")
    assert struck >= len(points) // 2  # threads make the number of a call differ from life to life


def test_ctrl_c_ends_it_cleanly_and_says_how_to_go_on(tmp_path: Path, expected: Archive) -> None:
    archive = filled(tmp_path)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = start(archive, slow_s=0.2)
        wait_until(lambda: any((archive.out / "_batch").glob("journal.db-wal")) and _has_read(archive))
        with frozen(process):
            process.send_signal(number)
        assert process.wait(60) == code, said(archive)
        assert "scans are still to be read; the same command goes on where this one stopped" in said(archive)
        assert "Traceback" not in said(archive)
        assert all_rows(archive.out), "what was read is in the tables"
    same(finish(archive), archive, expected)


@contextmanager
def frozen(process: subprocess.Popen[str]) -> Iterator[None]:
    """The process does nothing meanwhile, not even come to its end."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _says_something(archive: Archive, process: subprocess.Popen[str]) -> bool:
    """Whether the batch has come to its first line of progress, or its end."""
    return "scans" in said(archive) or process.poll() is not None


def _has_read(archive: Archive) -> bool:
    """Whether the process has come to its workers: some rows are journalled."""
    log = archive.out / "_batch" / "journal.db-wal"
    return log.exists() and log.stat().st_size > 150_000


@needs_mounts
def test_a_disk_that_fills_up_stops_it_and_with_room_it_goes_on(tmp_path: Path, expected: Archive) -> None:
    archive = filled(tmp_path)
    archive.out.mkdir()
    with mounted(archive.out, size="2m"):
        process = start(archive, slow_s=0.1)
        wait_until(lambda: _has_read(archive))
        with frozen(process):
            ballast = fill(archive.out)
        assert process.wait(120) == 75, said(archive)
        assert "the same command goes on where this one stopped" in said(archive)
        assert "Traceback" not in said(archive)
        ballast.unlink()
        same(finish(archive), archive, expected)


def test_a_file_that_may_not_grow_stops_it_with_a_reason(tmp_path: Path, expected: Archive) -> None:
    """As where the disk has a quota; needs no rights."""
    archive = filled(tmp_path)
    process = start(archive, slow_s=0.05)
    wait_until(lambda: _has_read(archive))
    with frozen(process):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    assert process.wait(120) in {74, 75}, said(archive)
    assert "Traceback" not in said(archive)
    same(finish(archive), archive, expected)


def test_two_at_the_same_time(tmp_path: Path, expected: Archive) -> None:
    archive = filled(tmp_path)
    first = start(archive, slow_s=0.1)
    wait_until(lambda: _has_read(archive))
    with frozen(first):
        second = subprocess.run(command(archive), env=environment(), capture_output=True, text=True, check=False)
    assert second.returncode == 75
    assert "another batch writes into this folder already" in second.stderr
    assert psutil.pid_exists(first.pid)
    assert first.wait(120) == 0
    same(all_rows(archive.out), archive, expected)
