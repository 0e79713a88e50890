"""The real daemon: sheets a minute from file to fsynced row, peak memory, and how soon it is ready.

A sheet counts when its scan lies in the archive, which is after its row was fsynced, or in the review folder. The rate
is that between the first sheets and the last: starting and the scanner's settling time are no part of it. So that all
sheets become rows, or none does, the error bound is set very loose, or very strict.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.clock import Spread, Timings
from bench.page import answer_book
from bench.pages import write_scan
from bench.running import daemon, tree_mib
from bench.table import Line, Table
from sheetwatch.lab.forms import write_template
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

    from bench.conditions import Bench

_DRAWN = 4
_SKIPPED = 6
"""Sheets that come to their end before the clock runs: each worker loads its model for its first one."""
_LOOK_EVERY_S = 0.02
_WEIGH_EVERY_S = 0.25
_ALL_WITHIN_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A way to run the daemon. `max_field_error`: what its configuration says."""

    name: str
    workers: int
    max_field_error: float


ONE_WORKER = Setting(name="1 worker", workers=1, max_field_error=0.5)
SETTINGS = (
    ONE_WORKER,
    Setting(name="2 workers", workers=2, max_field_error=0.5),
    Setting(name="1 worker, all to review", workers=1, max_field_error=0.000_001),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the daemon cost."""

    sheets: int
    reviewed: int
    a_minute: float
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """How many sheets were done at a time, and the most memory until then."""

    done: int
    at_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A folder with a configuration, and scans that wait beside its inbox."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "sheetwatch.yaml"

    @property
    def waiting(self) -> Path:
        return self.folder / "waiting"

    def done(self) -> int:
        """How many sheets have come to their end."""
        return sum(it.is_file() for it in self.folder.glob("archive/*/*")) + self.reviewed()

    def reviewed(self) -> int:
        return len(list(self.folder.glob("review/*.review.txt")))


def open_office(folder: Path, setting: Setting, scans: Sequence[bytes] = ()) -> Office:
    """Set up a fresh folder. No field of its form is a key, for the same sheets come again."""
    (folder / "inbox").mkdir(parents=True)
    office = Office(folder=folder)
    template = replace(answer_book(), key=None)
    write_template(template, folder / "templates" / template.name)
    office.config.write_text(
        f"version: 1\nworkers: {setting.workers}\nwatch: {{settle_s: 0.5}}\nlog: {{level: error}}\n"
        f"accept: {{max_field_error: {setting.max_field_error:f}}}\n"
    )
    office.waiting.mkdir()
    for number, scan in enumerate(scans):
        (office.waiting / f"sheet-{number:05}.jpg").write_bytes(scan)
    return office


def draw_scans(folder: Path, count: int) -> list[bytes]:
    """A few sheets over and over, each time as another file."""
    template = answer_book()
    drawn = [write_scan(template, folder / "drawn.jpg", seed=seed).path.read_bytes() for seed in range(_DRAWN)]
    return [_with_comment(drawn[number % len(drawn)], f"sheet {number}") for number in range(count)]


def _with_comment(jpeg: bytes, words: str) -> bytes:
    """The same picture in another file."""
    comment = words.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def run_daemon(office: Office, *, skipped: int = _SKIPPED) -> Run:
    """Let all scans arrive at once. skipped: how many sheets come to their end before the clock runs."""
    scans = sorted(office.waiting.iterdir())
    with daemon(office.config) as (process, _):
        for scan in scans:
            scan.rename(office.folder / "inbox" / scan.name)
        first = _wait_for(office, skipped, process)
        last = _wait_for(office, len(scans), process)
    return Run(
        sheets=last.done,
        reviewed=office.reviewed(),
        a_minute=60 * (last.done - first.done) / (last.at_s - first.at_s),
        peak_mib=max(first.peak_mib, last.peak_mib),
    )


def _wait_for(office: Office, sheets: int, process: psutil.Process) -> _Moment:
    """Wait until so many sheets have come to their end."""
    peak_mib, weighed_s, deadline_s = 0.0, 0.0, time.monotonic() + _ALL_WITHIN_S
    while (now_s := time.monotonic()) < deadline_s:
        if (done := office.done()) >= sheets:
            return _Moment(done=done, at_s=time.monotonic(), peak_mib=peak_mib)
        if now_s - weighed_s > _WEIGH_EVERY_S:
            peak_mib, weighed_s = max(peak_mib, tree_mib(process)), now_s
        threading.Event().wait(_LOOK_EVERY_S)
    raise AssertionError(f"{office.done()} of {sheets} sheets within {_ALL_WITHIN_S:.0f} s: what does the daemon log?")


def throughput(scans: Sequence[bytes], rounds: int) -> dict[Setting, list[Run]]:
    """Run the daemon with each setting, by turns."""
    runs: dict[Setting, list[Run]] = {setting: [] for setting in SETTINGS}
    for _ in range(rounds):
        for setting, done in runs.items():
            with tempfile.TemporaryDirectory() as name:
                done.append(run_daemon(open_office(Path(name) / "office", setting, scans)))
    return runs


def daemon_tables(bench: Bench) -> list[Table]:
    """Throughput, and memory."""
    runs = throughput(draw_scans(bench.folder, bench.sheets), bench.daemon_rounds)
    rates = Timings(samples={setting.name: tuple(run.a_minute for run in done) for setting, done in runs.items()})
    rows = [
        Line(
            name=setting.name,
            spread=rates.spread(setting.name),
            ratio=rates.ratio(setting.name, ONE_WORKER.name),
            note=f"{sum(run.reviewed for run in done)} of {sum(run.sheets for run in done)} sheets to review",
        )
        for setting, done in runs.items()
    ]
    memory = [
        Line(name=setting.name, spread=Spread.of([run.peak_mib for run in done])) for setting, done in runs.items()
    ]
    title = "The daemon, sheets from file to fsynced row: 300-dpi colour JPEG, 30 fields, all cores"
    return [
        Table(title=title, unit="a minute", beside="one worker", lines=tuple(rows)),
        Table(title="Its peak memory, all processes", unit="MiB", beside="", lines=tuple(memory)),
    ]


def start_table(bench: Bench) -> list[Table]:
    """How soon the daemon is ready, and what one command takes."""
    scan = write_scan(answer_book(), bench.folder / "start.jpg")
    form = shipped_folder("config") / "templates" / "answer-book"
    commands = {
        "python -c pass": ["-c", "pass"],
        "sheetwatch --version": ["-m", "sheetwatch", "--version"],
        "sheetwatch read of one page": ["-m", "sheetwatch", "read", "--template", str(form), str(scan.path)],
    }
    ready = "sheetwatch run until it is ready"
    samples: dict[str, list[float]] = {name: [] for name in (*commands, ready)}
    for _ in range(bench.daemon_rounds):
        for name, arguments in commands.items():
            samples[name].append(_took_ms(arguments))
        with tempfile.TemporaryDirectory() as folder:
            office = open_office(Path(folder) / "office", ONE_WORKER)
            with daemon(office.config) as (_, ready_s):
                samples[ready].append(ready_s * 1000)
    rows = tuple(Line(name=name, spread=Spread.of(row)) for name, row in samples.items())
    return [Table(title="Start-up, from no process to the answer", unit="ms", beside="", lines=rows)]


def _took_ms(arguments: list[str]) -> float:
    began_s = time.monotonic()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - began_s) * 1000
