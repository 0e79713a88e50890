"""Sum-product on a tree of checks: what every field hears from the checks that it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.rules.trees import check_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import SumCheck
    from sheetwatch.rules.addition import Addition
    from sheetwatch.rules.options import Weights
    from sheetwatch.rules.trees import Branch, Tree


def listen(
    tree: Tree, additions: Mapping[SumCheck, Addition], ink: Mapping[str, Weights]
) -> dict[str, dict[SumCheck, Weights]]:
    """How well each field's values go with all others, by the check that says so.

    ink: what each field's own cell says. Messages pass from the leaves to the root and back; exact, as on any tree
    (Kschischang, Frey and Loeliger 2001).
    """
    heard: dict[str, dict[SumCheck, Weights]] = {name: {} for branch in tree for name in check_fields(branch.check)}
    for branch in reversed(tree):
        if branch.parent is not None:
            heard[branch.parent][branch.check] = _upward(branch, additions[branch.check], ink, heard)
    for branch in tree:
        for name, weights in _downward(branch, additions[branch.check], ink, heard).items():
            heard[name][branch.check] = weights
    return heard


def _upward(
    branch: Branch,
    addition: Addition,
    ink: Mapping[str, Weights],
    heard: Mapping[str, Mapping[SumCheck, Weights]],
) -> Weights:
    """What a check says to the field above it."""
    incoming = _incoming(branch.check, ink, heard)
    if branch.parent == branch.check.total:
        return addition.toward_total(incoming)
    return addition.toward_terms(incoming)[str(branch.parent)]


def _downward(
    branch: Branch,
    addition: Addition,
    ink: Mapping[str, Weights],
    heard: Mapping[str, Mapping[SumCheck, Weights]],
) -> dict[str, Weights]:
    """What a check says to all its other fields."""
    incoming = _incoming(branch.check, ink, heard)
    found = addition.toward_terms(incoming)
    if branch.parent != branch.check.total:
        found[branch.check.total] = addition.toward_total(incoming)
    found.pop(branch.parent or "", None)
    return found


def _incoming(
    check: SumCheck, ink: Mapping[str, Weights], heard: Mapping[str, Mapping[SumCheck, Weights]]
) -> dict[str, Weights]:
    """For each field of a check, what its cell and all other checks say."""
    return {
        name: ink[name].times(weights for sender, weights in heard[name].items() if sender != check)
        for name in check_fields(check)
    }
