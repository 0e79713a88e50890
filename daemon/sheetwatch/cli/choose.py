"""Which templates a command line means: names from the configuration, or paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, UsageError
from sheetwatch.names import plain_text
from sheetwatch.strict import suggest
from sheetwatch.templates import list_template_files, load_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.domain import Settings


def choose_templates(wanted: Sequence[str], settings: Settings) -> tuple[Path, ...]:
    """The places of the wanted templates, each given by name or path; the configuration's when none is wanted.

    Raises UsageError for one that does not exist.
    """
    if not wanted:
        return settings.templates
    return tuple(dict.fromkeys(_template_path(name_or_path, settings) for name_or_path in wanted))


def _template_path(name_or_path: str, settings: Settings) -> Path:
    path = Path(name_or_path)
    if (path / "template.yaml").is_file() or path.is_file():
        return path.absolute()
    files = {file.parent.name: file for folder in settings.templates for file in _template_files(folder)}
    found = files.get(name_or_path) or next((file for file in files.values() if _name(file) == name_or_path), None)
    if found is not None:
        return found
    shown = plain_text(name_or_path)
    if path.exists():
        raise UsageError(f"template {shown}: there is no template.yaml in this folder; name a template's folder")
    mend = suggest(name_or_path, files) if files else "the configuration has no templates"
    raise UsageError(f"template {shown}: there is no template of this name and no such path; {mend}")


def _template_files(folder: Path) -> list[Path]:
    return list_template_files(folder) if folder.is_dir() else []


def _name(file: Path) -> str | None:
    """A template's own name, which may differ from its folder's; None for a broken one, which hides no other."""
    try:
        return load_template(file).name
    except ConfigError:
        return None
