"""The demo's progress: bars on a terminal, a line for each event elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from sheetwatch.cli.demo_scans import SCAN_COUNT

if TYPE_CHECKING:
    from typing import Self

    from rich.console import Console

    from sheetwatch.cli.demo_scans import DemoScan


class DemoProgress:
    """Bars on a terminal, a line for each event elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<42}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._sent = self._bars.add_task("sending scans", total=SCAN_COUNT)
        self._settled = self._bars.add_task("pages settled", total=None)
        self._last = 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def sent(self, scan: DemoScan) -> None:
        """A scan lies in the inbox."""
        what = scan.pages[0].what if len(scan.pages) == 1 else f"{len(scan.pages)} pages"
        self._bars.update(self._sent, advance=1, description=f"sent {what}")
        if self._bars.disable:
            self._console.print(f"sent {scan.name}: {what}")

    def all_sent(self, pages: int) -> None:
        """Everything is sent."""
        self._bars.update(self._sent, description="all scans are sent")
        self._bars.update(self._settled, total=pages)

    def settled(self, done: int, pages: int) -> None:
        """So many pages are decided."""
        self._bars.update(self._settled, completed=done)
        if self._bars.disable and done != self._last:
            self._console.print(f"{done} of {pages} pages settled")
        self._last = done
