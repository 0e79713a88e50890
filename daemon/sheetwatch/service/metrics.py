"""Figures for Prometheus, as a file for node_exporter's textfile collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sheetwatch.domain import UsageError
from sheetwatch.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sheetwatch.service.report import StatusReport

_READABLE = 0o644


def write_metrics(path: Path, report: StatusReport, free_bytes: Mapping[Path, int]) -> None:
    """Write the figures, whole or not at all. Raises UsageError without the package, OSError."""
    write_atomically(path, metrics(report, free_bytes))
    path.chmod(_READABLE)  # another user collects them


def metrics(report: StatusReport, free_bytes: Mapping[Path, int]) -> bytes:
    """The figures in Prometheus' text format."""
    try:
        from prometheus_client import CollectorRegistry, Gauge, generate_latest  # noqa: PLC0415 - only here
    except ImportError as error:
        raise UsageError("metrics need prometheus-client; install: pip install 'sheetwatch[metrics]'") from error
    registry = CollectorRegistry()
    counts = report.accounting
    single = {
        "sheetwatch_up": ("Whether the daemon runs", report.daemon != "not running"),
        "sheetwatch_problems": ("What a person has to see to", len(report.problems)),
        "sheetwatch_pages_in": ("Pages that came in, ever", counts.pages_in),
        "sheetwatch_inbox_files": ("Files in the inboxes now", report.inbox_files),
    }
    for name, (words, value) in single.items():
        Gauge(name, words, registry=registry).set(value)
    pages = Gauge("sheetwatch_pages", "Pages by what became of them", ["state"], registry=registry)
    for state in ("rows", "review", "dropped", "in_work"):
        pages.labels(state).set(getattr(counts, state))
    free = Gauge("sheetwatch_free_bytes", "Room on the disk of a folder", ["folder"], registry=registry)
    for folder, size_bytes in free_bytes.items():
        free.labels(str(folder)).set(size_bytes)
    return generate_latest(registry)
