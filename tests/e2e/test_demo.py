"""The demo: its folder, its scans, its judgement, and the whole of it with the real daemon."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sheetwatch.cli.demo_daemon import deliver, prepare_folder
from sheetwatch.cli.demo_scans import SCAN_COUNT, DemoScan, Expected, demo_scans
from sheetwatch.cli.demo_score import (
    CsvRow,
    Delivered,
    became,
    faults,
    fields_right_and_wrong,
    read_delivered,
    score,
)
from sheetwatch.domain import Reading, Reason, ReasonCode, State, UsageError
from sheetwatch.lab.pen_values import written
from sheetwatch.ledger import Accounting, PageState, SheetLine
from sheetwatch.settings import load_settings
from sheetwatch.templates import load_templates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TEMPLATES = Path(__file__).resolve().parents[2] / "config" / "templates"


def wait_for(condition: Callable[[], bool], *, timeout_s: float) -> None:
    for _ in range(int(timeout_s / 0.1)):
        if condition():
            return
        threading.Event().wait(0.1)
    pytest.fail(f"did not happen within {timeout_s:g} s")


def demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    listens = ["env", "--default-signal=INT"]  # also where the tests themselves run in a shell's background
    command = [*listens, sys.executable, "-m", "sheetwatch", "demo", "--dir", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_whole_demo(tmp_path: Path) -> None:
    with demo(tmp_path / "demo") as process:
        said, _ = process.communicate(timeout=280)
    assert process.returncode == 0, said
    accounting = re.search(
        r"Accounting: (\d+) pages in = (\d+) rows \+ (\d+) in review \+ (\d+) dropped .* 0 in work", said
    )
    assert accounting, said
    pages_in, rows, review, dropped = map(int, accounting.groups())
    assert pages_in == rows + review + dropped
    assert pages_in >= 29
    assert rows
    assert dropped == 1
    for reason in ("no-template", "incomplete-file", "duplicate-scan", "sum-mismatch", "dropped: blank"):
        assert reason in said
    csv_lines = sum(len(path.read_text("utf-8").splitlines()) - 1 for path in (tmp_path / "demo/results").glob("*.csv"))
    assert csv_lines == rows


@pytest.mark.slow
def test_control_c_stops_demo_and_daemon(tmp_path: Path) -> None:
    with demo(tmp_path / "demo") as process:
        log = tmp_path / "demo" / "daemon.log"
        ledger = tmp_path / "demo" / "state" / "sheetwatch.db"
        wait_for(lambda: ledger.exists() or process.poll() is not None, timeout_s=60)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "Traceback" not in log.read_text("utf-8")
    left = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read_bytes(entry)]
    assert not left


def read_bytes(path: Path) -> bytes:
    """A process's command line; nothing when it has gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_folder_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("my only copy", "utf-8")
    with pytest.raises(UsageError, match="not empty"):
        prepare_folder(tmp_path, TEMPLATES)
    assert (tmp_path / "thesis.txt").exists()


def test_an_earlier_demo_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    prepare_folder(tmp_path, TEMPLATES)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "old.csv").write_text("old", "utf-8")
    prepare_folder(tmp_path, TEMPLATES)
    assert not (tmp_path / "results").exists()
    (tmp_path / "thesis.txt").write_text("my only copy", "utf-8")
    with pytest.raises(UsageError, match="thesis"):
        prepare_folder(tmp_path, TEMPLATES)
    assert (tmp_path / "thesis.txt").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("", "utf-8")
    with pytest.raises(UsageError, match="no folder"):
        prepare_folder(tmp_path / "demo", TEMPLATES)


def test_the_configuration_it_writes_loads(tmp_path: Path) -> None:
    settings = load_settings(prepare_folder(tmp_path / 'a "b" demo', TEMPLATES))
    assert settings.templates == (TEMPLATES,)
    assert settings.watch.incomplete_after_s < 30
    assert settings.inbox == (tmp_path / 'a "b" demo' / "inbox",)


@pytest.mark.slow
def test_the_scans_are_of_every_kind() -> None:
    scans = list(demo_scans(load_templates([TEMPLATES]), seed=1))
    assert len(scans) == SCAN_COUNT >= 24
    assert {Path(scan.name).suffix for scan in scans} == {".jpg", ".png", ".tif", ".tiff", ".pdf"}
    assert max(len(scan.pages) for scan in scans) == 3
    pages = [page for scan in scans for page in scan.pages]
    assert {page.template for page in pages} == {"answer-book", "meter-reading", None}
    assert sum(not page.may_be_row for page in pages) == 5
    assert len({scan.data for scan in scans}) == len(scans) - 1


