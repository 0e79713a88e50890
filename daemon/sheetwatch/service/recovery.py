"""Before the first step: mend what a killed process left half done, and what an older ledger does not fit.

An older ledger is what a restored backup brings. Scans in work that it does not know come in afresh; scans that it has
in work, and that went to the archive since, are fetched from there.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from sheetwatch.files import file_sha256, fsync_folder, is_folder, make_folder, move, remove_folder, sweep
from sheetwatch.intake.claim import put_back
from sheetwatch.ledger import scans

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.ledger.records import HeldScan
    from sheetwatch.service.site import Site

_SCAN_ID = re.compile(r"\d{8}-\d{5,}")


def clean_up(site: Site) -> None:
    """Everything else that a crash left open is owed in the ledger, and done by the first step. Raises OSError."""
    _make_sure_of_folders(site)
    for folder in (site.settings.results, site.settings.review):
        sweep(folder)
    folders = _folders_of_scans(site.work)
    with site.ledger.reading() as tx:
        known = scans.known_scan_ids(tx, [folder.name for folder in folders])
        held = scans.held_scans(tx)
    for folder in folders:
        if folder.name in known:
            sweep(folder)
        else:
            _give_back(site, folder)
    missing = [scan for scan in held if not site.work_file(scan.scan_id, scan.suffix).exists()]
    if missing:
        _fetch(site, missing)


def _folders_of_scans(work: Path) -> list[Path]:
    """Whatever else lies among them is somebody's, and stays."""
    found = sorted(work.iterdir()) if work.is_dir() else []
    return [path for path in found if is_folder(path) and _SCAN_ID.fullmatch(path.name)]


def _make_sure_of_folders(site: Site) -> None:
    """A killed process may have made folders that a power cut would still undo, with all that comes to lie in them."""
    settings = site.settings
    parents = {folder.parent for folder in (settings.results, settings.archive, settings.review, settings.state)}
    for folder in (*parents, settings.archive, settings.state, site.work):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # no work yet; a parent that is not ours to open
            fsync_folder(folder)


def _give_back(site: Site, folder: Path) -> None:
    """A scan in work that the ledger does not know comes in afresh."""
    for work_file in folder.glob("scan*"):
        place = put_back(work_file, site.settings.inbox[0] / f"{folder.name}{work_file.suffix}")
        site.log.warning("scan_given_back", scan_id=folder.name, name=place.name)
    remove_folder(folder)


def _strangers(site: Site) -> list[Path]:
    """The files of the archive that the ledger does not know."""
    archive = site.settings.archive
    with site.ledger.reading() as tx:
        known = scans.archive_names(tx)
    files = [path for path in sorted(archive.glob("*/*")) if path.is_file() and not path.is_symlink()]
    return [path for path in files if str(path.relative_to(archive)) not in known]


def _fetch(site: Site, missing: list[HeldScan]) -> None:
    """Find the missing scans, by their content, among the files of the archive that the ledger does not know."""
    archive, strangers = site.settings.archive, _strangers(site)
    for scan in missing:
        alike = (path for path in strangers if path.stat().st_size == scan.size_bytes)
        found = next((path for path in alike if file_sha256(path) == scan.sha256), None)
        if found is None:
            why = f"it is neither in work nor, under any name, in {archive}; its pages go to review"
            site.log.error("scan_missing", scan_id=scan.scan_id, reason=why)
            continue
        strangers.remove(found)
        work_file = site.work_file(scan.scan_id, scan.suffix)
        make_folder(work_file.parent)
        move(found, work_file)
        site.log.warning("scan_fetched", scan_id=scan.scan_id, name=str(found.relative_to(archive)))
