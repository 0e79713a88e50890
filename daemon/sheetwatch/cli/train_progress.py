"""How far training is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from typing import Self

    from rich.console import Console

_LINE_EVERY_S = 20.0


class TrainProgress:
    """One task after the other; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)
        self._began_s, self._last_s = time.monotonic(), -math.inf

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """A line of its own."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def begin(self, what: str) -> None:
        """Another task begins; how long it is need not be known."""
        self._began_s, self._last_s = time.monotonic(), -math.inf
        self._bar.reset(self._task, total=None, description=what)
        if self._bar.disable:
            self.say(what)

    def show(self, done: int, of: int, what: str) -> None:
        """So much of it is done. what: names the task and says how well it goes."""
        self._bar.update(self._task, completed=done, total=of, description=what)
        now_s = time.monotonic()
        if not self._bar.disable or (now_s - self._last_s < _LINE_EVERY_S and done < of):
            return
        self._last_s = now_s
        left_min = (of - done) * (now_s - self._began_s) / max(1, done) / 60
        self.say(f"{what}: {done:,} of {of:,}, {left_min:.0f} min left")