@pytest.mark.parametrize("bit_by_bit", [True, False])
def test_a_delivered_file_is_whole(tmp_path: Path, bit_by_bit: bool) -> None:  # noqa: FBT001 - pytest's way
    scan = DemoScan(name="a.jpg", data=os.urandom(1003), pages=(), bit_by_bit=bit_by_bit)
    deliver(scan, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == scan.data


def page_line(state: PageState, values: dict[str, str], *, reasons: Sequence[Reason] = ()) -> SheetLine:
    readings = {
        name: Reading(value=value, state=State.WRITTEN if value else State.EMPTY, probability=0.99)
        for name, value in values.items()
    }
    return SheetLine(
        page=1,
        row=None,
        review=None,
        sheet_id="s",
        source_name="a.jpg",
        page_index=0,
        state=state,
        decided_at=None,
        template="slip",
        drop_cause="blank" if state is PageState.DROPPED else None,
        corrected=False,
        csv_name="slip.csv" if state is PageState.ROW else None,
        stem=None,
        reasons=tuple(reasons),
        readings=readings,
        elapsed_ms=1.0,
    )


def sent(*, may_be_row: bool = True, template: str = "slip") -> list[DemoScan]:
    truth = {"q1": written("7"), "q2": written("7.5")}
    page = Expected(what="a slip", template=template, truth=truth, may_be_row=may_be_row)
    return [DemoScan(name="a.jpg", data=b"", pages=(page,))]


def csv_with(*rows: dict[str, str]) -> Delivered:
    return Delivered(rows=tuple(CsvRow(source="a.jpg", page=0, cells=cells) for cells in rows))


RIGHT = {"q1": "7", "q2": "7.5"}
WRONG = {"q1": "1", "q2": "7.5"}


def test_a_right_row_is_no_fault() -> None:
    scores = score(sent(), [page_line(PageState.ROW, RIGHT)], csv_with(RIGHT))
    assert [page.fault for page in scores] == [None]
    assert fields_right_and_wrong(scores, accepted=True) == (2, 0)


def test_an_accepted_page_is_judged_by_the_csv_not_by_the_ledger() -> None:
    (page,) = score(sent(), [page_line(PageState.ROW, RIGHT)], csv_with(WRONG))
    assert page.fault == "accepted with wrong values: q1 is 7, read as 1"


def test_a_wrong_value_in_review_is_no_fault() -> None:
    (page,) = score(sent(), [page_line(PageState.REVIEW, WRONG)], Delivered())
    assert page.fault is None
    assert fields_right_and_wrong([page], accepted=False) == (1, 1)


@pytest.mark.parametrize(
    ("state", "scans", "delivered", "fault"),
    [
        (PageState.ROW, sent(may_be_row=False), csv_with(RIGHT), "accepted, though a person had to see it"),
        (PageState.ROW, sent(template="other"), csv_with(RIGHT), "accepted as slip, which it is not"),
        (PageState.ROW, sent(), Delivered(), "accepted, but stands in no CSV"),
        (PageState.REVIEW, sent(), csv_with(RIGHT), "stands in a CSV, though the ledger knows of no row"),
    ],
)
def test_what_must_not_become_of_a_page(
    state: PageState, scans: list[DemoScan], delivered: Delivered, fault: str
) -> None:
    (page,) = score(scans, [page_line(state, RIGHT)], delivered)
    assert page.fault == fault


def counts(*, rows: int = 0, review: int = 0, in_work: int = 0, pages_in: int | None = None) -> Accounting:
    total = rows + review + in_work if pages_in is None else pages_in
    return Accounting(pages_in=total, rows=rows, review=review, dropped=0, in_work=in_work, dropped_by={})


def test_a_clean_demo_has_no_fault() -> None:
    lines = [page_line(PageState.ROW, RIGHT)]
    scores = score(sent(), lines, csv_with(RIGHT))
    assert faults(sent(), scores, lines, counts(rows=1), csv_with(RIGHT)) == []


@pytest.mark.parametrize(
    ("lines", "delivered", "counted", "told"),
    [
        ([], csv_with(RIGHT), counts(rows=1), "a.jpg page 1: the ledger does not know this page"),
        ([page_line(PageState.ROW, RIGHT)], csv_with(RIGHT, RIGHT), counts(rows=2), "2 times in the CSVs"),
        ([page_line(PageState.REVIEW, RIGHT)], Delivered(), counts(review=1), "but not in the review folder"),
        ([page_line(PageState.ROW, RIGHT)], csv_with(RIGHT), counts(rows=1, pages_in=2), "does not add up"),
        ([page_line(PageState.ROW, RIGHT)], csv_with(RIGHT), counts(rows=1, in_work=1), "1 pages are still in work"),
        ([page_line(PageState.ROW, RIGHT)], csv_with(RIGHT), counts(rows=2), "the CSVs hold 1 rows, the ledger 2"),
        ([page_line(PageState.REVIEW, RIGHT)], Delivered(), counts(review=1), "no page at all was accepted"),
    ],
)
def test_every_fault_is_told(lines: list[SheetLine], delivered: Delivered, counted: Accounting, told: str) -> None:
    scores = score(sent(), lines, delivered)
    assert any(told in fault for fault in faults(sent(), scores, lines, counted, delivered))


def test_a_page_that_nobody_sent_is_told() -> None:
    lines = [page_line(PageState.ROW, RIGHT)]
    assert "a.jpg page 1: in the ledger, but never sent" in faults([], [], lines, counts(rows=1), csv_with(RIGHT))


def test_folders_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "slip-2026-01-01.csv").write_text("sheet_id,source,page,q1\ns,a.jpg,0,7\ns,b.pdf,2,\n", "utf-8")
    (tmp_path / "b-1.review.txt").write_text("why", "utf-8")
    delivered = read_delivered(tmp_path, tmp_path)
    assert [(row.source, row.page, row.cells["q1"]) for row in delivered.rows] == [("a.jpg", 0, "7"), ("b.pdf", 2, "")]
    assert delivered.review_stems == {"b-1"}


def test_what_became_of_a_page_in_words() -> None:
    reasons = [
        Reason(code=ReasonCode.LOW_CONFIDENCE, detail="7 or 1", field=name) for name in ("q1", "q2", "q3", "q4", "q5")
    ]
    reasons.append(Reason(code=ReasonCode.DUPLICATE_SCAN, detail="as a.jpg"))
    assert became(page_line(PageState.REVIEW, {}, reasons=reasons)) == (
        "review: low-confidence (q1, q2, q3 and 2 more), duplicate-scan"
    )
    assert became(page_line(PageState.ROW, {})) == "row in slip.csv"
    assert became(page_line(PageState.DROPPED, {})) == "dropped: blank"
    assert became(page_line(PageState.WORK, {})) == "still in work"
    assert became(None) == "unknown"
