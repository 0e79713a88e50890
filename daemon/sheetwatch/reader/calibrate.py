"""Probabilities that hold: the network's posterior sharpened or softened, and the threshold for an error bound."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from sheetwatch.domain import FieldKind
from sheetwatch.reader.grammar import Meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sheetwatch.domain import Field
    from sheetwatch.reader.manifest import Calibration, RiskPoint

_NEVER = 1.0
_HALF = Decimal("0.5")


def calibrated(probability: float, calibration: Calibration, *, left_out: bool = False) -> float:
    """The probability that a reading is right which the network gives this probability (Platt 1999).

    left_out: a long stroke of the crop was not shown to the network.
    """
    clipped = min(max(probability, 1e-9), 1.0 - 1e-9)
    odds = calibration.slope * math.log(clipped / (1.0 - clipped)) + calibration.offset
    most = calibration.ceiling * (calibration.doubtful if left_out else 1.0)
    return most / (1.0 + math.exp(-max(-500.0, min(500.0, odds))))


def is_fine(field: Field) -> bool:
    """Whether the field's marks go in steps finer than a half, so that 8.7 and 87 may both be meant."""
    return field.kind is FieldKind.MARK and bool(Decimal(str(field.step)) % _HALF)


def sharpened(ranked: Sequence[Meaning], calibration: Calibration, *, left_out: bool = False) -> list[Meaning]:
    """The best meaning with its calibrated probability, the others sharing the rest as before.

    None of them more than the best has; what is then left belongs to nothing that was read.
    """
    best, *others = ranked
    sure = calibrated(best.probability, calibration, left_out=left_out)
    rest = sum(one.probability for one in others)
    share = (1.0 - sure) / rest if rest > 0.0 else 0.0
    return [
        Meaning(best.state, best.value, sure),
        *(Meaning(state, value, min(sure, probability * share)) for state, value, probability in others),
    ]


def smallest_threshold(table: Iterable[RiskPoint], max_error: float) -> float:
    """The lowest threshold of the table whose error bound is small enough; 1.0, which no reading reaches, if none."""
    return min((point.threshold for point in table if point.error_bound <= max_error), default=_NEVER)
