"""Two daemons fill one table while daemons and server are killed: in the end it holds exactly both ledgers' rows.

In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_shared_database.py
"""

from __future__ import annotations

import random
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.disks import fill, mounted, needs_mounts
from support.office import row, sheet
from support.postgres import Server, server
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until
from support.shared import in_database, in_ledger

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

SCHEMA = "shared"

pytestmark = pytest.mark.slow


@pytest.fixture
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


def box(base: Path, name: str, postgres: Server) -> Installation:
    database = f'{{folder: results, database: "{postgres.address()}", box: {name}, schema: {SCHEMA}}}'
    return Installation(base / name, settings=f"{SETTINGS}results: {database}\n")


def start(place: Installation) -> subprocess.Popen[str]:
    return place.start(str(TEXT_DAEMON), str(place.config))


def drop(place: Installation, number: int) -> None:
    temporary = place.base / "inbox" / f".{number}.tmp"
    temporary.write_bytes(sheet(row(2 * number), row(2 * number + 1)))
    temporary.rename(temporary.with_name(f"{number}.jpg"))


def problems(place: Installation) -> str:
    return "; ".join(place.status().get("problems", []))


def end(running: list[subprocess.Popen[str]]) -> None:
    for process in running:
        process.terminate()
    for process in running:
        process.wait(240)


def test_killed_daemons_and_servers_lose_and_double_nothing(tmp_path: Path, postgres: Server) -> None:
    chance = random.Random(20)  # noqa: S311 - which one is killed next
    boxes = [box(tmp_path, name, postgres) for name in ("a", "b")]
    number = 0
    with ExitStack() as stack:
        running = [start(place) for place in boxes]
        stack.callback(end, running)
        for _ in range(amount(8, 60)):
            for place in boxes:
                number += 1
                drop(place, number)
            waits = [len(place.csv_lines()) for place in boxes]
            wait_until(
                lambda: any(len(place.csv_lines()) > had for place, had in zip(boxes, waits, strict=True))  # noqa: B023
            )
            victim = chance.randrange(3)
            if victim == 2:
                postgres.stop("immediate")
                postgres.start()
            else:
                running[victim].send_signal(signal.SIGKILL)
                running[victim].wait()
                running[victim] = start(boxes[victim])
        for place in boxes:
            wait_until(lambda: len(place.csv_lines()) == number, 120)  # noqa: B023
            wait_until(lambda: place.status().get("database_waits") == 0, 120)  # noqa: B023
        for process in running:
            process.send_signal(signal.SIGTERM)
            assert process.wait(240) == 0
    for place, name in zip(boxes, "ab", strict=True):
        rows = in_ledger(place.base / "state")
        assert len(rows) == number
        assert in_database(postgres, SCHEMA, name) == rows
        assert place.status()["healthy"]
    print(f"{2 * number} rows of two boxes, each exactly once")


def test_a_daemon_without_its_database_works_and_says_how_many_rows_wait(tmp_path: Path, postgres: Server) -> None:
    place = box(tmp_path, "a", postgres)
    postgres.stop()
    with place.daemon():
        drop(place, 1)
        wait_until(lambda: len(place.csv_lines()) == 2)
        wait_until(lambda: "the database has not been reached since" in problems(place))
        (problem,) = place.status()["problems"]
        assert problem.endswith("; 2 rows wait")
        assert place.status()["daemon"].startswith("running")
        assert "2 rows not yet in the database" in place.command("status").stdout
        assert "CRITICAL" in place.command("status", "--nagios").stdout
        postgres.start()
        wait_until(lambda: place.status()["database_waits"] == 0)
    assert place.status()["healthy"]
    assert len(in_database(postgres, SCHEMA)) == 2


def test_one_pass_sends_its_rows_or_says_that_it_could_not(tmp_path: Path, postgres: Server) -> None:
    place = box(tmp_path, "a", postgres)
    drop(place, 1)
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(240) == 0
    assert len(in_database(postgres, SCHEMA)) == 2
    postgres.stop()
    drop(place, 2)
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(240) == 75
    assert len(place.csv_lines()) == 4
    assert "the database has not been reached since" in place.log
    postgres.start()
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(240) == 0
    assert len(in_database(postgres, SCHEMA)) == 4


@needs_mounts
def test_a_full_disk_at_the_server_is_told_and_waited_for(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sheetwatch-")))
        folder.chmod(0o755)  # the server is another user
        disk = stack.enter_context(mounted(folder / "disk", "150m"))
        postgres = stack.enter_context(server(disk))
        place = box(tmp_path, "a", postgres)
        stack.enter_context(place.daemon())
        drop(place, 1)
        wait_until(lambda: len(in_database(postgres, SCHEMA)) == 2)
        ballast = fill(disk)
        place.drop("many.jpg", sheet(*(row(number) for number in range(100, 900))))
        wait_until(lambda: "free some space on the server's disk" in problems(place), 120)
        assert "has taken no rows since" in problems(place)
        ballast.unlink()
        wait_until(lambda: len(place.csv_lines()) == 802, 120)
        wait_until(lambda: place.status().get("database_waits") == 0, 120)
        assert in_database(postgres, SCHEMA) == in_ledger(place.base / "state")
        assert "psycopg" not in place.log
