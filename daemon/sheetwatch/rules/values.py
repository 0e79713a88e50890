"""What one field's value must hold: range, step, length, presence, roster."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sheetwatch.domain import FieldKind, Reason, ReasonCode, canonical_number, parse_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sheetwatch.domain import Field

_LONGEST_NUMBER = 15  # beyond this no sheet holds a number, and exact arithmetic would need more digits
_DASHES = frozenset({"-", "\N{EN DASH}", "\N{EM DASH}", "/"})


def canonical_value(field: Field, text: str) -> str:
    """A value as a person types it, as canonical text: "07" gives "7", "7½" gives "7.5", a dash gives "".

    Digits keep their zeros. Raises ValueError when the text is no value of this kind of field.
    """
    plain = text.strip()
    if not plain or plain in _DASHES:
        return ""
    if field.kind is FieldKind.DIGITS:
        if not (plain.isascii() and plain.isdigit()):
            raise ValueError(f"{text!r} is not made of digits")
        return plain
    if len(plain) > _LONGEST_NUMBER:
        raise ValueError(f"{text!r} is too long for a number")
    return canonical_number(parse_number(plain))


def value_reasons(field: Field, value: str | None) -> Iterator[Reason]:
    """What speaks against a value; None: unknown, nothing can be said."""
    if value is None:
        return
    if not value:
        if field.required:
            yield Reason(code=ReasonCode.MISSING_VALUE, detail="a value must stand here", field=field.name)
        return
    against = _digits_fault(field, value) if field.kind is FieldKind.DIGITS else _number_fault(field, value)
    if against:
        yield Reason(code=ReasonCode.OUT_OF_RANGE, detail=against, field=field.name)
    elif field.roster is not None and value not in field.roster.values:
        detail = f"{value} does not stand in {field.roster.column} of {field.roster.source}"
        yield Reason(code=ReasonCode.NOT_ON_ROSTER, detail=detail, field=field.name)


def _digits_fault(field: Field, value: str) -> str | None:
    if not (value.isascii() and value.isdigit()):
        return f"{value} is not made of digits"
    if field.length is not None and len(value) != field.length:
        return f"{value} has {len(value)} digits instead of {field.length}"
    return None


def _number_fault(field: Field, value: str) -> str | None:
    try:
        number = parse_number(value[: _LONGEST_NUMBER + 1])
    except ValueError:
        return f"{value} is not a number"
    if len(value) > _LONGEST_NUMBER:
        return f"{value} is too long for a number"
    if field.allows(number):
        return None
    if field.max is not None and number > Decimal(str(field.max)):
        return f"{value} is more than {field.max:g}"
    return f"{value} is not a multiple of {field.step:g}" if field.kind is FieldKind.MARK else f"{value} is not whole"
