"""A full disk, a vanished folder, hands that edit a CSV: intake pauses and says so, nothing is lost or overwritten."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch import files
from sheetwatch.delivery import archive
from sheetwatch.domain import LedgerError
from sheetwatch.files import DurabilityError, Unsynced
from sheetwatch.intake import claim
from sheetwatch.service.attention import Attention, needs_a_person
from sheetwatch.service.health import read_health
from sheetwatch.service.recovery import clean_up
from sheetwatch.service.report import report_of
from support.office import Office, doubt, row, sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from sheetwatch.worker import PageOutcome, PageTask


def refuse(code: int) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return refused


@pytest.mark.parametrize("name", ["results", "review", "archive", "inbox"])
def test_a_folder_that_vanishes_pauses_intake_until_it_is_back(office: Office, name: str) -> None:
    folder = office.inbox if name == "inbox" else getattr(office.settings, name)
    office.drop("a.jpg", sheet(row(1), doubt(2)))
    office.run_for(1)
    away = folder.with_name("away")
    folder.rename(away)
    office.run_for(60)
    assert office.service.faults.current
    health = read_health(office.settings.state)
    assert health is not None
    assert health.state == "paused"
    assert str(folder) in health.faults[0]
    if name != "inbox":
        office.drop("b.jpg", sheet(row(3)))
        office.run_for(30)
        assert office.names(office.inbox) == ["a.jpg", "b.jpg"], "nothing is taken up meanwhile"
    away.rename(folder)
    counts = office.settle(45)
    assert counts.rows == (1 if name == "inbox" else 2)
    assert counts.review == 1
    assert not office.service.faults.current
    assert office.nothing_owed


def test_a_results_folder_made_again_empty_is_filled_again(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    shutil.rmtree(office.settings.results)
    office.run_for(5)
    office.settings.results.mkdir()
    office.settle(40)
    assert len(office.csv_lines()) == 1
    assert office.logged("csv_made_again")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_writes_pauses_intake(office: Office, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    office.drop("a.jpg", sheet(row(1), doubt(2)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse(code))
        office.run_for(90)
        assert office.service.faults.current
    counts = office.settle(40)
    assert (counts.rows, counts.review) == (1, 1)
    assert len(office.csv_lines()) == 1
    assert len(office.logged("intake_paused")) < 12, "said when it changes, not all the time"


def test_a_short_write_leaves_no_half_row(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    office.drop("b.jpg", sheet(row(2)))
    original = os.write
    calls: list[int] = []

    def short(descriptor: int, data: Any) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return original(descriptor, bytes(data[:9]))
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        office.run_for(8)
    assert calls
    assert len(office.csv_lines()) == 1
    office.settle(40)
    assert len(office.csv_lines()) == 2


def test_a_worker_without_disk_space_is_tried_again_and_blames_no_page(office: Office) -> None:
    office.worker.fault = OSError(errno.ENOSPC, "full")
    office.drop("a.jpg", sheet(row(1)))
    office.run_for(120)
    assert office.service.faults.current[0].stage == "reading"
    assert len(office.worker.tasks) < 15, "with growing pauses"
    office.worker.fault = None
    assert office.settle(40).rows == 1


def test_a_scan_that_no_worker_could_be_started_for_is_opened_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("a.jpg", sheet(row(1)))
    with monkeypatch.context() as patch:
        patch.setattr(office.worker, "probe", refuse(errno.ENOMEM))
        office.run_for(20)
        assert office.service.faults.current
    assert office.settle(40).rows == 1


def test_a_failed_fsync_ends_the_process_and_the_next_start_mends(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("a.jpg", sheet(row(1)))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse(errno.EIO))
        with pytest.raises(DurabilityError):
            office.run_for(20)
    office.restart()
    assert office.settle().rows == 1
    assert len(office.csv_lines()) == 1


def test_a_failed_fsync_of_one_page_counts_before_what_became_of_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("a.tif", sheet(doubt(1), doubt(2), doubt(3)))
    read, faults = office.worker.read, [OSError(errno.ENOSPC, "full"), DurabilityError("fsync failed"), None]

    def failing(task: PageTask) -> Future[PageOutcome]:
        office.worker.fault = faults.pop(0)
        return read(task)

    with monkeypatch.context() as patch:
        patch.setattr(office.worker, "read", failing)
        with pytest.raises(DurabilityError):
            office.run_for(20)
    assert not faults
    assert not office.logged("page_read"), "its picture may be as little on the disk as the other one"
    office.worker.fault = None
    office.restart()
    assert office.settle().review == 3


def test_an_edited_csv_is_kept_aside_and_made_again(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    (csv,) = office.settings.results.iterdir()
    edited = csv.read_text().replace(",7,", ",9,")
    csv.write_text(edited)
    office.drop("b.jpg", sheet(row(2)))
    office.settle()
    assert csv.with_name(f"{csv.stem}.altered-1.csv").read_text() == edited
    assert len(csv.read_text().splitlines()) == 3
    assert any("altered" in notice for notice in report_of(office.settings, last=1).notices)


def test_a_deleted_csv_is_made_again_without_a_new_row(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    (csv,) = office.settings.results.iterdir()
    before = csv.read_bytes()
    csv.unlink()
    office.settle()
    assert csv.read_bytes() == before


def test_a_file_that_vanishes_while_it_settles_is_forgotten(office: Office) -> None:
    path = office.drop("a.jpg", sheet(row(1)))
    office.run_for(3)
    path.unlink()
    assert office.settle().pages_in == 0
    assert not office.service.faults.current


def test_a_scan_removed_from_the_state_folder_goes_to_review(office: Office) -> None:
    office.worker.fault = OSError(errno.EIO, "busy")
    office.drop("a.jpg", sheet(row(1)))
    office.run_for(10)
    for scan in office.site.work.rglob("scan.jpg"):
        scan.unlink()
    office.worker.fault = None
    assert office.settle(40).review == 1


def test_a_scan_that_grows_after_it_was_taken_up_is_reported(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.drop("a.tif", sheet(row(1)))
    read = office.worker.read

    def read_while_it_grows(task: PageTask) -> Future[PageOutcome]:
        task.scan_file.write_bytes(sheet(row(1), row(2)))
        return read(task)

    monkeypatch.setattr(office.worker, "read", read_while_it_grows)
    assert office.settle().rows == 1
    (archived,) = office.names(office.settings.archive)
    assert office.logged("scan_changed")
    office.restart()
    report = report_of(office.settings, last=1)
    assert archived in report.problems[0]
    assert not report.healthy
    (office.settings.state / "needs-a-person.txt").unlink()
    assert report_of(office.settings, last=1).healthy, "somebody has seen to it"


def test_a_scan_that_vanished_from_work_is_reported(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.drop("a.jpg", sheet(row(1)))
    archive_scans = office.service.deliveries.archive_scans

    def archive_what_is_gone() -> bool:
        for scan in office.site.work.rglob("scan.jpg"):
            scan.unlink()
        return archive_scans()

    monkeypatch.setattr(office.service.deliveries, "archive_scans", archive_what_is_gone)
    assert office.settle().rows == 1
    assert "a.jpg" in report_of(office.settings, last=1).problems[0]


def test_what_needs_a_person_is_kept_back_by_a_full_disk_only_for_a_while(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = Attention(office.site)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse(errno.ENOSPC))
        for number in range(7):
            attention.add(f"problem {number}")
    assert not needs_a_person(office.settings.state)
    attention.write()
    attention.write()
    shown = needs_a_person(office.settings.state)
    assert [line[17:] for line in shown[:-1]] == [f"problem {number}" for number in range(2, 7)]
    assert shown[-1].endswith("needs-a-person.txt (it names 2 earlier ones)")


def test_what_was_noticed_outlives_a_restart(office: Office) -> None:
    office.drop("a.jpg", sheet(row(1)))
    office.settle()
    (csv,) = office.settings.results.iterdir()
    csv.unlink()
    office.settle()
    office.restart()
    with office.service:
        office.run_for(1)
        assert any("was missing" in notice for notice in report_of(office.settings, last=1).notices)


def test_a_scan_that_cannot_be_archived_yet_keeps_its_name(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive has no space for a large scan, and then has for a small one of the same name."""
    move_new = files.move_new
    contents = [sheet(row(1)), sheet(row(2))]

    def refuse_large(source: Path, target: Path, later: Unsynced) -> None:
        if source.read_bytes() == contents[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        move_new(source, target, later)

    for folder, data in zip(("s1", "s2"), contents, strict=True):
        (office.inbox / folder).mkdir()
        (office.inbox / folder / "scan.txt").write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(archive, "move_new", refuse_large)
        office.run_for(20)
    assert office.settle(40).rows == 2
    day = office.settings.archive / f"{office.clock.now().astimezone():%Y-%m-%d}"
    assert [(day / name).read_bytes() for name in ("scan.txt", "scan-2.txt")] == contents


def test_a_file_that_took_the_place_of_a_scan_in_the_archive_stays(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.drop("scan.txt", sheet(row(1)))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "move_new", refuse(errno.ENOSPC))
        office.run_for(15)
    day = office.settings.archive / f"{office.clock.now().astimezone():%Y-%m-%d}"
    (day / "scan.txt").write_text("somebody's")
    office.settle(40)
    assert (day / "scan.txt").read_text() == "somebody's"
    assert (day / "scan-2.txt").read_bytes() == sheet(row(1))
    assert office.nothing_owed


def test_a_copy_in_the_archive_is_not_made_twice(tmp_path: Path) -> None:
    """Between file systems a crash may come between the copy and the removal of the work file."""
    work_file, target = tmp_path / "work" / "scan.txt", tmp_path / "day" / "scan.txt"
    for path in (work_file, target):
        path.parent.mkdir()
        path.write_text("scan")
    assert archive.archive_scan(work_file, target, Unsynced())
    assert not work_file.exists()
    assert archive.archive_scan(work_file, target, Unsynced()), "it is there already"
    assert [path.name for path in target.parent.iterdir()] == ["scan.txt"]


def copy_claims(patch: pytest.MonkeyPatch, inbox: Path) -> None:
    """As where the inbox is another mount."""
    rename = os.rename

    def refuse_from_inbox(source: Path, target: Path) -> None:
        if inbox in source.parents:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target)

    patch.setattr(os, "rename", refuse_from_inbox)


