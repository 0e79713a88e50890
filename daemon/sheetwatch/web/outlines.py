"""The forms' rules, as the folders of templates have them now; without pictures and decoders."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError
from sheetwatch.templates import list_template_files, load_outline

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Template
    from sheetwatch.ledger import Form

_Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: _Stamp
    template: Template


class Outlines:
    """Reads a template anew when one of the files in its folder has changed; one that is faulty is left out."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders
        self._loaded: dict[Path, _Loaded] = {}
        self._lock = threading.Lock()

    def every(self) -> list[Template]:
        """All of them, by name."""
        with self._lock:
            found = [self._outline(file) for folder in self._folders for file in _files(folder)]
        return sorted((one for one in found if one is not None), key=lambda one: one.name)

    def named(self, name: str) -> Template | None:
        """The one of that name."""
        return next((one for one in self.every() if one.name == name), None)

    def of(self, form: Form) -> Template | None:
        """The one that a page was read with; None where it was changed since."""
        return next((one for one in self.every() if (one.name, one.revision) == (form.name, form.revision)), None)

    def file_of(self, name: str, revision: str) -> Path | None:
        """The file of the form that a page was read with; None where it was changed since."""
        with self._lock:
            files = [file for folder in self._folders for file in _files(folder)]
            found = ((file, self._outline(file)) for file in files)
            return next((file for file, one in found if one and (one.name, one.revision) == (name, revision)), None)

    def _outline(self, file: Path) -> Template | None:
        try:
            stamp = tuple(
                (path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(file.parent.iterdir())
            )
            known = self._loaded.get(file)
            if known is None or known.stamp != stamp:
                known = self._loaded[file] = _Loaded(stamp, load_outline(file))
        except (ConfigError, OSError):
            return None
        return known.template


def _files(folder: Path) -> list[Path]:
    try:
        return list_template_files(folder)
    except ConfigError:
        return []
