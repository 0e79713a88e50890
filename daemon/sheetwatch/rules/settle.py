"""The written total and the marks as one observation: readings in, readings with what the sums say of them out.

Every field has its candidates with calibrated probabilities, and "something else, or unreadable", which fits every
value alike, so that a matching total does not make us sure of a cell that we could not read. A written total is the
sum of its marks, or with probability `examiner_slip` a slip (`slips`). Under that model each field gets the exact
posterior probability of each candidate: messages pass along every tree of checks (`trees`), sums are weighed on an
exact grid (`addition`, `best_of`). Checks that would close a loop, or whose sums are too many, are not decoded; they
remain hard rules. So is a total that is empty or unreadable no evidence.

Clear handwriting is never overruled: the value changes only to a candidate that the ink itself makes at least as
likely as a slip, for otherwise a person who added wrongly is the better explanation; below it the value stays, less
sure, and the sums are seen not to match. What was unreadable stays unreadable: with half of its probability on
something else, no sum makes a mark certain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, State
from sheetwatch.rules.addition import Addition
from sheetwatch.rules.messages import listen
from sheetwatch.rules.options import options
from sheetwatch.rules.roster import on_roster
from sheetwatch.rules.trees import check_fields, trees

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sheetwatch.domain import Accept, Reading, SumCheck, Template
    from sheetwatch.rules.options import Floats, Options
    from sheetwatch.rules.trees import Tree

_SUREST = 0.999999  # a posterior is only as good as its model
_LEAST_ALTERNATIVE = 1e-6


def settle(template: Template, readings: Mapping[str, Reading], accept: Accept) -> dict[str, Reading]:
    """The readings after the template's sums have spoken.

    readings: one per field of the template, with probabilities calibrated by the ink alone. Fields with a roster are
    settled by it; fields in no sum and without a roster come back as they are.
    """
    settled = {field.name: on_roster(field, readings[field.name]) for field in template.fields}
    additions = _additions(template, settled, accept.examiner_slip)
    for tree in trees(tuple(additions)):
        settled |= _decoded(tree, additions, settled, accept.examiner_slip)
    return settled


def _additions(template: Template, readings: Mapping[str, Reading], slip: float) -> dict[SumCheck, Addition]:
    """The checks that are evidence on this page: those whose total was written and can be read."""
    checks = [check for check in template.checks if readings[check.total].state is State.WRITTEN]
    names = {name for check in checks for name in check_fields(check)}
    fields = {field.name: options(field, readings[field.name]) for field in template.fields if field.name in names}
    additions = (Addition(check, fields, slip) for check in checks)
    return {addition.check: addition for addition in additions if addition.feasible}


def _decoded(
    tree: Tree, additions: Mapping[SumCheck, Addition], readings: Mapping[str, Reading], slip: float
) -> dict[str, Reading]:
    """The settled readings of one tree; as they were where nothing explains what was read."""
    fields = {name: field for branch in tree for name, field in additions[branch.check].fields.items()}
    heard = listen(tree, additions, {name: field.ink for name, field in fields.items()})
    settled: dict[str, Reading] = {}
    for name, field in fields.items():
        posterior = field.posterior(heard[name].values())
        if posterior is None:
            return {}
        settled[name] = _settled(readings[name], field, posterior, slip)
    return settled


def _settled(reading: Reading, field: Options, posterior: Floats, slip: float) -> Reading:
    """One reading with its posterior probabilities.

    posterior: of the field's candidates, best by the ink first, and of something else.
    """
    values = [other.value for other in reading.alternatives]
    if reading.state is State.UNREADABLE:
        return replace(reading, probability=float(posterior[-1]), alternatives=_ranked(values, posterior[:-1]))
    likely = [at for at, ink in enumerate(field.probabilities) if at == 0 or ink >= slip]
    chosen = max(likely, key=lambda at: float(posterior[at]))
    values = [reading.value, *values]
    probability = min(float(posterior[chosen]), max(_SUREST, reading.probability if chosen == 0 else 0.0))
    others = [at for at in range(len(values)) if at != chosen]
    return replace(
        reading,
        value=values[chosen],
        state=reading.state if chosen == 0 else _state_of(values[chosen]),
        probability=probability,
        alternatives=_ranked([values[at] for at in others], posterior[others]),
    )


def _ranked(values: Sequence[str], probabilities: Floats) -> tuple[Alternative, ...]:
    """Alternatives, likeliest first, without those that hardly are."""
    pairs = sorted(zip(probabilities.tolist(), values, strict=True), key=lambda pair: -pair[0])
    return tuple(Alternative(value=value, probability=p) for p, value in pairs if p > _LEAST_ALTERNATIVE)


def _state_of(value: str) -> State:
    """The state of a runner-up, of which only the value is known."""
    return State.WRITTEN if value else State.EMPTY
