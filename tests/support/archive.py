"""Archives for `sheetwatch batch`: text sheets in folders, a form that they fit, and the tables that come out."""

from __future__ import annotations

import os
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sheetwatch.batch.run import Order, run_batch
from sheetwatch.settings import default_settings
from sheetwatch.templates import load_outline
from sheetwatch.worker import PageOutcome, PageTask, WorkerFailure
from support.office import TextWorker, row, sheet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sheetwatch.batch.loop import Ended
    from sheetwatch.domain import Settings

FORM = """
version: 1
name: exam
title: Exam
reference: reference.png
fields:
  - {name: roll, kind: digits, length: 4, box: [10, 10, 100, 40]}
  - {name: q1, kind: mark, max: 10, box: [10, 60, 100, 40]}
  - {name: total, kind: mark, max: 100, box: [10, 110, 100, 40]}
"""
NOON = datetime(2024, 5, 6, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400


def write_form(templates: Path, text: str = FORM) -> Path:
    """The form's folder, below a folder of templates."""
    folder = templates / "exam"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.yaml").write_text(text)
    cv2.imwrite(str(folder / "reference.png"), np.full((400, 300), 255, np.uint8))
    return folder


class BatchWorker(TextWorker):
    """Reads text sheets as the real workers read scans for a batch: without pictures, with the form's revision."""

    def __init__(self, form: Path, *, crashes: int = 0) -> None:
        super().__init__()
        self.template = load_outline(form)
        self.crashes = crashes
        self.stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def _read(self, task: PageTask) -> PageOutcome:
        assert not task.pictures
        word, _, rest = task.scan_file.read_bytes().decode().splitlines()[1:-1][task.page].partition(" ")
        if word == "crash-once" and self.crashes:
            self.crashes -= 1
            word = "crash"
        if word in {"crash", "damaged"}:
            return super()._read(task)
        values = dict(item.split("=", 1) for item in rest.split())
        reading = replace(self._reading(word, values), template_revision=self.template.revision if values else None)
        return PageOutcome(reading=reading, template=self.template if values else None)


@dataclass
class Archive:
    """A folder with scans and a form, and a folder for the tables."""

    base: Path
    form_text: str = FORM
    worker: BatchWorker = field(init=False)

    def __post_init__(self) -> None:
        self.scans.mkdir(parents=True, exist_ok=True)
        self.form = write_form(self.base / "templates", self.form_text)
        self.worker = BatchWorker(self.form)

    @property
    def scans(self) -> Path:
        return self.base / "scans"

    @property
    def out(self) -> Path:
        return self.base / "out"

    @property
    def settings(self) -> Settings:
        return replace(default_settings(self.base), templates=(self.base / "templates",))

    @property
    def config(self) -> Path:
        path = self.base / "sheetwatch.yaml"
        path.write_text("version: 1\ntemplates: [templates]\n")
        return path

    def put(self, name: str | bytes, *pages: str, day: int = 0) -> Path:
        """A scan, last modified so many days after the first day."""
        path = self.scans / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(sheet(*(pages or (row(1),))))
        os.utime(path, (NOON + day * DAY_S,) * 2)
        return path

    def run(self, *sources: str | Path, **options: Any) -> Ended:
        """One run, in this process."""
        self.worker.tasks.clear()
        ordered = {"settings": self.settings, "out": self.out, **options}
        order = Order(sources=tuple(map(str, sources or (self.scans,))), **ordered)
        return run_batch(order, self.worker, lambda _: None)

    @property
    def read(self) -> list[str]:
        """The scans of which the last run has read a page, a name for each page."""
        return sorted(task.scan_file.name for task in self.worker.tasks)


def table(out: Path, template: str = "exam") -> list[dict[str, Any]]:
    """All rows of a template, by scan and page, as a reader of Parquet folders finds them."""
    from pyarrow import dataset  # noqa: PLC0415 - costs 300 ms

    folder = out / f"template={template}"
    if not folder.is_dir():
        return []
    rows: list[dict[str, Any]] = dataset.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
    return sorted(rows, key=lambda one: (one["source"], one["page"]))


def no_template(out: Path) -> list[dict[str, Any]]:
    """The rows of pages that fit no template."""
    return table(out, "_none")


def all_rows(out: Path) -> list[dict[str, Any]]:
    """Every row, and nothing of where one run ended and the next began."""
    return [*table(out), *no_template(out)]


def names(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The file names of rows."""
    return [Path(one["source"]).name for one in rows]


def failed(failure: WorkerFailure) -> Future[Any]:
    """As a worker tells of a task that ended it."""
    future: Future[Any] = Future()
    future.set_exception(failure)
    return future
