"""What each stage takes within a whole page that `sheetwatch.read_file` reads.

A stage is a function of vision, reader or rules that `sheetwatch.pipeline` calls by its name, a method of the reader,
or the decoding of one page; it goes by its name in the code. All are found anew on each run, so a flow that is built
otherwise is timed otherwise without a change here. What is none of them is the `rest`: if it grows, the flow calls
something by a way that is not looked at here.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

from sheetwatch import pipeline
from sheetwatch.vision.decode import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.clock import Clock
    from sheetwatch.domain import Template
    from sheetwatch.pipeline import CellReader

DECODE = "decode"
REST = "rest"
_LAYERS = ("sheetwatch.vision", "sheetwatch.reader", "sheetwatch.rules")


class StageWatch:
    """Adds up what each stage takes by itself, without the stages that it calls."""

    def __init__(self, clock: Clock) -> None:
        self.spent_s: dict[str, float] = {}
        self._clock = clock
        self._inner_s: list[float] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began_s = self._clock()
        self._inner_s.append(0.0)
        try:
            yield
        finally:
            took_s = self._clock() - began_s
            own_s = took_s - self._inner_s.pop()
            self.spent_s[name] = self.spent_s.get(name, 0.0) + own_s
            if self._inner_s:
                self._inner_s[-1] += took_s

    def watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **named)

        return call


class _WatchedReader:
    """A reader whose every method is a stage."""

    def __init__(self, reader: CellReader, watch: StageWatch) -> None:
        self._reader = reader
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._reader, name)
        return self._watch.watched(name, value) if callable(value) else value


def stage_functions() -> dict[str, Callable[..., Any]]:
    """The functions of other layers that the pipeline calls by their names."""
    return {
        name: value
        for name, value in vars(pipeline).items()
        if callable(value) and not isinstance(value, type) and str(value.__module__).startswith(_LAYERS)
    }


def time_stages(source: Path, templates: Sequence[Template], reader: CellReader, clock: Clock) -> dict[str, float]:
    """Milliseconds of each stage of a scan read once. They and the `rest` add up to the whole."""
    watch = StageWatch(clock)
    watched = cast("CellReader", _WatchedReader(reader, watch))
    with ExitStack() as patches:
        for name, function in stage_functions().items():
            patches.enter_context(mock.patch.object(pipeline, name, watch.watched(name, function)))
        patches.enter_context(mock.patch.object(Scan, "page", watch.watched(DECODE, Scan.page)))
        with watch.stage(REST):
            pipeline.read_file(source, templates, watched)
    return {name: spent_s * 1000 for name, spent_s in watch.spent_s.items()}
