"""How far a batch is: a bar on a terminal, a line now and then elsewhere, and the sum at the end."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from sheetwatch.batch import Kind

if TYPE_CHECKING:
    from typing import Self

    from rich.console import Console

    from sheetwatch.batch import Standing
    from sheetwatch.batch.loop import Ended

_LINE_EVERY_S = 20.0
# The rate is that of the last minutes: an archive's folders differ.
_LOOK_BACK_S = 120.0


class BatchProgress:
    """Shows a standing; a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("looking for scans", total=None)
        self._seen: deque[tuple[float, int, int]] = deque()
        self._told_s = -math.inf
        self._began_s = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @property
    def elapsed_s(self) -> float:
        """Since it began."""
        return time.monotonic() - self._began_s

    def show(self, standing: Standing) -> None:
        """So far it is."""
        now_s = time.monotonic()
        self._seen.append((now_s, standing.pages_read, standing.scans_read))
        while now_s - self._seen[0][0] > _LOOK_BACK_S:
            self._seen.popleft()
        line = self._line(standing)
        total = standing.scans_found if standing.listed_all else None
        self._bar.update(self._task, completed=standing.scans_read, total=total, description=line)
        if self._bar.disable and now_s - self._told_s >= _LINE_EVERY_S:
            self._told_s = now_s
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _line(self, standing: Standing) -> str:
        of = f"{standing.scans_found:,}" if standing.listed_all else f"at least {standing.scans_found:,}"
        line = f"{standing.scans_read:,} of {of} scans, {standing.pages_read:,} pages"
        (then_s, pages, scans), (now_s, pages_now, scans_now) = self._seen[0], self._seen[-1]
        if standing.fault:
            return f"{line}; waiting: {standing.fault}"
        if now_s - then_s < 1 or scans_now == scans:
            return line
        line += f", {60 * (pages_now - pages) / (now_s - then_s):,.0f} pages a minute"
        left_s = (standing.scans_found - scans_now) * (now_s - then_s) / (scans_now - scans)
        return f"{line}, {_span(left_s)} left" if standing.listed_all else line


def print_summary(console: Console, ended: Ended, out: str, *, elapsed_s: float) -> None:
    """What became of all pages, and how fast those of this run were read."""
    standing, pages = ended.standing, ended.pages_of_run
    kinds = " + ".join(f"{standing.pages[kind]:,} {kind}" for kind in Kind)
    lines = [f"{standing.pages_read:,} pages of {standing.scans_read:,} scans = {kinds}"]
    if pages:
        lines.append(f"{pages:,} pages in {_span(elapsed_s)} in this run, {60 * pages / elapsed_s:,.0f} a minute")
    lines.append(f"{standing.parts:,} Parquet files in {out}")
    if standing.left_alone:
        lines.append(f"{standing.left_alone:,} left alone: hidden or unfinished files, links to folders")
    if standing.changed:
        lines.append(
            f"{standing.changed:,} scans were changed after they were read, and were not read again; their rows say "
            "what they said then. For another reading begin in another folder (--out)"
        )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _span(seconds: float) -> str:
    """A span of time for people."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
