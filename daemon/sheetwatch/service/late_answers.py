"""Answers that nobody waits for: kept aside, with a text for whoever wrote them; never removed, never used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.delivery import review_folder
from sheetwatch.delivery.words import answered_an_older_sheet, answered_too_late
from sheetwatch.ledger import reviews

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.ledger import OpenReview
    from sheetwatch.ledger.records import ReviewFiles
    from sheetwatch.service.site import Site


def keep_after_decision(site: Site, closed: ReviewFiles) -> None:
    """The page was decided, and its sheet says something that nobody took. Raises OSError."""
    if _says_more(site, closed.stem, closed.sheet_sha256):
        with site.ledger.reading() as tx:
            why = reviews.decision_in_words(tx, closed.review)
        _keep(site, closed.stem, why, lambda kept: answered_too_late(closed.stem, kept, why))


def keep_before_placing(site: Site, review: OpenReview) -> None:
    """A new sheet is about to be written where one lies that somebody filled in. Raises OSError."""
    if _says_more(site, review.stem, review.sheet_sha256):
        why = "the sheet is written anew"
        _keep(site, review.stem, why, lambda kept: answered_an_older_sheet(review.stem, kept))


def _says_more(site: Site, stem: str, known_sha256: str | None) -> bool:
    """Whether a sheet lies there that is neither as we wrote it nor as we took it."""
    sheet_sha256 = review_folder.sheet_sha256(site.settings.review, stem)
    return sheet_sha256 not in {None, known_sha256}


def _keep(site: Site, stem: str, why: str, text: Callable[[str], str]) -> None:
    kept = review_folder.keep_late(site.settings.review, stem, text)
    site.log.warning("answer_too_late", stem=stem, reason=why, kept=kept)
