"""The ledger's own promises: its errors in words, its rows, its accounting."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sheetwatch import files
from sheetwatch.domain import EnvironmentFault, Field, FieldKind, LedgerError, Reading, State
from sheetwatch.ledger import Form, Ledger, accounting, all_sheets, owed, pages, reviews, rows, rows_by_file, scans
from sheetwatch.ledger.records import NewRow, NewScan, PageFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TODAY = AT.date()
FORM = Form(name="exam", revision="1", fields=(Field(name="q1", kind=FieldKind.MARK, max=10),), key="q1")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "state" / "sheetwatch.db") as ledger:
        yield ledger


def claim(ledger: Ledger, page_count: int = 1, sha256: str = "x") -> int:
    new = NewScan(
        source=Path("/inbox/a.jpg"), name="a.jpg", suffix=".jpg", size_bytes=1, mtime_ns=1, sha256=sha256,
        page_count=page_count, claimed_at=AT, program="test",
    )  # fmt: skip
    with ledger.transaction() as tx:
        scan = scans.begin_claim(tx, new).scan
    with ledger.transaction() as tx:
        scans.finish_claim(tx, scan, mtime_ns=1, drop_duplicates=False, at=AT)
    return scan


def accept(ledger: Ledger, header: str = "h\n", *, max_rows: int = 3, day: date = TODAY) -> str:
    claim(ledger, sha256=str(accounting(ledger).pages_in))
    with ledger.transaction() as tx:
        (page,) = pages.work_pages(tx, 1)
        facts = PageFacts(
            form=FORM, readings={"q1": Reading(value="7", state=State.WRITTEN, probability=0.5)}, program="test"
        )
        row = NewRow(template="exam", day=day, header=header, line=f"{page.sheet_id}\n", key_value=None)
        return pages.record_row(tx, page.page, facts, row, max_rows=max_rows, at=AT)


def test_every_page_of_a_claimed_scan_is_in_work(ledger: Ledger) -> None:
    claim(ledger, page_count=3)
    counts = accounting(ledger)
    assert (counts.pages_in, counts.in_work, counts.balanced) == (3, 3, True)


def test_a_claim_that_is_not_finished_counts_no_page(ledger: Ledger) -> None:
    new = NewScan(
        source=Path("/inbox/\udcff.jpg"), name="x", suffix="", size_bytes=1, mtime_ns=1, sha256=None, page_count=2,
        claimed_at=AT, program="test",
    )  # fmt: skip
    with ledger.transaction() as tx:
        begun = scans.begin_claim(tx, new)
    assert accounting(ledger).pages_in == 0
    assert owed(ledger).claims == 1
    with ledger.reading() as tx:
        assert scans.unfinished_claims(tx) == [begun]
    with ledger.transaction() as tx:
        scans.cancel_claim(tx, begun.scan)
    assert owed(ledger).nothing


def test_a_transaction_that_fails_changes_nothing(ledger: Ledger) -> None:
    claim(ledger)
    with pytest.raises(ZeroDivisionError):
        _fail_half_way(ledger)
    with ledger.reading() as tx:
        assert pages.work_pages(tx, 1)[0].attempts == 0


def _fail_half_way(ledger: Ledger) -> None:
    with ledger.transaction() as tx:
        tx.execute("UPDATE pages SET attempts = 9")
        raise ZeroDivisionError


def test_a_fold_that_the_disk_refuses_undoes_no_commit(ledger: Ledger) -> None:
    """The log has room left, the file has none: what was committed stands, and the fold is tried again."""
    with ledger.transaction() as tx:
        tx.execute("CREATE TABLE t (x)")
        tx.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    for _ in range(40):
        insert(ledger, 1)
    size_bytes = ledger.path.stat().st_size
    assert size_bytes > 1000000, "it was folded"
    with no_file_longer_than(size_bytes):
        for _ in range(45):
            insert(ledger, 4000)
        with pytest.raises(EnvironmentFault, match="check the disk"):
            ledger.fold_when_due()
    with ledger.reading() as tx:
        assert tx.execute("SELECT count(*) FROM t").fetchone()[0] == 86
    ledger.fold_when_due()
    assert ledger.path.stat().st_size > size_bytes


def insert(ledger: Ledger, size_bytes: int) -> None:
    with ledger.transaction() as tx:
        tx.execute("INSERT INTO t VALUES (zeroblob(?))", (size_bytes,))


@contextlib.contextmanager
def no_file_longer_than(size_bytes: int) -> Iterator[None]:
    """As on a full disk: what is there can be overwritten, and nothing gets longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_csv_files_roll_at_their_size_and_with_other_columns(ledger: Ledger) -> None:
    names = [accept(ledger) for _ in range(4)] + [accept(ledger, "other\n") for _ in range(2)]
    first = "exam-2026-03-02"
    assert names == [f"{first}.csv"] * 3 + [f"{first}-2.csv"] + [f"{first}-3.csv"] * 2
    assert accept(ledger, day=date(2026, 3, 3)) == "exam-2026-03-03.csv"