def test_a_scan_that_grows_between_its_copy_and_a_restart_is_read_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Path) -> None:
        raise Killed

    path = office.drop("a.txt", sheet(row(1)))
    with monkeypatch.context() as patch:
        copy_claims(patch, office.inbox)
        patch.setattr(claim, "remove", kill)
        with pytest.raises(Killed):
            office.run_for(20)
    grown = sheet(row(1)) + sheet(row(2))
    path.write_bytes(grown)
    office.restart()
    clean_up(office.site)
    assert office.settle(20).pages_in == len(grown.splitlines()) - 2, "the copy counts no page"
    assert not office.names(office.inbox)


def test_a_work_folder_that_keeps_no_exact_times_makes_no_scan_a_changed_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_without_times(source: Path, target: Path) -> None:
        files.copy_atomically(source, target)
        os.utime(target, ns=(0, 0))

    copy_claims(monkeypatch, office.inbox)
    monkeypatch.setattr(claim, "copy_atomically", copy_without_times)
    office.drop("a.txt", sheet(row(1)))
    assert office.settle(20).rows == 1
    assert not office.logged("scan_changed")


def test_a_replaced_ledger_stops_the_daemon(office: Office) -> None:
    path = office.ledger.path
    path.rename(path.with_name("old.db"))
    with pytest.raises(LedgerError, match="removed or replaced"):
        office.run_for(2)


