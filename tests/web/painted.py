"""Workers whose sheets can be looked at: three boxes with numbers in them, as a real worker leaves them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Alternative, SheetPicture, State, SumCheck
from support.office import TEMPLATE, TextWorker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sheetwatch.domain import PageReading
    from sheetwatch.worker import PageOutcome, PageTask

WIDTH, HEIGHT = 1000, 1400
BOXES = {"roll": (330, 250, 780, 340), "q1": (330, 520, 560, 620), "total": (330, 700, 560, 800)}
SUMMED = replace(TEMPLATE, checks=(SumCheck(total="total", terms=("q1",)),))


def sheet_jpeg(values: Mapping[str, str]) -> bytes:
    """A form as a scanner sees it, with these values in its boxes."""
    paper = np.random.default_rng(5).normal(236, 3, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8)
    cv2.putText(paper, "ENTRANCE EXAMINATION", (120, 140), cv2.FONT_HERSHEY_DUPLEX, 1.6, 40, 2, cv2.LINE_AA)
    for name, (left, top, right, bottom) in BOXES.items():
        cv2.rectangle(paper, (left, top), (right, bottom), 90, 2)
        cv2.putText(paper, name, (130, bottom - 30), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 60, 2, cv2.LINE_AA)
        hand = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX
        cv2.putText(paper, values.get(name, ""), (left + 24, bottom - 20), hand, 2.2, 50, 3, cv2.LINE_AA)
    written, data = cv2.imencode(".jpg", paper)
    assert written
    return bytes(data)


class PaintingWorker(TextWorker):
    """Reads text sheets, and leaves the picture that a real worker leaves."""

    def _read(self, task: PageTask) -> PageOutcome:
        outcome = super()._read(task)
        if outcome.picture is None or not outcome.reading.fields:
            return outcome
        reading = _with_runners_up(outcome.reading)
        name = f"page-{task.page:04d}.sheet.jpg"
        values = {name: one.value for name, one in reading.fields.items()}
        task.scan_file.with_name(name).write_bytes(sheet_jpeg(values))
        sheet = SheetPicture(name=name, width_px=WIDTH, height_px=HEIGHT, boxes=tuple(BOXES[name] for name in values))
        return replace(outcome, reading=reading, sheet=sheet)


def _with_runners_up(reading: PageReading) -> PageReading:
    q1 = reading.fields["q1"]
    others = (Alternative(value="1", probability=0.31), Alternative(value="2", probability=0.05))
    doubtful = replace(q1, state=State.WRITTEN, probability=0.62, alternatives=others)
    return replace(reading, fields={**reading.fields, "q1": doubtful})
