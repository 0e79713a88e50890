"""What the template designer has done in a process of its own: decode blanks, learn them, try a draft, load it."""

from __future__ import annotations

import csv
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.domain import Limits, ScanError, SheetPicture, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Box, Field, Page, PageReading, Settings, Template
    from sheetwatch.vision.draft.proposal import Proposal

    Grey = npt.NDArray[np.uint8]

REFERENCE = "reference.png"
TRIED = "tried.jpg"
_LARGEST_MB = 50.0
_JPEG_QUALITY = 85
_MOST_COLUMNS = 200
_LARGEST_LIST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What was found on a blank, which lies as reference.png in the draft's folder.

    `others`: printed rectangles that are not proposed, but may be meant. `notes`: what to look at.
    """

    fields: tuple[Field, ...]
    width_px: int
    height_px: int
    others: tuple[Box, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a draft reads on a filled sheet, whose picture lies as tried.jpg in the draft's folder."""

    reading: PageReading
    sheet: SheetPicture
    page: int
    page_count: int


def draft_blank(scan: Path, page: int, folder: Path, limits: Limits) -> Drafted:
    """Propose fields for a page (from 0) of a blank form, and write its reference. Raises UsageError, OSError."""
    from sheetwatch.vision.draft.proposal import propose  # noqa: PLC0415 - the pages must not load OpenCV

    found, _ = _page(scan, page, limits)
    return _written(propose(found.grey, found.dpi), folder)


def learn_blank(scans: Sequence[Path], folder: Path, limits: Limits) -> Drafted:
    """Learn the blank from filled sheets, propose fields and write the reference. Raises UsageError, OSError."""
    from sheetwatch.draft_sheets import SheetPages, doubts_of, sheet_places, too_few  # noqa: PLC0415
    from sheetwatch.vision.draft.learning import TooFewSheets, learn  # noqa: PLC0415
    from sheetwatch.vision.draft.proposal import propose  # noqa: PLC0415

    limits = _limits(limits)
    places = [place for scan in scans for place in sheet_places(scan, limits)]
    try:
        learned = learn(SheetPages(places, limits))
    except TooFewSheets as error:
        told = "; ".join(f"sheet {unfit.index + 1}: {unfit.why}" for unfit in error.left_out)
        raise UsageError(f"{too_few(error)}{f' (left out: {told})' if told else ''}") from error
    proposal = propose(learned.blank)
    notes = (
        f"Learned from {len(learned.used)} of {len(places)} sheets.",
        *(f"Sheet {unfit.index + 1} was left out: {unfit.why}." for unfit in learned.left_out),
        *(f"Look here: {doubt}." for doubt in doubts_of(learned, proposal)),
    )
    return _written(proposal, folder, notes)


def load_whole(folder: Path) -> Template:
    """Load a template as the daemon does, picture and all; without its picture. Raises ConfigError."""
    import numpy as np  # noqa: PLC0415

    from sheetwatch.templates import load_template  # noqa: PLC0415

    return replace(load_template(folder), reference=np.zeros((0, 0), np.uint8))


def take_over(source: Path, folder: Path) -> Drafted:
    """Begin a draft from a template that is in use. Raises ConfigError, OSError."""
    from sheetwatch.overlay import as_png  # noqa: PLC0415
    from sheetwatch.templates import load_template  # noqa: PLC0415

    template = load_template(source)
    _write(folder / REFERENCE, as_png(template.reference))
    height_px, width_px = template.reference.shape
    return Drafted(fields=template.fields, width_px=width_px, height_px=height_px)


def columns_of(roster: Path) -> tuple[str, ...]:
    """The names of a CSV's columns, once all of it was read. Raises UsageError."""
    try:
        if roster.stat().st_size > _LARGEST_LIST_BYTES:
            raise UsageError("this list is larger than 2 MB; keep only the columns that are needed")
        with roster.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, strict=True)
            header = tuple(rows.fieldnames or ())
            deque(rows, maxlen=0)
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"this list cannot be read: {error}; save it as a CSV in UTF-8") from error
    if not 0 < len(header) <= _MOST_COLUMNS:
        raise UsageError(f"this list has {len(header)} columns; its first line must name 1 to {_MOST_COLUMNS}")
    return header


def try_sheet(scan: Path, page: int, folder: Path, settings: Settings) -> Tried:
    """Read a page (from 0) of a filled sheet with the draft in this folder. Raises UsageError, ConfigError, OSError."""
    import cv2  # noqa: PLC0415

    from sheetwatch.overlay import bare_sheet  # noqa: PLC0415
    from sheetwatch.pipeline import read_page  # noqa: PLC0415
    from sheetwatch.reader import load_reader  # noqa: PLC0415
    from sheetwatch.templates import load_template  # noqa: PLC0415

    cv2.setNumThreads(1)
    template = load_template(folder)
    found, page_count = _page(scan, page, settings.limits)
    reading = read_page(found.grey, [template], load_reader(settings.model), settings.accept)
    bare = bare_sheet(found.grey, template, reading)
    _, jpeg = cv2.imencode(".jpg", bare.picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    _write(folder / TRIED, jpeg.tobytes())
    height_px, width_px = bare.picture.shape
    return Tried(
        reading=replace(reading, alignment=None),
        sheet=SheetPicture(name=TRIED, width_px=width_px, height_px=height_px, boxes=bare.boxes),
        page=page,
        page_count=page_count,
    )


def _page(scan: Path, page: int, limits: Limits) -> tuple[Page, int]:
    """One page of an uploaded file, and how many it has. Raises UsageError."""
    from sheetwatch.vision.decode import open_scan  # noqa: PLC0415

    try:
        with open_scan(scan, _limits(limits)) as opened:
            if not 0 <= page < opened.page_count:
                raise UsageError(f"there is no page {page + 1}; the file has {opened.page_count}")
            return opened.page(page), opened.page_count
    except ScanError as error:
        raise UsageError(f"this file is no usable picture: {error.detail}; save it as PNG, JPEG or PDF") from error


def _limits(limits: Limits) -> Limits:
    return replace(limits, file_mb=min(limits.file_mb, _LARGEST_MB))


def _written(proposal: Proposal, folder: Path, notes: tuple[str, ...] = ()) -> Drafted:
    from sheetwatch.drafts import worth_showing  # noqa: PLC0415
    from sheetwatch.overlay import as_png  # noqa: PLC0415

    _write(folder / REFERENCE, as_png(proposal.reference))
    height_px, width_px = proposal.reference.shape
    others = tuple(item.box for item in worth_showing(proposal))
    if not proposal.fields:
        notes = (*notes, "No empty printed box was found. Draw the boxes yourself, or give a sharper scan.")
    return Drafted(fields=proposal.fields, width_px=width_px, height_px=height_px, others=others, notes=notes)


def _write(path: Path, data: bytes) -> None:
    from sheetwatch.files import write_atomically  # noqa: PLC0415

    write_atomically(path, data)