def test_work_unknown_to_an_older_ledger_comes_in_afresh(office: Office) -> None:
    folder = office.site.work / "20250101-00009"
    folder.mkdir(parents=True)
    (folder / "scan.jpg").write_bytes(sheet(row(5)))
    clean_up(office.site)
    assert office.names(office.inbox) == ["20250101-00009.jpg"]
    assert office.settle().rows == 1


def test_a_scan_in_work_that_is_nowhere_is_told_at_the_start(office: Office) -> None:
    """As with an older ledger, restored while the archive is not mounted."""
    office.worker.fault = OSError(errno.EIO, "busy")
    for name in ("a.jpg", "b.jpg"):
        office.drop(name, sheet(row(name == "b.jpg")))
    office.run_for(10)
    gone, moved = sorted(office.site.work.rglob("scan.jpg"))
    gone.unlink()
    archived = office.settings.archive / "2026-03-02" / "b.jpg"
    archived.parent.mkdir()
    moved.rename(archived)
    clean_up(office.site)
    assert [entry["scan_id"] for entry in office.logged("scan_missing")] == [gone.parent.name]
    assert [entry["scan_id"] for entry in office.logged("scan_fetched")] == [moved.parent.name]
    assert moved.exists()


def test_what_is_nobodys_of_ours_keeps_no_daemon_from_starting(office: Office) -> None:
    settings = office.settings
    strangers = [settings.review / ".sheetwatch-x", office.site.work / "lost+found", settings.results / ".sheetwatch-y"]
    for folder in strangers:
        folder.mkdir(parents=True)
    (office.site.work / "notes").write_text("x")
    clean_up(office.site)
    assert all(folder.is_dir() for folder in strangers)
    assert (office.site.work / "notes").exists()
    for folder in strangers:
        folder.rmdir()


def test_a_folder_under_a_temporary_name_of_ours_stops_no_stage(office: Office) -> None:
    office.drop("a.jpg", sheet(doubt(1)))
    folder = office.settings.review / ".sheetwatch-a-20260302-00001-p0.review.txt"
    folder.mkdir()
    office.run_for(20)
    assert folder.is_dir()
    assert not office.service.faults.current
    folder.rmdir()
    assert len(office.names(office.settings.review)) == 4
