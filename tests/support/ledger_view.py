"""Looking into the ledger of a running daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.ledger import Accounting, Ledger, accounting, all_sheets, owed
from sheetwatch.service.site import LEDGER_NAME

if TYPE_CHECKING:
    from sheetwatch.ledger import SheetLine
    from support.processes import Installation


def accounting_of(place: Installation) -> Accounting | None:
    """The accounting, once nothing is owed any more."""
    with Ledger.open_for_reading(place.base / "state" / LEDGER_NAME) as ledger:
        return accounting(ledger) if owed(ledger).nothing else None


def all_done(place: Installation, pages: int | None = None) -> bool:
    """Whether nothing is left to be done for any page, and so many came in (None: however many)."""
    counts = accounting_of(place)
    return counts is not None and counts.pages_in == (pages or counts.pages_in) and not counts.in_work


def sheets_of(place: Installation) -> list[SheetLine]:
    """Every page of the ledger."""
    with Ledger.open_for_reading(place.base / "state" / LEDGER_NAME) as ledger:
        return all_sheets(ledger)
