"""What `read` prints about one page: a line of JSON for programs, a table for people."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sheetwatch.domain import PageReading, State
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from rich.console import Console

    from sheetwatch.domain import Alignment, Reading

_STYLES = {State.WRITTEN: "", State.EMPTY: "dim", State.NOT_ATTEMPTED: "blue", State.UNREADABLE: "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReport:
    """One page as it was read. `source`: as given on the command line; `was_read`: False when nothing was decoded."""

    source: str
    page: int
    page_count: int
    reading: PageReading
    elapsed_ms: float
    was_read: bool = True


def json_line(report: PageReport) -> str:
    """The page as one JSON object on one line, in ASCII, whatever the file is called."""
    reading = report.reading
    return json.dumps(
        {
            "source": os.fsencode(report.source).decode(errors="backslashreplace"),
            "page": report.page,
            "template": reading.template,
            "verdict": str(reading.verdict),
            "reasons": [
                {"code": str(reason.code), "field": reason.field, "detail": reason.detail}
                for reason in reading.verdict.reasons
            ],
            "alignment": _alignment(reading.alignment),
            "fields": {name: _field(found) for name, found in reading.fields.items()},
            "model": reading.model,
            "elapsed_ms": round(report.elapsed_ms, 1),
        },
        allow_nan=False,
    )


def print_report(console: Console, report: PageReport) -> None:
    """The page as a heading, its reasons and a table of its fields."""
    from rich.text import Text  # noqa: PLC0415 - costs 100 ms, and --json needs none of it

    reading = report.reading
    heading = Text(f"{plain_text(report.source)}, page {report.page + 1} of {report.page_count}: ", style="bold")
    if report.was_read:
        heading.append(str(reading.verdict), style="bold green" if reading.verdict.accepted else "bold red")
        heading.append(f" ({reading.template or 'no template'}, {report.elapsed_ms:.0f} ms)", style="dim")
    else:
        heading.append("cannot be read", style="bold red")
    console.print(heading, soft_wrap=True)
    for reason in reading.verdict.reasons:
        where = f" {reason.field}" if reason.field else ""
        console.print(Text(f"  {reason.code}{where}: {reason.detail}"), soft_wrap=True)
    if reading.fields:
        console.print(_table(reading))


def _table(reading: PageReading) -> Any:
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    rows = [(_row(name, found), _STYLES[found.state]) for name, found in reading.fields.items()]
    table = Table(box=None, padding=(0, 2, 0, 2))
    for column, heading in enumerate(("field", "value", "state", "probability", "or")):
        # On a narrow terminal only the last column gives way.
        widest = 0 if heading == "or" else max(len(row[column]) for row, _ in rows)
        table.add_column(heading, no_wrap=True, min_width=max(widest, len(heading)))
    for row, style in rows:
        table.add_row(*(Text(cell) for cell in row), style=style)
    return table


def _row(name: str, found: Reading) -> tuple[str, ...]:
    others = ", ".join(f"{other.value or 'nothing'} ({other.probability:.4f})" for other in found.alternatives)
    return name, found.value, str(found.state), f"{found.probability:.4f}", others


def _alignment(alignment: Alignment | None) -> dict[str, Any] | None:
    if alignment is None:
        return None
    return {
        "inliers": alignment.inliers,
        "rms_error_px": _finite(alignment.rms_error_px, 2),
        "worst_field_px": _finite(alignment.worst_field_px, 2),
    }


def _field(found: Reading) -> dict[str, Any]:
    return {
        "value": found.value,
        "state": str(found.state),
        "probability": _finite(found.probability, 6),
        "alternatives": [[other.value, _finite(other.probability, 6)] for other in found.alternatives],
    }


def _finite(number: float, digits: int) -> float | None:
    """JSON has no word for infinity."""
    return round(float(number), digits) if math.isfinite(number) else None
