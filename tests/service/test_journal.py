"""Events as journal entries, against a stand-in for systemd-python; the real one is in tests/install/test_booted.py."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, TextIO

import pytest

from sheetwatch.domain import Log
from sheetwatch.service import logs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

Entry = dict[str, str]


class Journal:
    """Takes what `systemd.journal.sendv` takes; refuses when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stderr: TextIO) -> None:
        self.entries: list[Entry] = []
        self.refuses = False
        self._monkeypatch = monkeypatch
        self._stderr = stderr

    def sendv(self, *fields: bytes) -> None:
        if self.refuses:
            raise OSError(105, "No buffer space available")
        pairs = [field.decode().partition("=") for field in fields]
        self.entries.append({name: value for name, _, value in pairs})

    def logger(self, settings: Log | None = None) -> FilteringBoundLogger:
        """The program's logger, as under systemd."""
        self._monkeypatch.setattr("sys.stderr", self._stderr)
        return logs.configure(settings or Log())


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Journal]:
    package, module = ModuleType("systemd"), ModuleType("systemd.journal")
    monkeypatch.setitem(sys.modules, "systemd", package)
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    with (tmp_path / "stderr").open("w") as err:
        status = os.fstat(err.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        stand_in = Journal(monkeypatch, err)
        module.__dict__["sendv"] = stand_in.sendv
        package.__dict__["journal"] = module
        yield stand_in


def test_each_value_has_a_field_and_a_line_tells_all(journal: Journal) -> None:
    log = journal.logger()
    log.info("page_read", sheet_id="20260314-00012-p3", verdict="review", reasons=["a", "b"], csv=None, elapsed_ms=61)
    (entry,) = journal.entries
    assert entry == {
        "MESSAGE": 'page_read sheet_id=20260314-00012-p3 verdict=review reasons="a b" elapsed_ms=61',
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "sheetwatch",
        "SHEETWATCH_EVENT": "page_read",
        "SHEETWATCH_SHEET": "20260314-00012-p3",
        "SHEETWATCH_SCAN": "20260314-00012",
        "SHEETWATCH_VERDICT": "review",
        "SHEETWATCH_REASONS": "a b",
        "SHEETWATCH_ELAPSED_MS": "61",
    }


def test_a_scan_is_followed_by_one_field_from_the_claim_to_the_archive(journal: Journal) -> None:
    log = journal.logger()
    log.info("scan_claimed", scan_id="20260314-00012", source="x.jpg")
    log.info("page_read", sheet_id="20260314-00012-p0")
    log.info("scan_archived", scan_id="20260314-00012")
    log.info("scan_archived", scan_id="20260314-00013")
    assert [entry["SHEETWATCH_SCAN"] for entry in journal.entries].count("20260314-00012") == 3


def test_a_trace_of_a_program_fault_is_in_the_entry(journal: Journal) -> None:
    log = journal.logger()
    try:
        int("no such page")
    except ValueError:
        log.exception("program_fault", sheet_id="x-p0")
    assert journal.entries[0]["PRIORITY"] == "3"
    assert "ValueError: invalid literal" in journal.entries[0]["SHEETWATCH_EXCEPTION"]


def test_names_that_are_no_text_and_newlines_do_no_harm(journal: Journal) -> None:
    journal.logger().warning("left_alone", path="a\udcff\nPRIORITY=0", reason=None)
    (entry,) = journal.entries
    assert entry["PRIORITY"] == "4"
    assert entry["SHEETWATCH_PATH"] == "a\\udcff\nPRIORITY=0"
    assert "\n" not in entry["MESSAGE"]


def test_a_journal_that_takes_nothing_undoes_nothing(journal: Journal) -> None:
    journal.refuses = True
    journal.logger().error("intake_paused", reason="disk full")
    assert journal.entries == []


def test_the_level_holds_in_the_journal_too(journal: Journal) -> None:
    log = journal.logger(Log(level="warning"))
    log.info("page_read")
    log.warning("left_alone")
    assert [entry["SHEETWATCH_EVENT"] for entry in journal.entries] == ["left_alone"]


def test_who_asks_for_json_gets_it_under_systemd_too(journal: Journal, tmp_path: Path) -> None:
    journal.logger(Log(format="json")).info("page_read")
    sys.stderr.flush()
    assert journal.entries == []
    assert '"event": "page_read"' in (tmp_path / "stderr").read_text()
