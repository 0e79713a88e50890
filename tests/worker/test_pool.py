"""A worker that crashes, hangs or outgrows its memory costs its own task; the daemon loads no decoder."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch.domain import ConfigError, EnvironmentFault, Limits, ReasonCode, Settings
from sheetwatch.shipped import shipped_folder
from sheetwatch.worker import WorkerFailure
from sheetwatch.worker.pool import WorkerPool
from support import poison

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerPool]:
    settings = Settings(
        workers=1, limits=Limits(worker_memory_mb=600), templates=(tmp_path_factory.mktemp("no-templates"),)
    )
    pool = WorkerPool(settings)
    run(pool, poison.eat, 1)  # the process is there before the first test counts processes
    yield pool
    pool.stop()


def run(pool: WorkerPool, function: Any, *args: Any, timeout_s: float = 30) -> Any:
    return pool._schedule(function, *args, timeout_s=timeout_s).result()


def test_a_task_is_not_given_up_before_those_ahead_of_it_could_end(pool: WorkerPool) -> None:
    tasks = [pool._schedule(poison.hang, timeout_s=0.5) for _ in range(4)]
    ends_s = [pool._open[task] for task in tasks]
    assert ends_s[3] - ends_s[0] >= 3 * 0.5
    for task in tasks:
        assert isinstance(task.exception(60), WorkerFailure)
    assert run(pool, poison.eat, 10) == 10 << 20, "the next task is well"


@pytest.mark.parametrize(
    ("function", "args", "timeout_s", "code"),
    [
        (poison.crash, (), 30, ReasonCode.WORKER_CRASHED),
        (poison.hang, (), 0.5, ReasonCode.TIMED_OUT),
        (poison.eat, (2000,), 30, ReasonCode.TOO_LARGE),
        (poison.fail, (), 30, ReasonCode.WORKER_CRASHED),
    ],
)
def test_what_a_scan_does_to_its_worker_becomes_a_reason(
    pool: WorkerPool, function: Any, args: tuple[Any, ...], timeout_s: float, code: ReasonCode
) -> None:
    with pytest.raises(WorkerFailure) as failure:
        run(pool, function, *args, timeout_s=timeout_s)
    assert failure.value.code is code
    assert run(pool, poison.eat, 10) == 10 << 20, "the next task is well"


def test_a_full_disk_is_no_fault_of_the_scan(pool: WorkerPool) -> None:
    with pytest.raises(OSError, match="No space left"):
        run(pool, poison.fill_disk)


def test_the_worker_is_limited_and_the_first_to_be_killed(pool: WorkerPool) -> None:
    _, memory, oom_score = run(pool, poison.limits)
    assert memory == 600 << 20
    assert oom_score == "1000"


def test_an_idle_worker_killed_from_outside_is_replaced(pool: WorkerPool) -> None:
    pid, _, _ = run(pool, poison.limits)
    os.kill(pid, signal.SIGKILL)
    for _ in range(50):
        with contextlib.suppress(EnvironmentFault, WorkerFailure):
            assert run(pool, poison.limits)[0] != pid
            return
        threading.Event().wait(0.1)
    pytest.fail("no worker came back")


def test_a_task_without_an_end_is_given_up_by_the_monotonic_clock(pool: WorkerPool) -> None:
    endless = pool._schedule(poison.hang, timeout_s=3600)
    pool.expire(now_s=time.monotonic())
    assert not endless.done()
    pool.expire(now_s=time.monotonic() + 20_000)
    assert isinstance(endless.exception(timeout=30), WorkerFailure)
    assert run(pool, poison.eat, 1) == 1 << 20


def test_a_wrong_template_stops_the_start(tmp_path: Path) -> None:
    pool = WorkerPool(replace(Settings(), workers=1, templates=(tmp_path,)))
    try:
        with pytest.raises(ConfigError):
            pool.start()
    finally:
        pool.stop()


@pytest.mark.parametrize(("was", "becomes"), [("title:", "title: Another "), ("fields:", "half-saved: [")])
def test_a_worker_made_later_reads_with_the_same_templates_or_not_at_all(
    tmp_path: Path, was: str, becomes: str
) -> None:
    shutil.copytree(shipped_folder("config") / "templates" / "meter-reading", tmp_path / "form")
    pool = WorkerPool(Settings(workers=1, templates=(tmp_path,)))
    try:
        pool.start()
        assert isinstance(pool.probe(tmp_path / "none.jpg").exception(), FileNotFoundError)
        for file in tmp_path.rglob("template.yaml"):
            file.write_text(file.read_text().replace(was, becomes, 1))
        pool.stop()  # as after many pages, or a crash: the next worker is a new one
        with pytest.raises(EnvironmentFault, match="changed since"):
            pool.probe(tmp_path / "none.jpg").result()
    finally:
        pool.stop()


def test_templates_are_loaded_anew_and_faulty_ones_leave_all_as_it_was(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder("config") / "templates" / "meter-reading", tmp_path / "form")
    pool = WorkerPool(Settings(workers=1, templates=(tmp_path,)))
    (file,) = tmp_path.rglob("template.yaml")
    try:
        pool.start()
        before, whole, processes = pool._loaded, file.read_text(), len(multiprocessing.active_children())
        file.write_text(whole.replace("fields:", "half-saved: [", 1))
        with pytest.raises(ConfigError):
            pool.reload()
        assert pool._loaded == before
        assert isinstance(pool.probe(tmp_path / "none.jpg").exception(), FileNotFoundError)
        file.write_text(whole.replace("title:", "title: Another ", 1))
        pool.reload()
        assert pool._loaded != before
        assert isinstance(pool.probe(tmp_path / "none.jpg").exception(), FileNotFoundError)
        assert len(multiprocessing.active_children()) == processes
    finally:
        pool.stop()


def test_workers_die_with_the_daemon(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sheetwatch.domain import Settings\n"
        "from sheetwatch.worker.pool import WorkerPool\n"
        "from support import poison\n"
        "if __name__ == '__main__':\n"
        f"    pool = WorkerPool(Settings(workers=1, templates=(Path({str(tmp_path)!r}),)))\n"
        "    print(pool._schedule(poison.limits, timeout_s=60).result()[0], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "dies.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if not _is_running(pid):
            return
        threading.Event().wait(0.05)
    pytest.fail("the worker lives on")


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_daemon_loads_no_decoder() -> None:
    code = (
        "import sys, sheetwatch.service.daemon\n"
        "heavy = {'cv2', 'PIL', 'pypdfium2', 'tflite_runtime', 'ai_edge_litert', 'openpyxl'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
