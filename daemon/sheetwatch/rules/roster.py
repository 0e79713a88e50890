"""Rosters: the posterior over the known numbers, the blank and "not on the roster", from the ink.

The ink's probabilities are weighed with what people write where a number of the roster is asked for (see
`known_numbers`). What the ink alone says of the blank stays as it is. Of the mass that cannot be read, a share stays
unreadable whatever the roster holds (the writer struck it out); the rest is a misreading and may be any digit, so
that a roster whose entries differ only in what the ink leaves open settles nothing.

Clear handwriting is never overruled: an entry takes the place of the ink's own reading only where the ink itself gives
each of its digits one in a hundred. Otherwise the ink's reading stays, with what probability is left to it, the nearest
entries as its alternatives, and the roster's check says that it does not stand there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, State
from sheetwatch.rules.comb_ink import CombInk
from sheetwatch.rules.known_numbers import known_numbers, substituted

if TYPE_CHECKING:
    from sheetwatch.domain import Field, Reading
    from sheetwatch.rules.known_numbers import KnownNumbers

_VOID_SHARE = 0.1
"""Of what cannot be read, how much is struck out or otherwise not meant: there the roster's digit would be wrong."""

_NEAR_SHARE = 0.5
"""Of what a whole cell leaves unread, how much is the reading with one digit misread; the rest is any number."""

_LEAST_SUPPORT = 0.01
_LIKELIER_THAN_NOT = 0.5
_SUREST = 0.999999  # a posterior is only as good as its model
_ALTERNATIVES = 8
_LEAST_ALTERNATIVE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posterior:
    """What was written, likeliest first; the blank; and the entries that the ink itself supports."""

    numbers: tuple[Alternative, ...]
    blank: float
    supported: frozenset[str]


def on_roster(field: Field, reading: Reading) -> Reading:
    """The reading of a field with a roster, settled where the roster and the ink together are clear.

    A comb is judged by its boxes, any other field by the reading and its alternatives. Without a roster, or when
    nothing of it can have been written, the reading as it is.
    """
    known = known_numbers(field.roster) if field.roster else None
    if known is None or not known.count:
        return reading
    posterior = _of_comb(reading, known) if reading.boxes else _of_cell(reading, known)
    return _settled(reading, posterior) if posterior else reading


def _settled(reading: Reading, posterior: _Posterior) -> Reading:
    """The likeliest entry where it may stand for the ink's own reading, else that reading."""
    best = posterior.numbers[0]
    needed = _LIKELIER_THAN_NOT if reading.state is State.UNREADABLE else posterior.blank
    if best.value in posterior.supported and best.probability > needed:
        settled = replace(reading, value=best.value, state=State.WRITTEN, probability=min(best.probability, _SUREST))
    elif reading.state is State.WRITTEN:
        own = next(one.probability for one in posterior.numbers if one.value == reading.value)
        settled = replace(reading, probability=min(own, _SUREST))
    else:
        settled = reading
    others = _others(settled, posterior)
    left = 1.0 - sum(one.probability for one in others)
    return replace(settled, probability=max(0.0, min(settled.probability, left)), alternatives=others)


def _others(settled: Reading, posterior: _Posterior) -> tuple[Alternative, ...]:
    """All but the settled value, likeliest first."""
    every = (*posterior.numbers, Alternative(value="", probability=posterior.blank))
    blank_is_taken = settled.state in {State.EMPTY, State.NOT_ATTEMPTED}
    others = [
        one
        for one in every
        if one.probability > _LEAST_ALTERNATIVE and (one.value != settled.value if one.value else not blank_is_taken)
    ]
    return tuple(sorted(others, key=lambda one: -one.probability)[:_ALTERNATIVES])


def _of_comb(reading: Reading, known: KnownNumbers) -> _Posterior | None:
    """The exact posterior: each box is an observation of its own."""
    ink = CombInk.of(reading.boxes, _VOID_SHARE)
    weighed = ink.weigh(known)
    values = {*weighed.entries, *_written(reading)}
    return _posterior(
        weights={value: known.prior(value) * ink.weight(value) for value in values},
        total=weighed.total,
        blank=ink.blank,
        written=(1.0 - ink.blank) * ink.meant(_VOID_SHARE),
        supported=frozenset(value for value in weighed.entries if ink.supports(value, _LEAST_SUPPORT)),
    )


def _of_cell(reading: Reading, known: KnownNumbers) -> _Posterior | None:
    """The posterior over the n-best strings and over what a misreading may have hidden."""
    seen = _written(reading)
    if not seen:
        return None
    blank = reading.probability if reading.state in {State.EMPTY, State.NOT_ATTEMPTED} else 0.0
    blank += sum(one.probability for one in reading.alternatives if not one.value)
    unread = max(0.0, 1.0 - blank - sum(seen.values()))
    misread = (1.0 - _VOID_SHARE) * unread
    likelihoods = _with_near(seen, _NEAR_SHARE * misread, known)
    anywhere = (1.0 - _NEAR_SHARE) * misread / sum(10.0**length for length in known.lengths)
    priors = {value: known.prior(value) for value in likelihoods}
    return _posterior(
        weights={value: priors[value] * (likelihood + anywhere) for value, likelihood in likelihoods.items()},
        total=anywhere + sum(priors[value] * likelihood for value, likelihood in likelihoods.items()),
        blank=blank,
        written=max(0.0, 1.0 - blank - _VOID_SHARE * unread),
        supported=frozenset(value for value, p in seen.items() if p >= _LEAST_SUPPORT and value in known.values),
    )


def _posterior(
    *, weights: dict[str, float], total: float, blank: float, written: float, supported: frozenset[str]
) -> _Posterior | None:
    """Weights as probabilities. total: of all that may be written; written: the probability that something is."""
    if not weights or total <= 0.0:
        return None
    numbers = [Alternative(value=value, probability=written * weight / total) for value, weight in weights.items()]
    numbers.sort(key=lambda one: (-one.probability, one.value))
    return _Posterior(numbers=tuple(numbers), blank=blank, supported=supported)


def _written(reading: Reading) -> dict[str, float]:
    """The numbers that the ink may show, with their probabilities."""
    own = {reading.value: reading.probability} if reading.state is State.WRITTEN else {}
    return own | {one.value: one.probability for one in reading.alternatives if one.value}


def _with_near(seen: dict[str, float], mass: float, known: KnownNumbers) -> dict[str, float]:
    """These and the entries one digit off the likeliest of them, which get their part of the mass."""
    likeliest = max(seen, key=lambda value: seen[value])
    near = [value for value in substituted(likeliest) if value in known.values]
    share = mass / (9 * len(likeliest))
    return seen | {value: seen.get(value, 0.0) + share for value in near}
