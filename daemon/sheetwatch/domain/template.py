"""A template: a blank reference image, the fields on it and the checks between them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class FieldKind(StrEnum):
    """What a person writes into a field."""

    MARK = "mark"
    INTEGER = "integer"
    DIGITS = "digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in reference pixels, origin top left."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column right of the box."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.top + self.height


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The column of a CSV in which a field's value must stand, with its values."""

    source: str
    column: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number to read.

    `kind` also takes its text ("mark"). `max` is the largest allowed value of a mark or integer, `step` what a
    mark is a multiple of, `length` the number of characters of a `digits` field (None: any), `comb` the
    number of equal boxes the field is printed as, one digit each (None: one box).
    """

    name: str
    kind: FieldKind
    box: Box | None = None
    max: float | None = None
    step: float = 0.5
    length: int | None = None
    comb: int | None = None
    required: bool = False
    roster: Roster | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FieldKind(self.kind))

    def allows(self, number: Decimal) -> bool:
        """Whether a number lies in the field's range and on its step."""
        if number < 0 or (self.max is not None and number > Decimal(str(self.max))):
            return False
        step = Decimal(str(self.step)) if self.kind is FieldKind.MARK else Decimal(1)
        return number % step == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOf:
    """The sum of the `best` largest of the named fields."""

    best: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SumCheck:
    """The field `total` must equal the sum of `terms` (field names or best-of groups), rounded as `round` says."""

    total: str
    terms: tuple[str | BestOf, ...]
    round: Literal["none", "up", "nearest"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """A form that Sheetwatch can read.

    `reference`: uint8 (H, W), the blank sheet, 0 = black, read-only. `revision`: first 12 hex digits of the SHA-256
    over template.yaml and the reference, so that every row says which state of the template read it.
    """

    name: str
    title: str
    reference: npt.NDArray[np.uint8]
    fields: tuple[Field, ...]
    checks: tuple[SumCheck, ...] = ()
    key: str | None = None
    revision: str = ""

    def field(self, name: str) -> Field:
        """The field of that name. Raises KeyError when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)
