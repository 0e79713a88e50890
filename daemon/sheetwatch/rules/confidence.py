"""Whether a reading is certain enough, and how its doubt is put into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import Reason, ReasonCode, State

if TYPE_CHECKING:
    from sheetwatch.domain import Reading


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
