"""Settled scans go to the archive, several together: what that takes of the ledger and of the disk, they share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sheetwatch.delivery import archive
from sheetwatch.files import Unsynced, make_folder, remove_tree, written_ns
from sheetwatch.ledger import scans
from sheetwatch.service.clock import local_day

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sheetwatch.ledger import Transaction
    from sheetwatch.ledger.records import SettledScan
    from sheetwatch.service.site import Site

_AT_ONCE = 50


class Archiving:
    """The way from work into the archive. `problem`: told what needs a person."""

    def __init__(self, site: Site, problem: Callable[[str], None]) -> None:
        self._site = site
        self._problem = problem

    def put_away(self, settled: Sequence[SettledScan]) -> None:
        """Move scans to the archive, and clear their work folders. Raises the first OSError, after all were tried."""
        errors: list[OSError] = []
        for first in range(0, len(settled), _AT_ONCE):
            errors += self._put_away_together(settled[first : first + _AT_ONCE])
        if errors:
            raise errors[0]

    def _put_away_together(self, settled: Sequence[SettledScan]) -> list[OSError]:
        """Each step for all of them; before the next one begins, it is on the disk."""
        names: dict[int, str | None] = {}
        moved, cleared, errors = Unsynced(), Unsynced(), list[OSError]()
        with self._site.ledger.transaction() as tx:
            named = _those_that_work(settled, lambda scan: self._note_name(tx, scan, names), errors)
        there = _those_that_work(named, lambda scan: self._move(scan, names, moved), errors)
        moved.sync()
        done = _those_that_work(there, lambda scan: remove_tree(self._work_file(scan).parent, cleared), errors)
        cleared.sync()
        with self._site.ledger.transaction() as tx:
            for scan in done:
                scans.archived(tx, scan.scan)
        for scan in done:
            self._site.log.info("scan_archived", scan_id=scan.scan_id, name=names[scan.scan])
        return errors

    def _work_file(self, scan: SettledScan) -> Path:
        return self._site.work_file(scan.scan_id, scan.suffix)

    def _note_name(self, tx: Transaction, scan: SettledScan, names: dict[int, str | None]) -> None:
        """Where a scan goes: chosen once, written down before it goes there. None: it is not kept."""
        changed = _is_changed(self._work_file(scan), scan)
        if scan.keep or changed:
            names[scan.scan] = scan.archived_as or self._choose_name(tx, scan)
        else:
            names[scan.scan] = None
        if changed:
            self._report_changed(scan, names[scan.scan])

    def _choose_name(self, tx: Transaction, scan: SettledScan) -> str:
        root, day = self._site.settings.archive, local_day(self._site.clock.now())
        make_folder(root / day.isoformat())
        is_promised = partial(scans.is_archive_name, tx)
        archived_as = archive.choose_name(root, day, scan.name, scan.suffix, is_promised)
        scans.choose_archive_name(tx, scan.scan, archived_as)
        return archived_as

    def _move(self, scan: SettledScan, names: dict[int, str | None], moved: Unsynced) -> None:
        """To its place; where somebody put something there, to another one, which is noted in `names`."""
        root, work_file, name = self._site.settings.archive, self._work_file(scan), names[scan.scan]
        if name is None:
            return
        try:
            is_there = archive.archive_scan(work_file, root / name, moved)
        except FileExistsError:
            with self._site.ledger.transaction() as tx:
                names[scan.scan] = name = self._choose_name(tx, scan)
            is_there = archive.archive_scan(work_file, root / name, moved)
        moved.forget(work_file.parent)  # it is removed before anything is announced
        if not is_there:
            self._report_missing(scan)

    def _report_missing(self, scan: SettledScan) -> None:
        """Its rows stand, and nothing is left to compare them with."""
        self._site.log.error("scan_missing", scan_id=scan.scan_id, reason="it is neither in work nor in the archive")
        self._problem(
            f"{scan.name} ({scan.scan_id}) was read, and is neither in work nor in the archive; somebody removed it: "
            "put it into the archive again from the scanner or a backup"
        )

    def _report_changed(self, scan: SettledScan, archived_as: str | None) -> None:
        """A scanner, or a copy, went on writing into a scan that was ours: perhaps pages came that nobody read."""
        self._site.log.error("scan_changed", scan_id=scan.scan_id, name=archived_as)
        self._problem(
            f"{scan.name} was written to after it was taken up (raise watch.settle_s); compare archive/{archived_as} "
            "with its rows, and put it into the inbox again if pages are missing"
        )


def _those_that_work(
    settled: Sequence[SettledScan], action: Callable[[SettledScan], None], errors: list[OSError]
) -> list[SettledScan]:
    """Do something for every scan. Returns those it went well for; `errors` gets what went wrong with the others."""
    done = []
    for scan in settled:
        try:
            action(scan)
        except OSError as error:
            errors.append(error)
        else:
            done.append(scan)
    return done


def _is_changed(work_file: Path, scan: SettledScan) -> bool:
    """Whether a scan in work is another one than was opened and counted."""
    try:
        status = work_file.stat()
    except FileNotFoundError:
        return False
    return (status.st_size, written_ns(status)) != (scan.size_bytes, scan.mtime_ns)
