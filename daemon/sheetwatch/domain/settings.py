"""The settings of sheetwatch.yaml as types; the defaults stand here and nowhere else.

Stages take their own section, never the whole. Folders are absolute once loaded by `sheetwatch.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How new scans are noticed. `auto` takes events where the file system gives them, else polling."""

    mode: Literal["auto", "events", "poll"] = "auto"
    settle_s: float = 5.0
    rescan_s: float = 30.0
    incomplete_after_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What happens to pages that hold no form. `drop`: counted and archived, no row, no review."""

    blank: Literal["drop", "review"] = "drop"
    no_template: Literal["drop", "review"] = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """When a page enters the CSV unseen: at most `max_field_error` of the accepted fields may be wrong.

    `examiner_slip`: how often a person adds a total wrongly.
    """

    max_field_error: float = 0.001
    examiner_slip: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on what one scan may cost; checked from headers before decoding where the format allows it."""

    file_mb: float = 200.0
    pages: int = 500
    megapixels: float = 120.0
    page_timeout_s: float = 60.0
    worker_memory_mb: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """When a new CSV begins besides the daily change."""

    max_rows: int = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long the archive and settled ledger entries are kept; 0: for ever."""

    archive_days: int = 0
    ledger_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """`auto`: journald under systemd, coloured on a terminal, else JSON lines."""

    format: Literal["auto", "console", "json"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What people are told by `sheetwatch notify`. `quiet`: "22:00-06:00"; `review_pages`: 0 tells of none."""

    urls_file: Path | None = None
    review_pages: int = 1
    disk_free_mb: int = 500
    again_h: float = 24.0
    quiet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Where `sheetwatch notify` writes figures for Prometheus; best in memory, not on an SD card."""

    textfile: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The operator's pages. Beyond this machine only with a password, or where `behind_proxy` says who asks for one.

    `listen`: HOST:PORT. `hosts`: names, besides this machine's own, under which browsers ask for the pages. `undo_s`:
    how long a decision may be undone before it is carried out. `audit_share`: of the accepted sheets, shown to a person
    without their values.
    """

    listen: str = "127.0.0.1:8765"
    password_file: Path | None = None
    behind_proxy: bool = False
    hosts: tuple[str, ...] = ()
    undo_s: float = 30.0
    audit_share: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The PostgreSQL that rows and corrections are mirrored to, and the table of it that this box writes.

    `database`: what libpq takes as an address; it may hold a password, so no `repr` shows it. None: there is none.
    `box`: this installation's name in the table. `schema`: where the table lies.
    """

    database: str | None = field(default=None, repr=False)
    box: str = ""
    schema: str = "sheetwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """`results` where it is more than a folder."""

    folder: Path = Path("results")
    database: str | None = field(default=None, repr=False)
    box: str = ""
    schema: str = "sheetwatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole of sheetwatch.yaml. `results` and `mirror` stand there together, as `results`.

    `workers`: who reads pages. "auto" and "local": processes of this machine, one for each core but one; a number: so
    many; "dask://HOST:PORT": the workers of a Dask cluster.
    """

    version: Literal[1] = 1
    inbox: tuple[Path, ...] = (Path("inbox"),)
    results: Path = Path("results")
    archive: Path = Path("archive")
    review: Path = Path("review")
    state: Path = Path("state")
    templates: tuple[Path, ...] = (Path("templates"),)
    model: Path | None = None
    watch: Watch = field(default_factory=Watch)
    pages: Pages = field(default_factory=Pages)
    accept: Accept = field(default_factory=Accept)
    duplicates: Literal["review", "drop"] = "review"
    limits: Limits = field(default_factory=Limits)
    workers: int | str = "auto"
    rolling: Rolling = field(default_factory=Rolling)
    retention: Retention = field(default_factory=Retention)
    log: Log = field(default_factory=Log)
    web: Web = field(default_factory=Web)
    notices: Notices = field(default_factory=Notices)
    metrics: Metrics = field(default_factory=Metrics)
    mirror: Mirror = field(default_factory=Mirror, metadata={"in_file": False})
