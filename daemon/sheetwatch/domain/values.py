"""Canonical text of a value: "7", "7.5", "0"; never "7.0", "07" or "7,5"."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_TWO_MEANINGS = re.compile(r"\d+,\d{3}")


def canonical_number(number: Decimal) -> str:
    """A number as its shortest plain decimal text: Decimal("7.50") gives "7.5", Decimal("10") gives "10"."""
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text


def parse_number(text: str) -> Decimal:
    """A number as people type it: "7", "07", "7.5", "7,5", "7½", "½". Raises ValueError on anything else.

    Also on "12,000": in one country that is twelve, in another twelve thousand.
    """
    if _TWO_MEANINGS.fullmatch(text.strip()):
        raise ValueError(f"{text!r} may be thousands or thousandths")
    plain = text.strip().replace(",", ".")
    if plain.endswith("½"):
        plain = f"{plain[:-1] or '0'}.5"
    whole, dot, fraction = plain.partition(".")
    if not (plain.isascii() and (whole + fraction).isdigit() and (fraction or not dot)):
        raise ValueError(f"{text!r} is not a number")
    try:
        return Decimal(plain)
    except InvalidOperation as error:  # pragma: no cover - digits with one dot always parse
        raise ValueError(f"{text!r} is not a number") from error
