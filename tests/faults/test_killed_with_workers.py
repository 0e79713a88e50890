"""SIGKILL with the real pool of worker processes: to a worker at any call that writes a picture, and to the daemon.

A killed worker costs its page one more reading; strace strikes the next worker at the same call again, and then the
page goes to review, which all of these do. What it was writing lies in state/work until the next start. A killed daemon
takes its workers with it.

    SHEETWATCH_FAULTS=full pytest -s tests/faults/test_killed_with_workers.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.chance import chance_of_today, spread
from support.office import doubt, row, sheet
from support.processes import Installation, environment
from support.promises import check
from support.traced import Call, calls_by_process, need_strace
from support.two_days import SETTINGS, Day, outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

DAEMON = Path(__file__).parents[1] / "support" / "pool_daemon.py"
SCANS = {"a.jpg": sheet(row(1)), "b.tif": sheet(doubt(2), row(3), "foreign"), "c.jpg": sheet(doubt(4))}
_WORKER_KILLS = amount(1, 40)
_DAEMON_KILLS = amount(1, 40)
_PICTURE_CALLS = ("unlink", "openat", "write", "fsync", "rename")


def _morning(base: Path) -> Day:
    place = Installation(base / "place", f"{SETTINGS}workers: 1\n")
    for name, data in SCANS.items():
        place.drop(name, data)
    return Day.of("morning", place, tuple(SCANS.values()))


def _life(day: Day, *before: str) -> int:
    with (day.place.base / "log").open("a") as log:
        line = [*before, sys.executable, str(DAEMON), str(day.place.config)]
        return subprocess.run(line, stderr=log, check=False, env=environment()).returncode


def _traced(trace: Path, names: Sequence[str], *options: str) -> list[str]:
    return [need_strace(), "-f", "-y", "-o", str(trace), "-e", f"trace={','.join(names)}", *options]


def _learn(day: Day) -> object:
    day.begin()
    assert _life(day) == 0, day.place.log
    return outcome(check(day.place, day.entered))


def _check_recovered(day: Day, expected: object, point: Call) -> None:
    try:
        assert outcome(check(day.place, day.entered)) == expected
    except AssertionError as error:
        raise AssertionError(f"killed at {point}: {error}\n{day.place.log}") from error


@pytest.mark.slow
@pytest.mark.timeout(amount(300, 3600))
def test_a_worker_killed_at_any_call_that_writes_a_picture(tmp_path: Path) -> None:
    day, trace = _morning(tmp_path), tmp_path / "trace"
    expected = _learn(day)
    pictures = (day.place.base / "state" / "work").glob("*/page-*.png")
    paths = [f"-P{path.with_name(f'.sheetwatch-{path.name}')}" for path in sorted(pictures)]
    day.begin()
    assert _life(day, *_traced(trace, _PICTURE_CALLS, *paths)) == 0
    calls = max(calls_by_process(trace).values(), key=len)
    kills = Counter[str]()
    for call in spread(calls, _WORKER_KILLS, chance_of_today()):
        day.begin()
        kill = f"inject={call.name}:signal=KILL:when={call.number}"
        assert _life(day, *_traced(trace, _PICTURE_CALLS, *paths, "-e", kill)) == 0, day.place.log
        kills[call.name] += trace.read_text().count("+++ killed by SIGKILL")
        assert _life(day) == 0, day.place.log
        _check_recovered(day, expected, call)
    print(f"\n{len(paths)} pictures, {len(calls)} calls; kills: {dict(kills)}; nothing lost, no daemon ended")
    assert kills.total() >= _WORKER_KILLS


@pytest.mark.slow
@pytest.mark.timeout(amount(300, 3600))
def test_a_killed_daemon_takes_its_workers_with_it(tmp_path: Path) -> None:
    day, trace = _morning(tmp_path), tmp_path / "trace"
    expected = _learn(day)
    day.begin()
    assert _life(day, *_traced(trace, ["fdatasync"])) == 0  # only the daemon does that, for its ledger
    (calls,) = calls_by_process(trace).values()
    for call in spread(calls, _DAEMON_KILLS, chance_of_today()):
        day.begin()
        kill = f"inject=fdatasync:signal=KILL:when={call.number}"
        code = _life(day, *_traced(trace, ["fdatasync"], "-e", kill))  # ends when the last process did
        assert code == -signal.SIGKILL, day.place.log
        assert _life(day) == 0, day.place.log
        _check_recovered(day, expected, call)
    print(f"\n{min(_DAEMON_KILLS, len(calls))} kills of the daemon among {len(calls)}; no worker outlived it")
