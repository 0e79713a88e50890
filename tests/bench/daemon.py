"""Sheets a minute and peak memory of the real daemon, from file to fsynced row.

    python tests/bench/daemon.py [--sheets N] [--workers N]

Fills a fresh inbox with 300-dpi A4 JPEG sheets, runs `sheetwatch run --once` on it, and watches the whole process tree:
the memory is the sum of the processes' unique memory (USS) plus what they share once (RSS - USS of the largest).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import psutil

import sheetwatch
from sheetwatch.lab.device import Device
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder

SCANNER = Device(name="scanner", dpi=300, angle_deg=0.4, noise=3, blur_px=0.6)
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the daemon cost."""

    sheets: int
    seconds: float
    peak_mib: float
    accounting: dict[str, int]


def fill_inbox(folder: Path, sheets: int) -> None:
    template = sheetwatch.load_template(shipped_folder("config") / "templates" / "answer-book")
    folder.mkdir()
    for seed in range(sheets):
        sheet = generate_sheet(template, seed, difficulty="easy", device=SCANNER)
        picture = cv2.cvtColor(sheet.image, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"sheet-{seed:04}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])


def tree_mib(root: psutil.Process) -> float:
    """Memory of a process and its children, what they share counted once."""
    unique, shared = 0, 0
    for process in [root, *root.children(recursive=True)]:
        try:
            memory = process.memory_full_info()
        except psutil.Error:
            continue
        unique += memory.uss
        shared = max(shared, memory.rss - memory.uss)
    return (unique + shared) / MIB


def run_daemon(folder: Path, sheets: int, workers: int) -> Run:
    """Run the daemon over a full inbox once."""
    config = folder / "sheetwatch.yaml"
    templates = shipped_folder("config") / "templates"
    config.write_text(f"version: 1\ntemplates: ['{templates}']\nworkers: {workers}\nwatch: {{settle_s: 0.5}}\n")
    start = time.monotonic()
    peak = 0.0
    command = [sys.executable, "-m", "sheetwatch", "run", "--once", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        watched = psutil.Process(daemon.pid)
        while daemon.poll() is None:
            try:
                peak = max(peak, tree_mib(watched))
            except psutil.Error:
                break
            threading.Event().wait(0.05)
    seconds = time.monotonic() - start
    status = [sys.executable, "-m", "sheetwatch", "status", "--json", "--config", str(config)]
    told = json.loads(subprocess.run(status, capture_output=True, text=True, check=False).stdout)
    return Run(sheets=sheets, seconds=seconds, peak_mib=peak, accounting=told["accounting"])


def main(arguments: list[str] | None = None) -> Run:
    """Print and return what a run cost."""
    parser = argparse.ArgumentParser(description="Time the daemon and watch its memory.")
    parser.add_argument("--sheets", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        fill_inbox(Path(name) / "inbox", options.sheets)
        run = run_daemon(Path(name), options.sheets, options.workers)
    print(
        f"{run.sheets} sheets, {options.workers} worker(s): {run.seconds:.1f} s with start and stop, "
        f"{60 * run.sheets / run.seconds:.0f} sheets a minute, peak memory {run.peak_mib:.0f} MiB; "
        f"pages in {run.accounting['pages_in']} = rows {run.accounting['rows']} + review {run.accounting['review']} "
        f"+ dropped {run.accounting['dropped']} + in work {run.accounting['in_work']}"
    )
    return run


if __name__ == "__main__":
    main()
