"""The backup and the restoring that deploy/faults.md describes, command by command, taken from that page and run.

In full: SHEETWATCH_FAULTS=full python -m pytest -s tests/faults/test_backup.py
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.ledger import Ledger, PageState, accounting, all_sheets
from support.amount import amount
from support.office import doubt, row, sheet
from support.processes import TEXT_DAEMON, Installation, environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAGE = Path(__file__).resolve().parents[2] / "deploy" / "faults.md"


def documented(title: str) -> str:
    """The commands below a heading of the page, without their indentation."""
    section = PAGE.read_text().partition(f"### {title}\n")[2].partition("\n#")[0]
    lines = re.findall(r"^    (.*)$", section, re.MULTILINE)
    assert lines, f"{PAGE.name} has no commands under {title!r}"
    return "\n".join(lines)


def follow(title: str, *, site: Path, backup: Path, meanwhile: Callable[[], None] = lambda: None) -> str:
    """Do what the page says, with the folders of a test; `meanwhile` happens after each command.

    Files that move while they are copied are no failure.
    """
    if not shutil.which("sqlite3"):
        pytest.skip("the command sqlite3 is not installed")
    commands = documented(title).replace("/srv/sheetwatch", str(site)).replace("/backup/sheetwatch", str(backup))
    commands = re.sub("^sheetwatch ", f"{sys.executable} -m sheetwatch ", commands, flags=re.MULTILINE)
    said = ""
    for command in commands.splitlines():
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, cwd=site.parent, env=environment()
        )
        strange = [line for line in done.stderr.splitlines() if "No such file or directory" not in line]
        assert not strange, done.stderr
        said += done.stdout
        meanwhile()
    return said


def run_once(place: Installation) -> None:
    assert place.start(str(TEXT_DAEMON), str(place.config), "--once").wait(120) == 0


def rolls(lines: Sequence[str]) -> list[int]:
    return sorted(int(line.split(",")[5]) for line in lines)


def sheets_of(ledger_file: Path) -> dict[str, PageState]:
    """Every page that a ledger knows, and where it is."""
    with Ledger.open_for_reading(ledger_file) as ledger:
        assert accounting(ledger).balanced
        return {line.sheet_id: line.state for line in all_sheets(ledger)}


def drop_scan(place: Installation, number: int) -> None:
    """A scan with a row and, every other one, a page for review; the roll numbers 2 N and 2 N + 1 are its own."""
    temporary = place.base / "inbox" / f".{number}.tmp"
    pages = [row(2 * number), *([] if number % 2 else [doubt(2 * number + 1)])]
    temporary.write_bytes(sheet(*pages))
    temporary.rename(place.base / "inbox" / f"{number}.jpg")


def wait_for_two_more(place: Installation, scans: int) -> None:
    """Let two more rows be written, if so many come."""
    target = min(len(place.csv_lines()) + 2, scans)
    wait_until(lambda: len(place.csv_lines()) >= target)


@pytest.mark.timeout(600)
def test_back_up_under_load_and_restore_into_an_empty_place(tmp_path: Path) -> None:
    """Everything that the backup knows is there again, once; everything else that it holds comes in again, once."""
    rounds, scans = amount(1, 10), amount(30, 60)
    for number in range(rounds):
        _back_up_and_restore(tmp_path / str(number), scans)


def _back_up_and_restore(base: Path, scans: int) -> None:
    place, backup = Installation(base / "site"), base / "backup"
    backup.mkdir()
    with place.daemon() as daemon:
        for number in range(scans):
            drop_scan(place, number)
        wait_until(lambda: len(place.csv_lines()) > scans // 4)
        work_goes_on = partial(wait_for_two_more, place, scans)
        follow("Back up", site=place.base, backup=backup, meanwhile=work_goes_on)
        after_backup = len(place.csv_lines())
        wait_until(lambda: len(place.csv_lines()) == scans)
        daemon.kill()
    known = sheets_of(backup / "state" / "sheetwatch.db")
    place.base.rename(base / "lost")

    restored = Installation(base / "site")
    follow("Restore", site=restored.base, backup=backup)
    run_once(restored)
    now = sheets_of(restored.base / "state" / "sheetwatch.db")
    assert set(known) <= set(now), "nothing that the backup knew is lost"
    assert all(now[page] is state for page, state in known.items() if state is not PageState.WORK)
    assert not any(state is PageState.WORK for state in now.values())
    back_again = restored.log.count("scan_given_back")
    fetched = restored.log.count("scan_fetched")

    strangers = follow("Find scans that came after the backup", site=restored.base, backup=backup).split()
    for name in strangers:
        archived = restored.base / "archive" / name
        archived.rename(restored.base / "inbox" / archived.name)
    run_once(restored)
    _check_the_books(restored)
    files = [*(restored.base / "archive").rglob("*.jpg"), *(restored.base / "state" / "work").rglob("scan.jpg")]
    held = {path.read_bytes() for path in files}  # a scan on its way to the archive may be held twice: once in review
    rows = rolls(restored.csv_lines())
    assert len(rows) == len(set(rows)) == len(held), "each scan that the backup holds has its row, once"
    print(
        f"{scans} scans, {after_backup} rows when the backup ended: {len(known)} pages known to it, all there; "
        f"{back_again} scans in work came in again, {fetched} were fetched from the archive, {len(strangers)} of the "
        f"archive put into the inbox again; {len(rows)} rows, 0 twice"
    )


def _check_the_books(place: Installation) -> None:
    """Everything is accounted for and delivered; the review folder is complete again."""
    with place.daemon():
        waiting = place.status()["accounting"]["review"]
        wait_until(lambda: len(place.names("review")) == 4 * waiting)
    status = place.status()
    assert status["healthy"]
    assert status["accounting"]["balanced"]
    assert not any(status["owed"].values())
    assert place.command("export", "--out", str(place.base / "copy")).returncode == 0
    for name in place.names("copy"):
        assert (place.base / "copy" / name).read_bytes() == (place.base / "results" / name).read_bytes()


def test_an_older_ledger_beside_newer_folders_loses_no_row_unseen(tmp_path: Path) -> None:
    """Only the disk with the state died: results, review and archive know more than the restored ledger."""
    place, backup = Installation(tmp_path / "site"), tmp_path / "backup"
    backup.mkdir()
    drop_scan(place, 0)
    run_once(place)
    follow("Back up", site=place.base, backup=backup)
    drop_scan(place, 2)
    place.drop("late.jpg", sheet(row(50)))
    run_once(place)
    (csv,) = (place.base / "results").iterdir()
    newer = csv.read_bytes()
    shutil.rmtree(place.base / "state" / "work")
    follow("Restore only the state", site=place.base, backup=backup)
    run_once(place)
    assert csv.with_name(f"{csv.stem}.altered-1.csv").read_bytes() == newer, "rows that the ledger does not know"
    assert rolls(csv.read_text().splitlines()[1:]) == [0]
    strangers = follow("Find scans that came after the backup", site=place.base, backup=backup).split()
    assert [Path(name).name for name in strangers] == ["late.jpg"]
    (place.base / "archive" / strangers[0]).rename(place.base / "inbox" / "late.jpg")
    run_once(place)
    _check_the_books(place)
    only_in_lost = {*place.names("review.lost")} - {*place.names("review")}
    (page,) = [name for name in only_in_lost if ".review." not in name]
    (place.base / "review.lost" / page).rename(place.base / "inbox" / page)
    run_once(place)
    assert rolls(csv.read_text().splitlines()[1:]) == [0, 50]
    assert place.status()["accounting"]["review"] == 2


def test_a_copy_of_the_open_file_alone_is_no_backup(tmp_path: Path) -> None:
    """Why the page says so: what was committed last stands in the write-ahead log."""
    place = Installation(tmp_path)
    with place.daemon():
        drop_scan(place, 2)
        wait_until(lambda: len(place.csv_lines()) == 1)
        ledger, copy, snapshot = (tmp_path / "state" / "sheetwatch.db", tmp_path / "copy.db", tmp_path / "good.db")
        shutil.copy(ledger, copy)
        with sqlite3.connect(ledger) as connection:
            connection.execute("VACUUM INTO ?", (str(snapshot),))
        connection.close()
    assert len(sheets_of(snapshot)) == 2
    with sqlite3.connect(copy) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        pages = connection.execute("SELECT count(*) FROM pages").fetchone()[0] if tables else 0
    connection.close()
    assert pages < 2
