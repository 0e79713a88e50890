"""How well the machine reads, from what people answered, and how that changes over the days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sheetwatch.ledger.store import Transaction

_PAIRS = 15
_SHEETS_A_DAY = 100  # are enough for a median

# What was read, and what the first person made of it. Of a page that was given its form by hand, nothing was read.
_FIRST = (
    "SELECT pages.template AS template, corrections.field AS field, corrections.was AS was,"
    " corrections.became AS became, EXISTS (SELECT 1 FROM reviews WHERE reviews.page = corrections.page"
    " AND reviews.closed_at = corrections.corrected_at) AS in_review"
    " FROM corrections JOIN pages ON pages.id = corrections.page"
    " WHERE corrections.id IN (SELECT min(id) FROM corrections GROUP BY page, field)"
    " AND instr(pages.readings, '\"' || corrections.field || '\"') > 0"
)
_BY_FIELD = (
    f"SELECT template, field, count(*) AS asked, sum(was = became) AS asked_right FROM ({_FIRST})"  # noqa: S608 - constants
    " WHERE in_review GROUP BY template, field ORDER BY template, field"
)
_CONFUSED = (
    f"SELECT was, became, count(*) AS times FROM ({_FIRST}) WHERE was != became"  # noqa: S608 - constants
    " GROUP BY was, became ORDER BY times DESC, was, became LIMIT ?"
)
_DAY = (
    "SELECT json_extract(alignment, '$.rms_error_px') AS error_px,"
    " (SELECT min(json_extract(value, '$.probability')) FROM json_each(pages.readings)) AS probability"
    " FROM pages WHERE decided_at >= ? AND decided_at < ? AND alignment IS NOT NULL ORDER BY decided_at LIMIT ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFigures:
    """How often a person was asked about a field in review, and how often what was read was right."""

    template: str
    field: str
    asked: int
    asked_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """What was read, what it was, and how often."""

    was: str
    became: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """Of some sheets of a day: how far their forms lay off, and the probability of their least sure value."""

    errors_px: tuple[float, ...]
    probabilities: tuple[float, ...]


def by_field(tx: Transaction) -> list[FieldFigures]:
    """Every field that a person gave or confirmed a value of in review; what was corrected later is wrong by choice."""
    return [
        FieldFigures(template=row["template"], field=row["field"], asked=row["asked"], asked_right=row["asked_right"])
        for row in tx.execute(_BY_FIELD)
    ]


def confusions(tx: Transaction) -> list[Confusion]:
    """The most frequent ones."""
    return [
        Confusion(was=row["was"], became=row["became"], times=row["times"]) for row in tx.execute(_CONFUSED, (_PAIRS,))
    ]


def day_figures(tx: Transaction, start: datetime, end: datetime) -> DayFigures:
    """The first sheets of a day. start, end: aware, in UTC as the ledger keeps it."""
    rows = tx.execute(_DAY, (start.isoformat(), end.isoformat(), _SHEETS_A_DAY)).fetchall()
    return DayFigures(
        errors_px=tuple(row["error_px"] for row in rows if row["error_px"] is not None),
        probabilities=tuple(row["probability"] for row in rows if row["probability"] is not None),
    )
