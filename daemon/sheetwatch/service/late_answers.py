"""Answers that nobody waits for: kept aside, with a text for whoever wrote them; never removed, never used."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sheetwatch.delivery import review_folder
from sheetwatch.delivery.words import answered_an_older_sheet, answered_too_late
from sheetwatch.files import remove
from sheetwatch.ledger import reviews

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sheetwatch.ledger import OpenReview
    from sheetwatch.ledger.records import ReviewFiles
    from sheetwatch.service.site import Site


def keep_after_decision(site: Site, closed: ReviewFiles) -> None:
    """The page was decided: its sheet goes, and is kept where it says something that nobody took. Raises OSError.

    Some who move a page back into the inbox move its filled-in sheet with it.
    """
    folders = (folder for folder in (site.settings.review, closed.returned_to) if folder)
    for sheet in (folder / f"{closed.stem}{review_folder.SHEET}" for folder in folders):
        if review_folder.says_more(sheet, closed.sheet_sha256):
            _keep_decided(site, closed, sheet)
        else:
            review_folder.take_out_sheet(sheet, partial(_keep_or_remove, site, closed))


def _keep_or_remove(site: Site, closed: ReviewFiles, sheet: Path) -> None:
    if review_folder.says_more(sheet, closed.sheet_sha256):
        _keep_decided(site, closed, sheet)
    else:
        remove(sheet)


def _keep_decided(site: Site, closed: ReviewFiles, sheet: Path) -> None:
    with site.ledger.reading() as tx:
        why = reviews.decision_in_words(tx, closed.review)
    _keep(site, sheet, closed.stem, why, partial(answered_too_late, closed.stem, why=why))


def keep_before_placing(site: Site, review: OpenReview) -> None:
    """A new sheet is about to be written where one lies that somebody filled in. Raises OSError."""
    sheet = site.settings.review / f"{review.stem}{review_folder.SHEET}"
    if review_folder.says_more(sheet, review.sheet_sha256):
        _keep_older(site, review, sheet)


def keep_displaced(site: Site, review: OpenReview, sheet: Path) -> None:
    """What a new sheet took the place of: removed, or kept where somebody filled it in that moment. Raises OSError."""
    if review_folder.says_more(sheet, review.sheet_sha256):
        _keep_older(site, review, sheet)
    else:
        remove(sheet)


def _keep_older(site: Site, review: OpenReview, sheet: Path) -> None:
    text = partial(answered_an_older_sheet, review.stem)
    _keep(site, sheet, review.stem, "the sheet is written anew", text)


def _keep(site: Site, sheet: Path, stem: str, why: str, text: Callable[[str], str]) -> None:
    kept = review_folder.keep_late(sheet, site.settings.review, stem, text)
    site.log.warning("answer_too_late", stem=stem, reason=why, kept=kept)
