"""What needs a person: kept in a file, over every restart, until somebody has seen to it and removes the file."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sheetwatch.files import write_atomically
from sheetwatch.names import plain_text

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sheetwatch.service.site import Site

_NAME = "needs-a-person.txt"
_SHOWN = 5


class Attention:
    """The file as the daemon writes it; on a full disk later, when it is asked to again."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._path = site.settings.state / _NAME
        self._unwritten: list[str] = []

    def add(self, text: str) -> None:
        """Note one more thing."""
        self._unwritten.append(stamped(text, self._site.clock.now()))
        self.write()

    def write(self) -> None:
        """Write down what could not be written before. Raises DurabilityError."""
        if not self._unwritten:
            return
        with contextlib.suppress(OSError):
            lines = [*_lines(self._path), *self._unwritten]
            write_atomically(self._path, "".join(f"{line}\n" for line in lines).encode())
            self._unwritten.clear()


def stamped(text: str, at: datetime) -> str:
    """One line, with its time."""
    return plain_text(f"{at.astimezone():%Y-%m-%d %H:%M} {text}")


def needs_a_person(state: Path) -> list[str]:
    """What nobody has seen to yet, the last of it, and how to say that it is done. Raises OSError."""
    path = state / _NAME
    lines = _lines(path)
    if not lines:
        return []
    earlier = f" (it names {len(lines) - _SHOWN} earlier ones)" if len(lines) > _SHOWN else ""
    return [*lines[-_SHOWN:], f"when that is seen to, remove {path}{earlier}"]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