def test_rows_of_two_states_of_a_template_share_two_files(ledger: Ledger) -> None:
    """Pages in review keep the columns they were read with, long after the template has others."""
    names = [accept(ledger, header) for header in ("old\n", "new\n") * 3]
    first = "exam-2026-03-02"
    assert names == [f"{first}.csv", f"{first}-2.csv"] * 3
    assert [accept(ledger, header) for header in ("old\n", "new\n")] == [f"{first}-3.csv", f"{first}-4.csv"]


def test_owed_rows_are_delivered_in_order_and_once(ledger: Ledger) -> None:
    for _ in range(3):
        accept(ledger)
    with ledger.transaction() as tx:
        (file,) = rows.files_with_owed_rows(tx)
        lines = rows.owed_lines(tx, file.csv_file)
        rows.delivered(tx, file.csv_file, lines=2, size_bytes=99, fingerprint="f")
    assert len(lines) == 3
    with ledger.reading() as tx:
        assert rows.owed_lines(tx, file.csv_file) == lines[2:]
        assert rows.delivered_lines(tx, file.csv_file) == lines[:2]
    (exported,) = [(file.name, list(file.lines)) for file in rows_by_file(ledger)]
    assert exported == ("exam-2026-03-02.csv", lines)


def test_readings_come_back_as_they_went_in(ledger: Ledger) -> None:
    accept(ledger)
    (sheet,) = all_sheets(ledger)
    assert sheet.readings == {"q1": Reading(value="7", state=State.WRITTEN, probability=0.5)}
    assert sheet.became == "row (auto) in exam-2026-03-02.csv"


def test_the_database_refuses_what_cannot_be(ledger: Ledger) -> None:
    claim(ledger)
    for change in ("state = 'lost'", "state = 'dropped'", "drop_cause = 'blank'"):
        with pytest.raises(LedgerError, match="CHECK"), ledger.transaction() as tx:
            tx.execute(f"UPDATE pages SET {change}")  # noqa: S608 - constants of this test


def test_it_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger yet"):
        Ledger.open_for_reading(tmp_path / "none.db")
    nonsense = tmp_path / "nonsense.db"
    nonsense.write_bytes(b"nonsense" * 1000)
    with pytest.raises(LedgerError, match="restore"):
        Ledger.open(nonsense)
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    with pytest.raises(LedgerError, match="not Sheetwatch's"):
        Ledger.open(tmp_path / "foreign.db")
    with pytest.raises(EnvironmentFault):
        Ledger.open(tmp_path)


def test_a_ledger_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sheetwatch.db"
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.open(path)


def test_a_ledger_made_before_an_index_gets_it_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "sheetwatch.db"
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    made = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")}
    connection.execute("DROP INDEX pages_files")
    connection.close()
    with Ledger.open(path) as ledger, ledger.reading() as tx:
        found = {row[0] for row in tx.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'")}
    assert "pages_files" in found
    assert found == made


def test_the_log_of_a_dead_process_is_written_anew(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed fsync may have left it in memory alone; from there it looks whole."""
    claim(ledger)
    dead = tmp_path / "dead"
    shutil.copytree(ledger.path.parent, dead)
    log = dead / "sheetwatch.db-wal"
    content, synced = log.read_bytes(), list[Path]()
    written = dict[int, bytes]()

    def note(_: int, block: bytes, at_byte: int) -> int:
        written[at_byte] = block
        return len(block)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", note)
        patch.setattr(files, "fsync", lambda _, path: synced.append(path))
        Ledger.open(dead / "sheetwatch.db").close()
    assert content
    assert b"".join(written[at_byte] for at_byte in sorted(written)) == content
    assert log in synced


def test_looking_into_a_foreign_file_leaves_it_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sheetwatch.db"
    Ledger.open(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connect_and_note(*args: Any, **how: Any) -> sqlite3.Connection:
        opened.append(connect(*args, **how))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect_and_note)
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.open_for_reading(path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_what_the_daemon_asks_all_the_time_reads_no_whole_table(ledger: Ledger) -> None:
    claim(ledger)
    accept(ledger)
    asked: list[str] = []
    with ledger.transaction() as tx:
        tx.set_trace_callback(asked.append)
        scans.unfinished_claims(tx)
        scans.settled_scans(tx)
        scans.closing_reviews(tx)
        pages.work_pages(tx, 3)
        pages.work_count(tx)
        pages.key_holder(tx, "exam", "7")
        reviews.opening_reviews(tx, 3)
        reviews.open_files(tx)
        reviews.find_review(tx, "stem")
        reviews.find_by_content(tx, "x")
        reviews.stem_is_known(tx, "stem")
        rows.files_with_owed_rows(tx)
        rows.files_of_day(tx, TODAY)
        tx.set_trace_callback(None)
        plans = {query: [row["detail"] for row in tx.execute(f"EXPLAIN QUERY PLAN {query}")] for query in asked}
    assert len(plans) == 13
    small = {"SCAN rows USING INDEX rows_owed"}  # what is owed alone
    whole = {query for query, plan in plans.items() for step in plan if step.startswith("SCAN") and step not in small}
    assert not whole
