"""Checks that share fields, as trees: each total may be a part of another sum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sheetwatch.domain import BestOf

if TYPE_CHECKING:
    from sheetwatch.domain import SumCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A check in a tree; `parent`: the field that it shares with what stands above it, None at the root."""

    check: SumCheck
    parent: str | None


Tree = tuple[Branch, ...]
"""Branches, each after the one above it."""


@lru_cache(maxsize=64)
def trees(checks: tuple[SumCheck, ...]) -> tuple[Tree, ...]:
    """The checks as trees. A check that would close a loop is left out: it remains a rule for the settled values."""
    groups: list[list[SumCheck]] = []
    for check in checks:
        names = set(check_fields(check))
        shared = [[name for other in group for name in names & set(check_fields(other))] for group in groups]
        if any(len(set(met)) > 1 for met in shared):
            continue
        joined = [group for group, met in zip(groups, shared, strict=True) if met]
        apart = [group for group, met in zip(groups, shared, strict=True) if not met]
        groups = [*apart, [other for group in joined for other in group] + [check]]
    return tuple(_rooted(group) for group in groups)


def check_fields(check: SumCheck) -> tuple[str, ...]:
    """The total, then every field that the check adds."""
    names = [check.total]
    for term in check.terms:
        names += term.of if isinstance(term, BestOf) else (term,)
    return tuple(names)


def _rooted(checks: list[SumCheck]) -> Tree:
    """From a total that is no part of another sum downwards."""
    added = {name for check in checks for name in check_fields(check)[1:]}
    root = next((check for check in checks if check.total not in added), checks[0])
    tree = [Branch(check=root, parent=None)]
    waiting = [check for check in checks if check is not root]
    for branch in tree:  # grows while it is walked
        fields = check_fields(branch.check)
        for check in [check for check in waiting if set(fields) & set(check_fields(check))]:
            shared = next(name for name in check_fields(check) if name in fields)
            tree.append(Branch(check=check, parent=shared))
            waiting.remove(check)
    return tuple(tree)
