"""What becomes of a page that was read: a row, review, or nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import Pages, Reason, ReasonCode
from sheetwatch.ledger import DropCause
from sheetwatch.worker import is_dropped

if TYPE_CHECKING:
    from sheetwatch.domain import PageReading


@dataclass(frozen=True, slots=True)
class AsRow:
    """The page enters the CSV."""


@dataclass(frozen=True, slots=True)
class ForReview:
    """The page needs a person."""

    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Dropped:
    """The page makes no row and needs nobody."""

    cause: DropCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What came before this page: the scan with the same content, the sheet with the same key."""

    same_scan: str | None = None
    same_key: str | None = None


def decide(reading: PageReading, before: Before, pages: Pages, key: str | None) -> AsRow | ForReview | Dropped:
    """One verdict of the reading, the settings and what came before."""
    if is_dropped(reading.verdict, pages):
        return Dropped(_cause(reading))
    reasons = (*reading.verdict.reasons, *_reasons_of(before, key))
    return ForReview(reasons) if reasons else AsRow()


def _cause(reading: PageReading) -> DropCause:
    codes = {reason.code for reason in reading.verdict.reasons}
    return DropCause.BLANK if ReasonCode.BLANK_PAGE in codes else DropCause.NO_TEMPLATE


def _reasons_of(before: Before, key: str | None) -> list[Reason]:
    reasons = []
    if before.same_scan:
        reasons.append(Reason(code=ReasonCode.DUPLICATE_SCAN, detail=f"as scan {before.same_scan}"))
    if before.same_key:
        reasons.append(Reason(code=ReasonCode.DUPLICATE_KEY, detail=f"sheet {before.same_key} has it", field=key))
    return reasons
