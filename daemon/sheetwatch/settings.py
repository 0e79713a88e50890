"""Find and load sheetwatch.yaml."""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any

from sheetwatch.domain import ConfigError, Mirror, Results, Settings
from sheetwatch.shipped import shipped_folder
from sheetwatch.strict import Document, Place, convert, load_yaml, suggest

_SYSTEM_FILE = Path("/etc/sheetwatch/sheetwatch.yaml")
_VARIABLE = "SHEETWATCH_CONFIG"

# Smallest and largest sensible value of each number; outside them is a slip of the pen, not a wish.
_RANGES: dict[Place, tuple[float, float]] = {
    ("watch", "settle_s"): (0, 3_600),
    ("watch", "rescan_s"): (0.1, 86_400),
    ("watch", "incomplete_after_s"): (0, 604_800),
    ("accept", "max_field_error"): (0.000_001, 0.5),
    ("accept", "examiner_slip"): (0, 0.5),
    ("limits", "file_mb"): (0.001, 4_000),
    ("limits", "pages"): (1, 100_000),
    ("limits", "megapixels"): (0.01, 1_000),
    ("limits", "page_timeout_s"): (0.1, 3_600),
    ("limits", "worker_memory_mb"): (128, 1_048_576),
    ("workers",): (1, 256),
    ("rolling", "max_rows"): (1, 1_048_575),
    ("retention", "archive_days"): (0, 36_500),
    ("retention", "ledger_days"): (0, 36_500),
    ("web", "undo_s"): (0, 3_600),
    ("web", "audit_share"): (0, 1),
    ("notices", "review_pages"): (0, 1_000_000),
    ("notices", "disk_free_mb"): (0, 1_000_000_000),
    ("notices", "again_h"): (1, 8_760),
}
_LOCAL_WORKERS = ("auto", "local")
_CLUSTER = re.compile(r"dask(\+tls)?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})/?")
_FOLDERS = ("results", "archive", "review", "state", "model")
_FOLDER_LISTS = ("inbox", "templates")
_LONGEST_BOX = 60
# What libpq takes, but for addresses in which a password may be taken for something else, and be told in an error.
_ADDRESS = re.compile(r"postgres(?:ql)?://(?:[^@/?#\s]*@)?[^@/?#\s]*(?:/[^@?#\s]*)?(?:\?[^@#\s]*)?")
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_FILES = (("web", "password_file"), ("notices", "urls_file"), ("metrics", "textfile"))


def find_settings(path: Path | None = None) -> Path:
    """The configuration file: `path`, $SHEETWATCH_CONFIG, ./sheetwatch.yaml or the one under /etc, in that order.

    Raises ConfigError when the named one, or all of them, are missing.
    """
    found = _find(path)
    if found is None:
        raise ConfigError(
            f"no configuration was found; looked at --config, ${_VARIABLE}, {_usual_files()[0]} and {_SYSTEM_FILE}; "
            f"copy {shipped_folder('config') / 'sheetwatch.yaml'} to one of them and edit it"
        )
    return found


def _find(path: Path | None) -> Path | None:
    """As `find_settings`, but None when nothing is named and nothing lies in the usual places."""
    named = path or (Path(os.environ[_VARIABLE]) if os.environ.get(_VARIABLE) else None)
    if named is None:
        return next((candidate for candidate in _usual_files() if candidate.is_file()), None)
    if not named.is_file():
        origin = "--config" if path else f"${_VARIABLE}"
        raise ConfigError(f"{named}: there is no such configuration file; correct {origin}")
    return named.absolute()


def _usual_files() -> tuple[Path, Path]:
    return Path.cwd() / "sheetwatch.yaml", _SYSTEM_FILE


def load_settings(path: Path | None = None) -> Settings:
    """The settings of the file that `find_settings` finds, checked, with absolute paths.

    Raises ConfigError that names the file, the line, the place, the reason and the mend.
    """
    document = load_yaml(find_settings(path))
    if not isinstance(document.data, dict):
        document.fail((), "must be a list of `key: value` lines", "start from the shipped sheetwatch.yaml")
    document, mirror = _without_mirror(document)
    settings = dataclasses.replace(convert(document, Settings), mirror=mirror)
    for place, (low, high) in _RANGES.items():
        _check_range(document, place, settings, low, high)
    _check_quiet(document, settings.notices.quiet)
    _check_workers(document, settings.workers)
    return _absolute(document, settings)


def load_settings_or_default(path: Path | None = None) -> Settings:
    """As `load_settings`; where no configuration is named or found, the defaults under the current folder."""
    found = _find(path)
    return default_settings(Path.cwd()) if found is None else load_settings(found)


