"""`sheetwatch template draft`: a blank form in, a template folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, FieldKind, Limits, ScanError, UsageError
from sheetwatch.drafts import PICTURE, template_name_of, write_draft
from sheetwatch.names import plain_text
from sheetwatch.vision.decode import open_scan
from sheetwatch.vision.draft.proposal import propose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.domain import Page, Template
    from sheetwatch.vision.draft.proposal import Proposal

_LIMITS = Limits(file_mb=50, megapixels=60)


def draft(*, blank: Path, page: int, folder: Path | None, name: str | None) -> Template:
    """Propose a template for a page (from 1) of a blank form, write it and say what it holds.

    Raises UsageError and ConfigError.
    """
    found = _page(blank, page)
    proposal = propose(found.grey, found.dpi)
    return save(proposal, source=blank, folder=folder, name=name)


def save(
    proposal: Proposal, *, source: Path, folder: Path | None, name: str | None, notes: Sequence[str] = ()
) -> Template:
    """Write a proposal into a folder and say what to do next. Raises ConfigError where nothing was found."""
    name = name or template_name_of(source.stem)
    folder = folder or Path(name)
    if not proposal.fields:
        raise ConfigError(
            f"{plain_text(str(source))}: no empty printed box was found; give the blank form, upright and scanned at "
            "200 dpi or more, or write template.yaml by hand"
        )
    template = write_draft(proposal, folder, name, notes)
    _tell(proposal, folder)
    return template


def _tell(proposal: Proposal, folder: Path) -> None:
    combs = [f"{field.name} ({field.comb} digits)" for field in proposal.fields if field.kind is FieldKind.DIGITS]
    marks = len(proposal.fields) - len(combs)
    print(f"{folder}: {marks} boxes" + (f" and {len(combs)} combs: {', '.join(combs)}" if combs else ""))
    print(f"look at: {folder / PICTURE}")
    print(f"then rename the fields and fill in max, step, key and checks: {folder / 'template.yaml'}")


def _page(blank: Path, page: int) -> Page:
    shown = plain_text(str(blank))
    try:
        with open_scan(blank, _LIMITS) as scan:
            if not 1 <= page <= scan.page_count:
                raise UsageError(f"{shown}: there is no page {page}; the file has {scan.page_count}, counted from 1")
            return scan.page(page - 1)
    except ScanError as error:
        raise ConfigError(f"{shown}: is no usable form: {error.detail}; save it as a PNG") from error
