"""The child process in which `read` decodes and reads: what a hostile file may crash, fill or hang."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.cli.reports import PageReport
from sheetwatch.domain import EnvironmentFault, PageReading, ReasonCode, ScanError, SheetwatchError, Verdict
from sheetwatch.names import safe_stem

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Settings, Template
    from sheetwatch.pipeline import CellReader
    from sheetwatch.vision.decode import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be read. A child begins at `first_file`, `first_page`: one that follows a crash goes on behind it."""

    files: tuple[Path, ...]
    templates: tuple[str, ...]
    settings: Settings
    overlay: Path | None
    first_file: int = 0
    first_page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Templates and model are loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The next file is open and holds this many pages."""

    page_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Nothing more will come of this file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The child cannot go on; no file's fault."""

    error: SheetwatchError


Message = Ready | Opened | PageReport | Closed | Failed


def serve(connection: Connection, request: Request) -> None:
    """The child's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libjpeg and its like write warnings there
    try:
        _serve(connection, request)
    except SheetwatchError as error:
        connection.send(Failed(error=error))
    except OSError as error:
        connection.send(Failed(error=EnvironmentFault(f"{error}; check the folder and the free space")))


def _serve(connection: Connection, request: Request) -> None:
    from sheetwatch.cli.choose import choose_templates  # noqa: PLC0415 - these bring OpenCV and the model
    from sheetwatch.reader import load_reader  # noqa: PLC0415

    settings = request.settings
    templates = choose_templates(request.templates, settings)
    reader = load_reader(settings.model)
    _limit_memory(settings.limits.worker_memory_mb)
    connection.send(Ready())
    for number in range(request.first_file, len(request.files)):
        first_page = request.first_page if number == request.first_file else 0
        job = _FileJob(request=request, number=number, templates=templates, reader=reader, send=connection.send)
        job.run(first_page)
        connection.send(Closed())


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileJob:
    """One file of the request."""

    request: Request
    number: int
    templates: tuple[Template, ...]
    reader: CellReader
    send: Callable[[Message], None]

    @property
    def file(self) -> Path:
        """The file to read."""
        return self.request.files[self.number]

    def run(self, first_page: int) -> None:
        """Send one report per page, or one for the whole file when it cannot be opened."""
        from sheetwatch.vision.decode import open_scan  # noqa: PLC0415 - brings OpenCV

        began = time.perf_counter()
        try:
            scan = open_scan(self.file, self.request.settings.limits)
        except ScanError as error:
            self.send(failure(self.file, 0, 1, error, elapsed_ms=_since(began)))
            return
        with scan:
            self.send(Opened(page_count=scan.page_count))
            for index in range(first_page, scan.page_count):
                self.send(self._page(scan, index))

    def _page(self, scan: Scan, index: int) -> PageReport:
        began = time.perf_counter()
        try:
            return self._read(scan, index)
        except ScanError as error:
            problem = error
        except MemoryError:
            problem = ScanError(ReasonCode.TOO_LARGE, "reading needs more memory than limits.worker_memory_mb")
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one page does to us, the others are read
            problem = ScanError(ReasonCode.WORKER_CRASHED, f"{type(error).__name__}: {error}")
        return failure(self.file, index, scan.page_count, problem, elapsed_ms=_since(began))

    def _read(self, scan: Scan, index: int) -> PageReport:
        from sheetwatch.pipeline import read_page  # noqa: PLC0415 - brings OpenCV

        began = time.perf_counter()
        page = scan.page(index)
        reading = read_page(page.grey, self.templates, self.reader, self.request.settings.accept)
        elapsed_ms = _since(began)
        if self.request.overlay is not None:
            from sheetwatch.overlay import draw_overlay  # noqa: PLC0415 - only where it is asked for

            template = next((template for template in self.templates if template.name == reading.template), None)
            picture = draw_overlay(page.grey, template, reading)
            _write_picture(overlay_path(self.request, self.number, index), picture)
        return PageReport(
            source=str(self.file), page=index, page_count=scan.page_count, reading=reading, elapsed_ms=elapsed_ms
        )


def failure(file: Path, page: int, page_count: int, error: ScanError, *, elapsed_ms: float) -> PageReport:
    """The report on a page, or on a whole file, that could not be read at all."""
    return PageReport(
        source=str(file),
        page=page,
        page_count=page_count,
        reading=PageReading(verdict=Verdict.review(error.code, error.detail)),
        elapsed_ms=elapsed_ms,
        was_read=False,
    )


def overlay_path(request: Request, number: int, page: int) -> Path:
    """Where the picture of one page goes; files of one stem do not overwrite each other's."""
    folder = request.overlay or Path()
    stem = safe_stem(request.files[number].name)
    earlier = sum(safe_stem(file.name) == stem for file in request.files[:number])
    return folder / f"{stem}{f'-{earlier + 1}' if earlier else ''}-p{page + 1}.overlay.png"


def _write_picture(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    import cv2  # noqa: PLC0415 - loaded by now

    _, data = cv2.imencode(".png", picture)
    path.write_bytes(data.tobytes())


def _limit_memory(memory_mb: int) -> None:
    """Bound what reading may take on top of what the libraries and the model took."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = _data_bytes() + memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _data_bytes() -> int:
    """The private writable memory of this process; proc(5), VmData."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _since(began_s: float) -> float:
    return (time.perf_counter() - began_s) * 1000
