"""Model: what the shipped model's card says of it, and how well it reads here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, g, render_template

from sheetwatch.domain import ConfigError
from sheetwatch.ledger import audits, figures
from sheetwatch.ledger.browse import last_model
from sheetwatch.shipped import shipped_folder
from sheetwatch.web.place import here
from sheetwatch.web.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sheetwatch.ledger import Ledger, Transaction
    from sheetwatch.ledger.audits import Tally

pages = Blueprint("model", __name__, url_prefix="/model")
_SECTION = "## Figures"
_DAYS = 30
_LEAST_ERROR_PX = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTable:
    """A table of the model card. `before`: the sentence in front of it."""

    before: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLine:
    """One field: of how many values a person was asked in doubt, or audited blind, and how many were right."""

    what: str
    asked: int
    asked_right: int
    audited: int
    audited_right: int


def table_of(card: str) -> CardTable | None:
    """The first table under the card's figures; None where there is none."""
    _, _, section = card.partition(f"\n{_SECTION}\n")
    lines = section.partition("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("|")]
    if len(table) < 2:
        return None
    above = [line for line in lines[: lines.index(table[0])] if line and not line.startswith(" ")]
    title, _, *rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table)
    return CardTable(before=above[-1] if above else "", columns=title, lines=tuple(rows))


@lru_cache(maxsize=1)
def _card() -> CardTable | None:
    try:
        return table_of((shipped_folder("models") / "README.md").read_text("utf-8"))
    except (ConfigError, OSError):
        return None


@pages.get("/")
def show() -> str:
    """The page."""
    with here().ledger() as ledger:
        with ledger.reading() as tx:
            fields = field_lines(figures.by_field(tx), audits.tallies(tx))
            confused = figures.confusions(tx)
        errors, probabilities = _trends(ledger, here().clock.now())
        used = last_model(ledger)
    g.title = "Model"
    return render_template(
        "model.html",
        card=_card(),
        used=used,
        own=here().settings.model is not None,
        fields=fields,
        confused=confused,
        errors=errors,
        probabilities=probabilities,
    )


def field_lines(asked: Sequence[figures.FieldFigures], audited: Sequence[Tally]) -> list[FieldLine]:
    """Both figures of every field that has one."""
    names = sorted({(one.template, one.field) for one in asked} | {(one.template, one.field) for one in audited})
    lines = []
    for name in names:
        doubts = [one for one in asked if (one.template, one.field) == name]
        audits_of = [one for one in audited if (one.template, one.field) == name]
        count = sum(one.audited for one in audits_of)
        lines.append(
            FieldLine(
                what=f"{name[0]}: {name[1]}",
                asked=sum(one.asked for one in doubts),
                asked_right=sum(one.asked_right for one in doubts),
                audited=count,
                audited_right=count - sum(one.wrong for one in audits_of),
            )
        )
    return lines


def _trends(ledger: Ledger, now: datetime) -> tuple[Trend, Trend]:
    today = now.astimezone().date()
    days = [today - timedelta(days=back) for back in reversed(range(_DAYS))]
    with ledger.reading() as tx:
        found = [_day(tx, day) for day in days]
    return (
        Trend.of(days, [one.errors_px for one in found], least_top=_LEAST_ERROR_PX),
        Trend.of(days, [one.probabilities for one in found], least_top=1.0),
    )


def _day(tx: Transaction, day: date) -> figures.DayFigures:
    start, end = (datetime.combine(one, time()).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return figures.day_figures(tx, start, end)
