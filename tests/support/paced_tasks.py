"""What runs in the real pool's worker processes when reading is to take a set time of the processor.

A scan is some bytes that name its roll number; its page says what a page of 30 fields says, with a few alternatives
each, so that as much crosses the pipe. SHEETWATCH_PAGE_MS: of one core, for a page; opening a scan takes a 25th of it.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Alternative, Box, Field, FieldKind, PageReading, Reading, State, Template, Verdict
from sheetwatch.worker import PageOutcome, PageTask, Probe, tasks

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.domain import Settings

_PAGE_MS = float(os.environ.get("SHEETWATCH_PAGE_MS", "0"))
_MARKS = tuple(
    Field(name=f"q{number}", kind=FieldKind.MARK, max=10, box=Box(left=0, top=0, width=90, height=60))
    for number in range(1, 30)
)
_TEMPLATE = Template(
    name="paced",
    title="Thirty fields",
    reference=np.zeros((0, 0), np.uint8),
    fields=(Field(name="roll", kind=FieldKind.DIGITS, length=8, required=True), *_MARKS),
    key="roll",
    revision="paced",
)
_OTHERS = tuple(Alternative(value=value, probability=0.0003) for value in ("1.5", "7", "75"))
_MARK = Reading(value="7.5", state=State.WRITTEN, probability=0.9991, alternatives=_OTHERS)


def initialise(settings: Settings, daemon_pid: int) -> None:
    """The real limits; nothing to load."""
    tasks.confine(settings.limits.worker_memory_mb, daemon_pid)


def ready() -> tuple[str, ...]:
    """As much as the shipped forms and model say."""
    return ("template answer-book 0123456789abcdef", "template meter-reading 0123456789abcdef", "model digits-2")


def probe(path: Path, _: tuple[str, ...]) -> Probe:
    """Open a scan."""
    _work(_PAGE_MS / 25)
    return Probe(page_count=1, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def read(task: PageTask, _: tuple[str, ...]) -> PageOutcome:
    """Read one page."""
    _work(_PAGE_MS)
    roll = Reading(value=task.scan_file.read_text(), state=State.WRITTEN, probability=0.9999)
    reading = PageReading(
        verdict=Verdict(),
        fields={"roll": roll, **{field.name: _MARK for field in _MARKS}},
        model="digits-2",
        template=_TEMPLATE.name,
    )
    return PageOutcome(reading=reading, template=_TEMPLATE, elapsed_ms=_PAGE_MS)


def _work(milliseconds: float) -> None:
    until_s = time.thread_time() + milliseconds / 1000
    while time.thread_time() < until_s:
        pass
