"""Before the first step: mend what a killed process left, and give back what the ledger does not know."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sheetwatch.files import fsync_folder, remove_folder, sweep
from sheetwatch.intake.claim import put_back
from sheetwatch.ledger import scans

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.service.site import Site


def clean_up(site: Site) -> None:
    """Everything else that a crash left open is owed in the ledger, and done by the first step. Raises OSError."""
    _make_sure_of_folders(site)
    for folder in (site.settings.results, site.settings.review):
        sweep(folder)
    folders = sorted(site.work.iterdir()) if site.work.is_dir() else []
    with site.ledger.reading() as tx:
        known = scans.known_scan_ids(tx, [folder.name for folder in folders])
    for folder in folders:
        if folder.name in known:
            sweep(folder)
        else:
            _give_back(site, folder)


def _make_sure_of_folders(site: Site) -> None:
    """A killed process may have made folders that a power cut would still undo, with all that comes to lie in them."""
    settings = site.settings
    parents = {folder.parent for folder in (settings.results, settings.archive, settings.review, settings.state)}
    for folder in (*parents, settings.archive, settings.state, site.work):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # no work yet; a parent that is not ours to open
            fsync_folder(folder)


def _give_back(site: Site, folder: Path) -> None:
    """A scan in work that the ledger does not know, as after restoring an older one: it comes in afresh."""
    for work_file in folder.glob("scan*"):
        place = put_back(work_file, site.settings.inbox[0] / f"{folder.name}{work_file.suffix}")
        site.log.warning("scan_given_back", scan_id=folder.name, name=place.name)
    remove_folder(folder)
