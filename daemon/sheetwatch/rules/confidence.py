"""Whether a reading is certain enough, and how its doubt is put into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import Reason, ReasonCode, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sheetwatch.domain import Reading

_SUSPECT = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How likely a reading must be: `threshold` by the ink alone, `settled` where the sums or a roster made it so.

    The threshold was proven on readings by the ink and says nothing of the others. Each of those must itself be wrong
    at most as often as `max_field_error` allows on average: a bar three times as lax let in two wrong marks on 300
    simulated sheets whose total was a slip.
    """

    threshold: float
    settled: float

    def clear(self, reading: Reading, ink: Reading) -> bool:
        """Whether the ink alone makes this settled reading certain enough."""
        same = reading.value == ink.value and ink.state is not State.UNREADABLE
        return same and ink.probability >= self.threshold


def doubts(
    names: Iterable[str],
    readings: Mapping[str, Reading],
    ink: Mapping[str, Reading],
    bar: Bar,
    against: Sequence[Reason],
) -> Iterator[Reason]:
    """The reasons for review of the readings that are not certain enough.

    against: what else speaks against the page. Where a sum does not match, every mark becomes a little doubtful; then
    those that are clear by themselves are named only when they are likely suspects, as the page is reviewed anyway.
    """
    mismatch = any(reason.code is ReasonCode.SUM_MISMATCH for reason in against)
    for name in names:
        clear = bar.clear(readings[name], ink[name])
        if mismatch and clear and readings[name].probability >= _SUSPECT:
            continue
        reason = doubt(name, readings[name], bar.threshold if clear else bar.settled)
        if reason:
            yield reason


def doubt(name: str, reading: Reading, threshold: float) -> Reason | None:
    """The reason for review when a reading is unreadable or below the threshold; names the runner-up."""
    if reading.state is State.UNREADABLE:
        return Reason(code=ReasonCode.LOW_CONFIDENCE, detail=f"could not be read{_perhaps(reading)}", field=name)
    if reading.probability >= threshold:
        return None
    best = f"{spoken(reading.value, reading.state)} ({shown_probability(reading.probability)})"
    runner_up = next((other for other in reading.alternatives if other.value != reading.value), None)
    if runner_up is None:
        detail = f"{best}, not certain enough"
    else:
        detail = f"{best} or {spoken(runner_up.value)} ({shown_probability(runner_up.probability)})"
    return Reason(code=ReasonCode.LOW_CONFIDENCE, detail=detail, field=name)


def spoken(value: str, state: State = State.EMPTY) -> str:
    """A value in words: the empty ones need some."""
    return value or ("not attempted" if state is State.NOT_ATTEMPTED else "nothing")


def shown_probability(probability: float) -> str:
    """Two digits, and as many more as keep a doubt from looking like certainty: 0.62, 0.9985."""
    return f"{probability:.2f}" if not 0.995 <= probability < 1 else f"{min(probability, 0.9999):.4f}"


def _perhaps(reading: Reading) -> str:
    guess = reading.value or next((other.value for other in reading.alternatives if other.value), "")
    return f"; perhaps {guess}" if guess else ""
