"""Rules: readings in, verdict out. Ranges, steps, required fields, rosters and sums; all in exact decimals.

First `settle` lets the known numbers of a roster and the written totals say what they know about the readings; then
`judge` asks whether each reading is certain enough and whether the values fit the template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import Accept, Reason, Template, Verdict
from sheetwatch.rules.confidence import Bar, doubts
from sheetwatch.rules.settle import settle
from sheetwatch.rules.sums import sum_reasons
from sheetwatch.rules.values import canonical_value, value_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import Reading

__all__ = ["canonical_value", "check_values", "judge", "settle"]


def judge(
    template: Template,
    readings: Mapping[str, Reading],
    accept: Accept,
    threshold: float,
    *,
    ink: Mapping[str, Reading] | None = None,
) -> Verdict:
    """Judge a page: accepted when every field is read for certain and the values fit the template.

    readings: one per field of the template, settled. threshold: the probability that a reading must reach by the ink.
    ink: the readings before they were settled; None: `readings` are.
    """
    known = {name: _known_value(reading) for name, reading in readings.items()}
    against = _against_template(template, known)
    bar = Bar(threshold=threshold, settled=max(threshold, 1.0 - accept.max_field_error))
    names = [field.name for field in template.fields]
    return Verdict(reasons=(*doubts(names, readings, ink or readings, bar, against), *against))


def check_values(template: Template, values: Mapping[str, str]) -> tuple[Reason, ...]:
    """What speaks against values that a person typed; none when the template allows them all.

    values: text by field name; fields left out count as empty. Raises KeyError for a name that is no field.
    """
    typed: dict[str, str | None] = dict.fromkeys((field.name for field in template.fields), "")
    for name, text in values.items():
        field = template.field(name)
        try:
            typed[name] = canonical_value(field, text)
        except ValueError:
            typed[name] = text
    return _against_template(template, typed)


def _known_value(reading: Reading) -> str | None:
    """The value, or None where nobody can say what stands there."""
    return None if reading.state == "unreadable" else reading.value


def _against_template(template: Template, values: Mapping[str, str | None]) -> tuple[Reason, ...]:
    """Reasons from the fields in template order, then from the checks between them."""
    reasons = [reason for field in template.fields for reason in value_reasons(field, values[field.name])]
    for check in template.checks:
        reasons.extend(sum_reasons(check, values))
    return tuple(reasons)
