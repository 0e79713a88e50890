"""What the daemon asks of the workers of a cluster, and what they answer.

An order travels as bytes that Dask does not look into, so that a scheduler needs nothing of Sheetwatch: it unpickles
what it is given, and then finds only bytes and the name of a function of Python's own.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Reason
    from sheetwatch.worker.examined import Examined
    from sheetwatch.worker.kit import Kit

carry_out = pickle.loads
"""Carries out a sealed order, on the worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOrder:
    """Read one page. `badge`: who is asked; `kit`: the key of what to read it with; the others are as in PageTask.

    `scan`: names the scan's content among those that the worker holds; `data`: the content, where it comes along.
    """

    badge: str
    kit: str
    scan: str
    page: int
    page_count: int
    draw: bool
    pictures: bool
    data: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """What became of an order; exactly one of the others is set. `worker`: the address, as Dask writes it.

    `reason`: what the page did to its process. `fault`: no page's fault. `wants`: the key of a kit or scan that the
    worker does not hold, and must be given first.
    """

    worker: str
    examined: Examined | None = None
    reason: Reason | None = None
    fault: str | None = None
    wants: str | None = None


class _Sealed:
    """A call that is made by whoever unpickles it."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def sealed(function: Callable[..., Any], *arguments: PageOrder | Kit | str | bytes) -> bytes:
    """An order for `carry_out`: a function of the worker's side, and what it is called with."""
    return pickle.dumps(_Sealed(function, arguments), protocol=5)
