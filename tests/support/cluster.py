"""A Dask cluster of real processes over TCP: a scheduler that knows nothing of Sheetwatch, and workers."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PIL import Image

from sheetwatch.lab.device import Device
from sheetwatch.lab.sheets import generate_sheet
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates
from support.processes import environment, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

OTHER_VERSION = Path(__file__).with_name("other_version.py")
TEMPLATES = shipped_folder("config") / "templates"
_PATIENCE_S = 180
_SCANNER = Device(name="scanner", dpi=150, angle_deg=0.4, noise=3, blur_px=0.6)


@dataclass
class Cluster:
    """`base`: a folder for logs. The scheduler keeps its port when it is started again."""

    base: Path
    scheme: str = "tcp"
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.base.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.scheduler = self.start_scheduler()

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def workers_setting(self) -> str:
        return self.address.replace("tcp://", "dask://").replace("tls://", "dask+tls://")

    def start_scheduler(self) -> subprocess.Popen[str]:
        """Without our sources: what Dask's scheduler cannot import, it must not need."""
        code = "import sys; from distributed.cli.dask_scheduler import main; sys.exit(main())"
        line = ["--host", self.address.rpartition(":")[0], "--port", str(self.port), "--no-dashboard"]
        with (self.base / "scheduler.log").open("a") as log:
            bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | dict(self.settings)
            scheduler = subprocess.Popen(
                [sys.executable, "-c", code, *line], stdout=log, stderr=log, text=True, cwd=self.base, env=bare
            )
        self.processes.append(scheduler)
        wait_until(lambda: _answers(self.port) or scheduler.poll() is not None)
        assert scheduler.poll() is None, (self.base / "scheduler.log").read_text()
        return scheduler

    def start_worker(self, *options: str, program: Sequence[str] = ("-m", "sheetwatch")) -> subprocess.Popen[str]:
        name = f"worker-{len(self.processes)}"
        line = [sys.executable, *program, "worker", self.address, "--pages", "1", "--name", name, *options]
        with (self.base / f"{name}.log").open("a") as log:
            worker = subprocess.Popen(
                line, stdout=log, stderr=log, text=True, cwd=self.base, env=environment(dict(self.settings))
            )
        self.processes.append(worker)
        return worker

    def start_plain_worker(self) -> None:
        """As Dask comes, and without our sources."""
        code = "import sys; from distributed.cli.dask_worker import main; sys.exit(main())"
        bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | dict(self.settings)
        with (self.base / "plain-worker.log").open("a") as log:
            line = [sys.executable, "-c", code, self.address, "--no-dashboard", "--no-nanny", "--name", "plain"]
            self.processes.append(subprocess.Popen(line, stdout=log, stderr=log, text=True, cwd=self.base, env=bare))

    def log_of(self, process: subprocess.Popen[str]) -> str:
        return (self.base / f"worker-{self.processes.index(process)}.log").read_text()

    def wait_for(self, *workers: subprocess.Popen[str], joined: int = 1) -> None:
        wait_until(lambda: all(self.log_of(worker).count('"joined"') >= joined for worker in workers), _PATIENCE_S)

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()

    def restart_scheduler(self) -> None:
        self.scheduler = self.start_scheduler()

    def close(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def cluster(
    base: Path, *, workers: int = 2, scheme: str = "tcp", settings: Mapping[str, str] | None = None
) -> Iterator[tuple[Cluster, list[subprocess.Popen[str]]]]:
    """A scheduler and so many workers of one page each. `settings`: of Dask, as variables of the environment."""
    made = Cluster(base, scheme, settings or {})
    try:
        started = [made.start_worker() for _ in range(workers)]
        made.wait_for(*started)
        yield made, started
    finally:
        made.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def sheets(count: int, *, first: int = 0) -> dict[str, bytes]:
    """So many different filled sheets as JPEG, by file name; some are accepted, some need a person."""
    forms = {template.name: template for template in load_templates([TEMPLATES])}
    scans = {}
    for seed in range(first, first + count):
        template = forms["meter-reading" if seed % 2 else "answer-book"]
        sheet = generate_sheet(template, seed, difficulty="easy", device=_SCANNER)
        scans[f"sheet-{seed:03}.jpg"] = _jpeg(sheet.image)
    return scans


def _jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    written, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert written
    return bytes(data)


def pdf_of(scans: Mapping[str, bytes]) -> bytes:
    """One PDF with a page for each of these pictures."""
    pictures = [Image.open(io.BytesIO(data)) for data in scans.values()]
    data = io.BytesIO()
    pictures[0].save(data, format="PDF", save_all=True, append_images=pictures[1:], resolution=150)
    return data.getvalue()
