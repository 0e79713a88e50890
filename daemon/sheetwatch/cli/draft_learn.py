"""`sheetwatch template learn`: filled sheets of one form in, its blank and a template folder out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sheetwatch.cli.draft import save
from sheetwatch.domain import ConfigError, Limits
from sheetwatch.draft_sheets import SheetPages, SheetPlace, doubts_of, sheet_places, too_few
from sheetwatch.vision.draft.learning import TooFewSheets, Unfit, learn
from sheetwatch.vision.draft.proposal import propose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sheetwatch.domain import Template

_LIMITS = Limits()


def learn_and_draft(*, files: Sequence[Path], folder: Path | None, name: str | None) -> Template:
    """Learn the blank, draft a template from it, and say which sheets were left out and what is doubtful.

    Raises ConfigError when too few sheets show one form.
    """
    places = [place for file in files for place in sheet_places(file, _LIMITS)]
    try:
        learned = learn(SheetPages(places, _LIMITS))
    except TooFewSheets as error:
        _name_left_out(error.left_out, places)
        raise ConfigError(too_few(error)) from error
    _name_left_out(learned.left_out, places)
    proposal = propose(learned.blank)
    notes = tuple(doubts_of(learned, proposal))
    for note in notes:
        print(f"doubtful: {note}", file=sys.stderr)
    print(f"learned from {len(learned.used)} of {len(places)} sheets")
    return save(proposal, source=places[learned.used[0]].file, folder=folder, name=name, notes=notes)


def _name_left_out(left_out: Sequence[Unfit], places: Sequence[SheetPlace]) -> None:
    for unfit in left_out:
        print(f"left out: {places[unfit.index]}: {unfit.why}", file=sys.stderr)
