"""What people do to the rolling CSVs: noticed, told, kept aside, and the file made again as `sheetwatch export` has it.

Real daemon. In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_spreadsheets.py
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.office import Office, doubt, office_settings, row, sheet
from support.processes import TEXT_DAEMON, Installation, wait_until
from support.spreadsheets import SAVES, excel_utf8, one_value, replace_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHEETS = 6


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def filled(place: Installation) -> Path:
    """Run until a CSV has some rows; returns it."""
    place.drop("first.jpg", sheet(*(row(number) for number in range(SHEETS))))
    run_once(place)
    return the_csv(place)


def run_once(place: Installation) -> None:
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(60) == 0


def the_csv(place: Installation) -> Path:
    (path,) = [path for path in (place.base / "results").glob("exam-*.csv") if "altered" not in path.name]
    return path


def content(path: Path) -> bytes:
    """What the file holds; nothing at the instant in which it is being made again."""
    try:
        return b"" if path.is_symlink() else path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return b""


def kept(place: Installation) -> list[Path]:
    """What was kept aside, oldest first."""
    paths = (place.base / "results").glob("*.altered-*.csv")
    return sorted(paths, key=lambda path: int(path.stem.rpartition("-")[2]))


def exported(place: Installation) -> bytes:
    out = place.base / "out"
    assert place.command("export", "--out", str(out)).returncode == 0
    return (out / the_csv(place).name).read_bytes()


def is_made_again(place: Installation, path: Path, whole: bytes, kept_aside: int) -> bool:
    return len(kept(place)) == kept_aside and content(path) == whole


def check_told(place: Installation, path: Path, what: str, times: int) -> None:
    """The log tells of every time, and `status` of the last one."""
    wait_until(lambda: place.log.count('"event": "csv_made_again"') == times)
    wait_until(lambda: any(f"{path.name} {what}" in notice for notice in place.status()["notices"][-1:]))


def test_whatever_a_program_saves_is_kept_and_the_file_made_again(place: Installation) -> None:
    path = filled(place)
    whole = path.read_bytes()
    with place.daemon():
        for number, save in enumerate(SAVES, 1):
            save(path)
            saved = path.read_bytes()
            assert saved != whole, f"{save.__name__} is an edit"
            wait_until(partial(is_made_again, place, path, whole, number))
            assert kept(place)[-1].read_bytes() == saved
        check_told(place, path, "was altered by somebody and was made again from the ledger", len(SAVES))
        place.drop("next.jpg", sheet(row(50)))
        wait_until(lambda: len(content(path).splitlines()) == SHEETS + 2)
        assert path.read_bytes() == exported(place)
    assert len(kept(place)) == len(SAVES)
    assert place.status()["healthy"]
    print(f"{len(SAVES)} kinds of saving: {len(SAVES)} kept aside, CSV made again each time")


def delete(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name("my copy.csv"))


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "notes.txt").write_text("mine")


def put_link(path: Path) -> None:
    """Somebody moves the file to where they work and leaves a link."""
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.mkdir()
    path.symlink_to(path.rename(elsewhere / path.name))


def put_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("replace", "aside"), [(delete, 0), (rename, 0), (put_folder, 1), (put_link, 1), (put_dangling_link, 1)]
)
@pytest.mark.parametrize("running", [True, False])
def test_a_file_that_is_gone_or_something_else_is_made_again(
    place: Installation, replace: Callable[[Path], None], aside: int, *, running: bool
) -> None:
    path = filled(place)
    whole = path.read_bytes()
    if running:
        with place.daemon():
            replace(path)
            wait_until(lambda: content(path) == whole)
            check_told(place, path, "was altered" if aside else "was missing", 1)
    else:
        replace(path)
        run_once(place)
        check_told(place, path, "was altered" if aside else "was missing", 1)
    assert path.read_bytes() == whole == exported(place)
    assert len(kept(place)) == aside
    if replace is put_folder:
        assert (kept(place)[0] / "notes.txt").read_text() == "mine"
    if replace is put_link:
        assert (path.parent.parent / "elsewhere" / path.name).read_bytes() == whole, "what it led to is untouched"
    if replace is rename:
        assert path.with_name("my copy.csv").read_bytes() == whole


def test_what_is_done_while_no_daemon_runs_is_noticed_at_the_next_start(place: Installation) -> None:
    path = filled(place)
    saves = SAVES[: amount(4, len(SAVES))]
    for number, save in enumerate(saves, 1):
        whole = path.read_bytes()
        save(path)
        saved = path.read_bytes()
        place.drop(f"{number}.jpg", sheet(row(100 + number)))
        run_once(place)
        assert kept(place)[-1].read_bytes() == saved
        assert path.read_bytes().startswith(whole), "and the new row is there as well"
        assert path.read_bytes() == exported(place)
        check_told(place, path, "was altered by somebody", number)
    assert len(path.read_bytes().splitlines()) == 1 + SHEETS + len(saves)
    print(f"{len(saves)} kinds of saving between two runs: all kept aside, all rows there")


def test_a_decision_in_the_terminal_without_a_daemon_overwrites_no_edit(place: Installation) -> None:
    place.drop("a.jpg", sheet(row(1), doubt(2)))
    run_once(place)
    path = the_csv(place)
    excel_utf8(path)
    saved = path.read_bytes()
    stem = place.names("review")[0].partition(".")[0]
    done = place.command("review", "accept", stem, "q1=5")
    assert done.returncode == 0
    assert "csv_made_again" in done.stderr
    assert kept(place)[0].read_bytes() == saved
    assert path.read_bytes() == exported(place)
    assert len(path.read_bytes().splitlines()) == 3


@contextlib.contextmanager
def open_in_a_spreadsheet(path: Path) -> Iterator[bytes]:
    """As LibreOffice has it open: both kinds of locks, a lock file beside it, the content loaded."""
    lock_file = path.with_name(f".~lock.{path.name}#")
    lock_file.write_text(",ann,desk1,21.11.2026 14:51,file:///home/ann;")
    with path.open("r+b") as file, path.open("r+b") as other:
        fcntl.lockf(file, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)
        yield file.read()
    lock_file.unlink()


@pytest.mark.parametrize(
    "save", [replace_whole, lambda path, data: path.write_bytes(data)], ids=["renamed", "in place"]
)
def test_a_csv_that_is_open_and_locked_gets_its_rows_and_a_stale_save_costs_none(
    place: Installation, save: Callable[[Path, bytes], object]
) -> None:
    path = filled(place)
    more = amount(3, 30)
    with place.daemon(), open_in_a_spreadsheet(path) as loaded:
        inode = path.stat().st_ino
        for number in range(more):
            place.drop(f"{number}.jpg", sheet(row(100 + number)))
        wait_until(lambda: len(content(path).splitlines()) == 1 + SHEETS + more)
        assert path.stat().st_ino == inode, "appended, not replaced under the spreadsheet"
        assert place.status()["healthy"]
        stale = loaded.replace(b",7,", b",8,")
        save(path, stale)
        wait_until(lambda: len(kept(place)) == 1 and len(content(path).splitlines()) == 1 + SHEETS + more)
        assert kept(place)[0].read_bytes() == stale
        assert path.read_bytes() == exported(place)
        assert [path.name for path in path.parent.iterdir() if path.name.startswith(".")] == [f".~lock.{path.name}#"]


def test_saving_all_the_time_while_rows_arrive_costs_neither_a_row_nor_an_edit(place: Installation) -> None:
    """A person who keeps saving, against a daemon that keeps appending: every state saved is kept or was ours."""
    path = filled(place)
    saves, sheets = amount(15, 300), amount(15, 300)
    mine: list[bytes] = []
    with place.daemon():
        for number in range(sheets):
            place.drop(f"{number}.jpg", sheet(row(1000 + number)))
        for number in range(saves):
            mine.append(b"mine %d" % number)
            replace_whole(path, content(path) + mine[-1])
            wait_until(lambda: mine[-1] not in content(path))
        wait_until(lambda: len(content(path).splitlines()) == 1 + SHEETS + sheets)
        assert path.read_bytes() == exported(place)
    found = [one.read_bytes() for one in kept(place)]
    assert [one for one in mine if not any(data.endswith(one) for data in found)] == []
    print(f"{saves} saves against {sheets} sheets: 0 edits lost, 0 rows lost")


def test_the_csv_of_an_earlier_day_is_left_to_its_readers_and_export_makes_it_again(tmp_path: Path) -> None:
    with Office(settings=office_settings(tmp_path)) as office:
        office.drop("a.jpg", sheet(row(1)))
        office.settle()
        (path,) = office.settings.results.iterdir()
        office.clock.at += timedelta(days=1)
        one_value(path)
        edited = path.read_bytes()
        office.drop("b.jpg", sheet(row(2)))
        assert office.settle(60).rows == 2
        assert path.read_bytes() == edited
        assert len(list(office.settings.results.iterdir())) == 2


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], None]]:
    """Makes a file one that even root cannot write, move or remove; undone at the end."""
    paths: list[Path] = []

    def make(path: Path) -> None:
        done = subprocess.run(["chattr", "+i", path], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"files cannot be made immutable here: {done.stderr.strip()}")
        paths.append(path)

    if not shutil.which("chattr"):
        pytest.skip("chattr is not installed")
    yield make
    for path in paths:
        subprocess.run(["chattr", "-i", path], check=False, capture_output=True)


def test_a_csv_that_cannot_be_written_pauses_intake_until_it_can(
    place: Installation, immutable: Callable[[Path], None]
) -> None:
    path = filled(place)
    with place.daemon():
        immutable(path)
        place.drop("next.jpg", sheet(row(50)))
        wait_until(lambda: any(path.name in problem for problem in place.status()["problems"]))
        place.drop("later.jpg", sheet(row(51)))
        assert '"event": "intake_paused"' in place.log
        subprocess.run(["chattr", "-i", path], check=True)
        wait_until(lambda: len(content(path).splitlines()) == SHEETS + 3)
        wait_until(lambda: place.status()["healthy"])
    assert path.read_bytes() == exported(place)
    assert not kept(place)


def test_read_only_for_the_daemons_user_pauses_intake_too(tmp_path: Path) -> None:
    """As a Windows client sets it through Samba. Root may write all the same, so the daemon runs as nobody."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a daemon under another user")
    with Office(settings=office_settings(tmp_path)) as office:
        office.drop("a.jpg", sheet(row(1)))
        office.settle()
        (path,) = office.settings.results.iterdir()
        path.chmod(0o444)
        with as_nobody(tmp_path):
            office.drop("b.jpg", sheet(row(2)))
            office.run_for(20)
            assert path.name in office.service.faults.current[0].message
            path.chmod(0o644)
            office.run_for(40)
        assert not office.service.faults.current
        assert len(office.csv_lines()) == 2


@contextlib.contextmanager
def as_nobody(base: Path) -> Iterator[None]:
    """This process without root's rights, and everything below `base`, and the way there, its own."""
    for path in [base, *base.rglob("*")]:
        os.chown(path, 65534, 65534, follow_symlinks=False)
    above = [path for path in base.parents if not path.stat().st_mode & 0o001]
    for path in above:
        path.chmod(0o711)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        for path in above:
            path.chmod(0o700)