def default_settings(folder: Path) -> Settings:
    """The defaults with their folders under `folder` and the shipped templates; for use without a configuration."""
    paths: dict[str, Any] = {name: folder / name for name in ("results", "archive", "review", "state")}
    return Settings(inbox=(folder / "inbox",), templates=(shipped_folder("config") / "templates",), **paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ResultsSection:
    """For errors that name their places as they stand in the file."""

    results: Results


def _without_mirror(document: Document) -> tuple[Document, Mirror]:
    """The document with `results` as a folder, and what else stood there."""
    section = document.data.get("results")
    if not isinstance(section, dict):
        return document, Mirror()
    alone = dataclasses.replace(document, data={"results": section})
    results = convert(alone, _ResultsSection).results
    mirror = Mirror(database=results.database, box=results.box, schema=results.schema)
    if mirror.database is not None:
        _check_mirror(document, mirror, mirror.database)
    return dataclasses.replace(document, data={**document.data, "results": str(results.folder)}), mirror


def _check_mirror(document: Document, mirror: Mirror, database: str) -> None:
    if not _ADDRESS.fullmatch(database):
        document.fail(
            ("results", "database"),
            "is no address of a PostgreSQL",  # never the address itself: it may hold a password
            "write postgresql://USER@HOST/DATABASE; keep the password in ~/.pgpass, or write @ in it as %40, / as %2F",
        )
    if not mirror.box or len(mirror.box) > _LONGEST_BOX or not mirror.box.isprintable():
        document.fail(
            ("results", "box"),
            "is missing" if not mirror.box else "cannot be a name",
            f"name this installation as no other one: box: room-12 (at most {_LONGEST_BOX} characters)",
        )
    if not _SCHEMA.fullmatch(mirror.schema):
        document.fail(("results", "schema"), f"{mirror.schema!r} cannot be a name", "use a-z, 0-9 and _")


def _check_range(document: Document, place: Place, settings: Settings, low: float, high: float) -> None:
    value: Any = settings
    for step in place:
        value = getattr(value, str(step))
    if isinstance(value, int | float) and not low <= value <= high:
        document.fail(place, f"{value:g} is out of range", f"choose a number from {low:g} to {high:g}")


def quiet_hours(text: str) -> tuple[time, time] | None:
    """From "22:00-06:30"; None from "". Raises ValueError."""
    if not text:
        return None
    begin, _, end = text.partition("-")
    return time.fromisoformat(begin.strip()), time.fromisoformat(end.strip())


def scheduler_address(workers: int | str) -> str | None:
    """The address of the Dask scheduler that `workers` names, as Dask writes it; None where pages are read locally.

    "dask://HOST:PORT" gives "tcp://HOST:PORT", "dask+tls://..." gives "tls://...". Raises ValueError.
    """
    if isinstance(workers, int) or workers in _LOCAL_WORKERS:
        return None
    named = _CLUSTER.fullmatch(workers)
    if not named or not 0 < int(named[3]) < 65_536:
        raise ValueError(f"{workers!r} names no workers")
    return f"{'tls' if named[1] else 'tcp'}://{named[2]}:{int(named[3])}"


def _check_workers(document: Document, workers: int | str) -> None:
    try:
        scheduler_address(workers)
    except ValueError:
        reason = f"must be auto or a whole number, or dask://HOST:PORT, not {workers!r}"
        mend = "name the port, too" if str(workers).startswith("dask") else suggest(str(workers), _LOCAL_WORKERS)
        document.fail(("workers",), reason, mend)


def _check_quiet(document: Document, text: str) -> None:
    try:
        quiet_hours(text)
    except ValueError:
        document.fail(("notices", "quiet"), f"{text!r} is no span of the day", 'write it like "22:00-06:30"')


def _absolute(document: Document, settings: Settings) -> Settings:
    paths: dict[str, Any] = {}
    for name in _FOLDERS:
        value = getattr(settings, name)
        paths[name] = None if value is None else _resolve(document, (name,), value)
    for name in _FOLDER_LISTS:
        values = getattr(settings, name)
        folders = tuple(_resolve(document, (name, index), value) for index, value in enumerate(values))
        if not folders:
            document.fail((name,), "names no folder", f"name at least one, or remove the key for [{name}]")
        if len(set(folders)) < len(folders):
            document.fail((name,), "names the same folder twice", "remove one of the two")
        paths[name] = folders
    for section, name in _FILES:
        part = getattr(settings, section)
        if (path := getattr(part, name)) is not None:
            paths[section] = dataclasses.replace(part, **{name: _resolve(document, (section, name), path)})
    return dataclasses.replace(settings, **paths)


def _resolve(document: Document, place: Place, path: Path) -> Path:
    text = str(path)
    if text == "." or "\0" in text:
        document.fail(place, "is empty", "write a path")
    if text.startswith("~"):
        document.fail(place, f"{text!r} starts with ~, which differs from user to user", "write the whole path")
    return Path(os.path.normpath(document.path.parent / path))
