"""Two daemons on one installation, and installations that share a folder: the second is refused and harms nothing.

Real processes. In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_two_daemons.py
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.cli import main
from support.amount import amount
from support.office import doubt, row, sheet
from support.processes import SETTINGS, TEXT_DAEMON, Installation, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "a")


def start_daemon(place: Installation, *options: str) -> subprocess.Popen[str]:
    return place.start(str(TEXT_DAEMON), str(place.config), *options)


def files_of(place: Installation) -> dict[str, bytes]:
    """Everything in the installation but the test's own log, and SQLite's shared memory."""
    paths = [path for path in place.base.rglob("*") if path.is_file() and path.name not in {"log", "sheetwatch.db-shm"}]
    return {str(path.relative_to(place.base)): path.read_bytes() for path in paths}


def is_quiet(place: Installation) -> bool:
    status = place.status()
    return bool(status["accounting"]) and not (status["inbox_files"] or status["accounting"]["in_work"])


def reads_on(place: Installation, roll: int) -> None:
    """The daemon reads a sheet, once."""
    before = len(place.csv_lines())
    place.drop(f"{roll}.jpg", sheet(row(roll)))
    wait_until(lambda: len(place.csv_lines()) == before + 1)


@pytest.mark.parametrize("options", [(), ("--once",)])
def test_the_second_one_is_refused_and_harms_nothing(place: Installation, options: tuple[str, ...]) -> None:
    tries = amount(2, 20)
    with place.daemon():
        place.drop("a.jpg", sheet(row(1), doubt(2)))
        wait_until(lambda: len(place.csv_lines()) == 1 and len(place.names("review")) == 4 and is_quiet(place))
        before = files_of(place)
        place.drop(".waits.tmp", b"")
        for _ in range(tries):
            second = start_daemon(place, *options)
            assert second.wait(60) == 75
        assert {**before, "inbox/.waits.tmp": b""} == files_of(place)
        assert place.log.count("another Sheetwatch works in this folder already; stop it first") == tries
        reads_on(place, 3)
    assert place.status()["accounting"]["balanced"]
    print(f"{tries} second daemons {options} refused, no file changed")


def test_of_many_that_start_at_once_exactly_one_wins(place: Installation) -> None:
    rounds, racers = amount(2, 20), amount(5, 12)
    for number in range(rounds):
        processes = [start_daemon(place) for _ in range(racers)]
        with ended(processes):
            wait_until(partial(one_is_left, processes))
            assert [one.returncode for one in processes].count(75) == racers - 1
            reads_on(place, number)
    assert place.log.count('"started"') == rounds
    assert len(place.csv_lines()) == rounds
    print(f"{rounds} rounds of {racers} daemons at once: 1 winner each, {rounds} rows of {rounds} sheets")


def one_is_left(processes: list[subprocess.Popen[str]]) -> bool:
    return sum(one.poll() is None for one in processes) == 1


@contextlib.contextmanager
def ended(processes: list[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(60)


def test_the_lock_of_a_killed_daemon_keeps_nobody_out(place: Installation) -> None:
    rounds = amount(2, 20)
    for number in range(rounds):
        process = start_daemon(place)
        wait_until(lambda: '"started"' in place.log)
        place.drop(f"{number}.jpg", sheet(row(number)))
        process.kill()
        process.wait()
        assert (place.base / "state" / "daemon.lock").exists()
        assert start_daemon(place, "--once").wait(60) == 0
    assert len(place.csv_lines()) == rounds
    print(f"{rounds} daemons killed, each followed at once")


def test_a_lock_file_that_somebody_removed_lets_no_second_one_in(place: Installation) -> None:
    with place.daemon():
        reads_on(place, 1)
        (place.base / "state" / "daemon.lock").unlink()
        assert start_daemon(place).wait(60) == 75
        assert "another Sheetwatch (process" in place.log
        reads_on(place, 2)


def test_commands_work_beside_the_daemon_that_is_theirs(
    place: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.daemon():
        place.drop("a.jpg", sheet(row(1), doubt(2), doubt(3)))
        wait_until(lambda: len(place.csv_lines()) == 1 and len(place.names("review")) == 8)
        first, second = sorted({name.partition(".")[0] for name in place.names("review")})
        assert place.command("review", "accept", first, "q1=5").returncode == 0
        assert place.command("review", "discard", second).returncode == 0
        wait_until(lambda: len(place.csv_lines()) == 2 and not place.names("review"))
        assert place.command("export", "--out", str(place.base / "copy")).returncode == 0
        assert place.names("copy") == place.names("results")
        for name in place.names("copy"):
            assert (place.base / "copy" / name).read_bytes() == (place.base / "results" / name).read_bytes()
        assert place.status()["healthy"]
        main(["check", "--config", str(place.config)])
        assert "Sheetwatch (process" not in capsys.readouterr().out


def link(path: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def bind(path: Path, target: Path) -> None:
    """Mount a folder under a second name; skip where that is not allowed."""
    for folder in (path, target):
        folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "--bind", target, path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"bind mounts are not possible here: {done.stderr.strip()}")


@pytest.fixture
def mounts_are_undone(tmp_path: Path) -> Iterator[None]:
    yield
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        point = Path(line.split(" ")[4])
        if point.is_relative_to(tmp_path):
            subprocess.run(["umount", point], check=True)


def two_links(base: Path) -> None:
    link(base / "link", base / "same")
    link(base / "other", base / "same")


OVERLAPS: dict[str, tuple[str, str, str, Callable[[Path], None]]] = {
    "the same": ("results: inbox", "inbox", "results", lambda _: None),
    "inside": ("results: inbox/results", "inbox", "results", lambda _: None),
    "around": ("review: state/review", "review", "state", lambda _: None),
    "state in the inbox": ("state: inbox/deep/er/state", "inbox", "state", lambda _: None),
    "two": ("archive: review", "archive", "review", lambda _: None),
    "inboxes": ("inbox: [inbox, inbox/desk]", "inbox", "inbox", lambda _: None),
    "dots": ("results: review/../inbox/../inbox/x", "inbox", "results", lambda _: None),
    "link": ("results: link", "inbox", "results", lambda base: link(base / "link", base / "inbox")),
    "link inside": ("results: link/x", "inbox", "results", lambda base: link(base / "link", base / "inbox")),
    "links to one": ("inbox: [link]\nreview: other", "inbox", "review", two_links),
    "templates": ("templates: [inbox/templates]", "inbox", "templates", lambda _: None),
    "bind": ("results: bound", "inbox", "results", lambda base: bind(base / "bound", base / "inbox")),
    "bind inside": ("results: bound", "inbox", "results", lambda base: bind(base / "bound", base / "inbox/x")),
    "bind below": ("results: far/x", "inbox", "results", lambda base: bind(base / "inbox/desk", base / "far")),
}


@pytest.mark.usefixtures("mounts_are_undone")
@pytest.mark.parametrize("case", OVERLAPS)
def test_overlapping_folders_are_refused_by_check_and_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    keys, one, other, prepare = OVERLAPS[case]
    keys = keys if "inbox:" in keys else f"{keys}\ninbox: [inbox]"
    place = Installation(tmp_path, f"{SETTINGS}{keys}\n")
    prepare(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for command, stream in (("check", "out"), ("run", "err")):
        assert main([command, "--config", str(place.config)]) == 78
        said = getattr(capsys.readouterr(), stream)
        assert f"{one} ({tmp_path}/" in said
        assert f" and {other} ({tmp_path}/" in said
        assert "overlap" in said
        assert "give each a folder of its own" in said
    assert sorted(tmp_path.rglob("*")) == before, "nothing was made"


# How the folders of a second installation, b, meet those of a running one, a; {a} and {b} are their folders.
MEETINGS: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "one inbox": ("inbox: [{a}/inbox]", lambda *_: None),
    "results of a, review of b": ("review: {a}/results", lambda *_: None),
    "state of b in the inbox of a": ("state: {a}/inbox/state", lambda *_: None),
    "inbox of b around a": ("inbox: [{a}]", lambda *_: None),
    "results of b in the inbox of a": ("results: {a}/inbox/../inbox/x/y", lambda *_: None),
    "link": ("archive: {b}/link/x", lambda a, b: link(b / "link", a / "archive")),
    "bind": ("archive: {b}/bound", lambda a, b: bind(b / "bound", a / "archive")),
}


@pytest.mark.usefixtures("mounts_are_undone")
@pytest.mark.parametrize("case", MEETINGS)
def test_an_installation_that_meets_a_running_one_is_refused(
    tmp_path: Path, place: Installation, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    keys, prepare = MEETINGS[case]
    base = tmp_path / "b"
    second = Installation(base, f"{SETTINGS}{keys.format(a=place.base, b=base)}\n")
    with place.daemon():
        reads_on(place, 1)
        wait_until(lambda: is_quiet(place))
        prepare(place.base, base)
        before = files_of(place)
        process = start_daemon(second)
        assert process.wait(60) == 75
        assert main(["check", "--config", str(second.config)]) == 78
        for said in (second.log, capsys.readouterr().out):
            assert "another Sheetwatch (process" in said
            assert re.search(r"works in \S+/a/\w+; give each its own folders", said)
        assert files_of(place) == before
        reads_on(place, 2)


def test_installations_side_by_side_work(tmp_path: Path, place: Installation) -> None:
    second = Installation(tmp_path / "b")
    with place.daemon(), second.daemon():
        reads_on(place, 1)
        reads_on(second, 1)
    assert place.status()["healthy"]
    assert second.status()["healthy"]
