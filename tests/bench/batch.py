"""Whether memory stays flat however large an archive is: links to a few files, read by workers that take no time.

    python tests/bench/batch.py [--scans N]...

Lists and journals that many links, and writes as many rows of the answer book into Parquet files; prints for each
number the memory of the process that does so, which is all but the workers. Each number has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sheetwatch.batch.identity import forms_of
from sheetwatch.batch.run import Order, run_batch
from sheetwatch.domain import PageReading, Reading, State, Template, Verdict
from sheetwatch.settings import default_settings
from sheetwatch.worker import News, PageOutcome, PageTask, Probe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.batch import Standing

MIB = 1024 * 1024
_LINKS_TO_ONE = 50_000  # ext4 allows 65,000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a batch of so many scans cost. `peak_mib`: the most that the process ever had; `mean_mib`: on the way."""

    scans: int
    seconds: float
    mean_mib: float
    peak_mib: float
    journal_mib: float
    tables_mib: float


class NoTimeWorker:
    """Every page is a full answer book."""

    count = 2

    def __init__(self, form: Template) -> None:
        fields = {field.name: Reading(value="7.5", state=State.WRITTEN, probability=0.999) for field in form.fields}
        reading = PageReading(
            verdict=Verdict(), template=form.name, template_revision=form.revision, fields=fields, model="none"
        )
        self._outcome = PageOutcome(reading=reading)

    def start(self) -> None:
        """Nothing to load."""

    def reload(self) -> None:
        """Nothing to load."""

    def check(self) -> None:
        """It is there."""

    def news(self) -> list[News]:
        return []

    def expire(self, *, now_s: float) -> None:
        """Nothing is late."""

    def stop(self) -> None:
        """Nothing to end."""

    def probe(self, _: Path) -> Future[Probe]:
        return _at_once(Probe(page_count=1, sha256="0" * 64))

    def read(self, _: PageTask) -> Future[PageOutcome]:
        return _at_once(self._outcome)


def _at_once(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def make_links(folder: Path, count: int) -> None:
    """An archive: half of the names in one folder, the others in folders of fifty thousand."""
    (folder / "files").mkdir(parents=True)
    for number in range(count):
        file = folder / "files" / f"{number // _LINKS_TO_ONE}.png"
        if number % _LINKS_TO_ONE == 0:
            file.write_bytes(b"no scan: nobody opens it")
        below = folder / ("many" if number % 2 else f"few-{number // 100_000}")
        below.mkdir(exist_ok=True)
        os.link(file, below / f"scan-{number:07}.png")


def measure(scans: int) -> Measured:
    """Make an archive, read it, and look at this process meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        make_links(base / "scans", scans)
        settings = default_settings(base)
        form = forms_of(settings)["answer-book"]
        seen: list[int] = []

        def look(_: Standing) -> None:
            seen.append(psutil.Process().memory_info().rss)

        began_s = time.monotonic()
        order = Order(settings=settings, sources=(f"{base}/scans/[mf][ae][nw]*",), out=base / "out")
        ended = run_batch(order, NoTimeWorker(form), look)
        assert ended.standing.pages_read == scans
        return Measured(
            scans=scans,
            seconds=time.monotonic() - began_s,
            mean_mib=sum(seen) / len(seen) / MIB,
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            journal_mib=(base / "out" / "_batch" / "journal.db").stat().st_size / MIB,
            tables_mib=sum(path.stat().st_size for path in (base / "out").rglob("*.parquet")) / MIB,
        )


def measured_alone(scans: int) -> Measured:
    """In a process of its own."""
    line = [sys.executable, __file__, "--alone", "--scans", str(scans)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return Measured(**json.loads(done.stdout))


def main(argv: Sequence[str] | None = None) -> list[Measured]:
    """Measure, and print a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", action="append", type=int, help="so many (10000, 100000 and 1000000)")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.alone:
        one = measure(args.scans[0])
        print(json.dumps({name: getattr(one, name) for name in Measured.__slots__}))
        return [one]
    found = []
    for scans in args.scans or (10_000, 100_000, 1_000_000):
        one = measured_alone(scans)
        found.append(one)
        print(
            f"{one.scans:>9,} scans: {one.seconds:6.0f} s, memory {one.mean_mib:.1f} MiB on the way, "
            f"{one.peak_mib:.1f} at most; journal {one.journal_mib:.0f} MiB, tables {one.tables_mib:.1f} MiB",
            flush=True,
        )
    return found


if __name__ == "__main__":
    main()
