"""What a draft read on a filled sheet, as the page shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sheetwatch.delivery.words import meaning
from sheetwatch.web.words import percent, shown

if TYPE_CHECKING:
    from sheetwatch.domain import PageReading, Reading
    from sheetwatch.worker.designing import Tried


def as_shown(tried: Tried) -> dict[str, Any]:
    """As JSON. Boxes are left, top, right and bottom in pixels of the tried sheet's picture."""
    reading = tried.reading
    boxes = tried.sheet.boxes or (None,) * len(reading.fields)
    return {
        "width": tried.sheet.width_px,
        "height": tried.sheet.height_px,
        "page": tried.page + 1,
        "pages": tried.page_count,
        "accepted": reading.verdict.accepted,
        "reasons": [meaning(reason) for reason in reading.verdict.reasons],
        "fields": [
            {**_field(reading, name, one), "box": box}
            for (name, one), box in zip(reading.fields.items(), boxes, strict=True)
        ],
    }


def _field(reading: PageReading, name: str, one: Reading) -> dict[str, Any]:
    reasons = [replace(reason, field=None) for reason in reading.verdict.reasons if reason.field == name]
    return {
        "name": name,
        "shown": shown(one),
        "state": "doubtful" if reasons else one.state.value,
        "probability": percent(one.probability),
        "others": [f"{other.value or 'nothing'} ({percent(other.probability)})" for other in one.shown().alternatives],
        "reasons": [meaning(reason) for reason in reasons],
    }
