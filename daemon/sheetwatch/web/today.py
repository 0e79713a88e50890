"""Today: what came in and what became of it, how the daemon does, what needs a person."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, g, render_template, request

from sheetwatch.ledger.browse import accounting_since, decided_since, last_model
from sheetwatch.service.report import LedgerReport, report_with
from sheetwatch.web.audit import warnings
from sheetwatch.web.chart import Chart, first_hour
from sheetwatch.web.place import here
from sheetwatch.web.thumbnails import LAST

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.ledger import Accounting, Ledger
    from sheetwatch.web.audit import Estimate

pages = Blueprint("today", __name__)
_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What the ledger said, and which state of its files said it."""

    stamp: tuple[object, ...]
    told: LedgerReport
    today: Accounting
    chart: Chart
    model: str
    audit: list[Estimate]


@dataclass(slots=True)
class _Memory:
    """Pages that poll cost nothing while nothing happens: the ledger is opened only when its files have changed."""

    last: dict[Path, _Look] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_memory = _Memory()


@pages.get("/")
def show() -> str:
    """The page."""
    g.title = "Today"
    return render_template("today.html", live=_live())


@pages.get("/live")
def live() -> Response:
    """The part of the page that changes; 304 while it is as the browser knows it."""
    body = _live()
    tag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == tag:
        return Response(status=304, headers={"ETag": tag})
    return Response(body, headers={"ETag": tag})


def _live() -> str:
    settings, now = here().settings, here().clock.now()
    look = _looked(now)
    report = report_with(settings, look.told)
    return render_template(
        "today_live.html",
        report=report,
        today=look.today,
        chart=look.chart,
        disks=_disks(),
        model=look.model,
        audit=look.audit,
    )


def _looked(now: datetime) -> _Look:
    path = here().ledger_path
    stamp = (*_stamp(path), f"{now:%Y%m%d%H}")
    with _memory.lock:
        known = _memory.last.get(path)
        if known is None or known.stamp != stamp:
            with here().ledger() as ledger:
                known = _memory.last[path] = _look(ledger, now, stamp)
    return known


def _look(ledger: Ledger, now: datetime, stamp: tuple[object, ...]) -> _Look:
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return _Look(
        stamp=stamp,
        told=LedgerReport.of(ledger, last=LAST),
        today=accounting_since(ledger, midnight.astimezone(UTC)),
        chart=Chart.of(decided_since(ledger, first_hour(now.astimezone(UTC))), now),
        model=last_model(ledger),
        audit=warnings(ledger, here().settings.accept.max_field_error),
    )


def _stamp(path: Path) -> tuple[tuple[int, int, int], ...]:
    """How the ledger's files look; every commit changes the log beside it."""
    stamps = []
    for name in (path, path.with_name(f"{path.name}-wal")):
        try:
            status = name.stat()
        except OSError:
            stamps.append((0, 0, 0))
        else:
            stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(stamps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk that folders of ours lie on."""

    folders: str
    free_mb: int
    free_share: float


def _disks() -> list[Disk]:
    """The disks of our folders, each once."""
    settings = here().settings
    folders = {"inbox": settings.inbox[0], "state": settings.state, "results": settings.results,
               "review": settings.review, "archive": settings.archive}  # fmt: skip
    found: dict[int, Disk] = {}
    for name, folder in folders.items():
        try:
            device, room = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        names = f"{found[device].folders}, {name}" if device in found else name
        free = room.f_bavail * room.f_frsize
        # In hundreds of MB, so that the page does not change with every log line.
        found[device] = Disk(
            folders=names, free_mb=free // (100 * _MB) * 100, free_share=round(room.f_bavail / max(1, room.f_blocks), 2)
        )
    return list(found.values())
