"""Answers that nobody waits for: kept aside, with a text for whoever wrote them; never removed, never used."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sheetwatch.delivery import review_folder
from sheetwatch.delivery.words import answered_an_older_sheet, answered_too_late
from sheetwatch.ledger import reviews

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sheetwatch.ledger import OpenReview
    from sheetwatch.ledger.records import ReviewFiles
    from sheetwatch.service.site import Site


def keep_after_decision(site: Site, closed: ReviewFiles) -> None:
    """The page was decided, and a sheet of it says something that nobody took. Raises OSError.

    Some who move a page back into the inbox move its filled-in sheet with it.
    """
    for folder in (site.settings.review, closed.returned_to):
        if folder and review_folder.says_more(folder, closed.stem, closed.sheet_sha256):
            with site.ledger.reading() as tx:
                why = reviews.decision_in_words(tx, closed.review)
            _keep(site, folder, closed.stem, why, partial(answered_too_late, closed.stem, why=why))


def keep_before_placing(site: Site, review: OpenReview) -> None:
    """A new sheet is about to be written where one lies that somebody filled in. Raises OSError."""
    if review_folder.says_more(site.settings.review, review.stem, review.sheet_sha256):
        why = "the sheet is written anew"
        text = partial(answered_an_older_sheet, review.stem)
        _keep(site, site.settings.review, review.stem, why, text)


def _keep(site: Site, found_in: Path, stem: str, why: str, text: Callable[[str], str]) -> None:
    kept = review_folder.keep_late(found_in, site.settings.review, stem, text)
    site.log.warning("answer_too_late", stem=stem, reason=why, kept=kept)
