"""How long one page takes, stage by stage, beside the floor: opening the file.

    python tests/bench/page.py [--repeat N]

One 300-dpi A4 JPEG of the answer book, 30 fields, filled in by the pen; one core. Prints the median, the fastest and
the slowest of each stage in milliseconds, and the whole page as `sheetwatch.read_file` reads it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2

import sheetwatch
from sheetwatch.domain import Accept
from sheetwatch.lab.device import Device
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.rules import judge, settle
from sheetwatch.shipped import shipped_folder
from sheetwatch.vision.align import align
from sheetwatch.vision.blank import is_blank
from sheetwatch.vision.cells import cut_cells
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from sheetwatch.domain import Template
    from sheetwatch.pipeline import CellReader

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of one stage over the repetitions."""

    stage: str
    samples_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.samples_ms)


def write_page(template: Template, folder: Path) -> Path:
    """Write the page that is timed: A4, 300 dpi, colour, JPEG."""
    scanner = Device(name="scanner", dpi=300, angle_deg=0.7, noise=3, blur_px=0.6)
    sheet = generate_sheet(template, 7, difficulty="easy", device=scanner)
    path = folder / "page.jpg"
    cv2.imwrite(str(path), cv2.cvtColor(sheet.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return path


def time_stages(path: Path, template: Template, reader: CellReader, repeat: int) -> list[Timing]:
    """Time each stage of `read_page` on its own, then the whole."""
    timings: list[Timing] = []

    def timed(stage: str, work: Callable[[], Result]) -> Result:
        result = work()
        samples = []
        for _ in range(repeat):
            start = time.perf_counter()
            result = work()
            samples.append((time.perf_counter() - start) * 1000)
        timings.append(Timing(stage=stage, samples_ms=tuple(samples)))
        return result

    def decode() -> object:
        with open_scan(path) as scan:
            return scan.page(0)

    accept = Accept()
    grey = timed("floor: cv2.imread to grey", lambda: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
    timed("decode, checked whole", decode)
    timed("blank?", lambda: is_blank(grey))
    _, alignment = timed("align", lambda: align(grey, [template]))
    cells = timed("cut cells", lambda: cut_cells(grey, template, alignment))
    readings = timed("read cells", lambda: reader.read_cells([cell.grey for cell in cells], template.fields))
    named = {field.name: reading for field, reading in zip(template.fields, readings, strict=True)}
    settled = timed("settle", lambda: settle(template, named, accept))
    threshold = reader.threshold(accept.max_field_error)
    timed("judge", lambda: judge(template, settled, accept, threshold, ink=named))
    timed("whole page, from the file", lambda: sheetwatch.read_file(path, [template], reader))
    return timings


def main(arguments: list[str] | None = None) -> list[Timing]:
    """Print the table and return its rows."""
    parser = argparse.ArgumentParser(description="Time one page, stage by stage.")
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    template = sheetwatch.load_template(shipped_folder("config") / "templates" / "answer-book")
    reader = sheetwatch.load_reader()
    with tempfile.TemporaryDirectory() as folder:
        timings = time_stages(write_page(template, Path(folder)), template, reader, options.repeat)
    print(f"{'stage':28}{'median ms':>11}{'fastest':>10}{'slowest':>10}   ({len(template.fields)} fields)")
    for row in timings:
        print(f"{row.stage:28}{row.median_ms:11.1f}{min(row.samples_ms):10.1f}{max(row.samples_ms):10.1f}")
    print(f"whole page / floor: {timings[-1].median_ms / timings[0].median_ms:.1f}")
    return timings


if __name__ == "__main__":
    main()
