"""Whether an installation keeps its promises: what lies on its disk, against what entered it.

    kept = check(place, [content, ...])      fails, saying what is wrong; returns what became of every page

`check` asks the ledger's tables and the folders themselves, not the program, and then compares with what the program
says (`status`, `export`). `check_commands` runs those two as commands, for a sample: they take half a second each.
"""

from __future__ import annotations

import csv
import hashlib
import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.ledger import Accounting, Ledger, rows_by_file
from sheetwatch.service.report import report_of
from sheetwatch.service.site import LEDGER_NAME
from sheetwatch.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from support.processes import Installation

_REVIEW_ALWAYS, _REVIEW_SOMETIMES = (".review.txt", ".review.csv"), ".review.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of every page, by the name of its scan and its number; the line of every row, by its sheet."""

    accounting: Accounting
    states: Mapping[tuple[str, int], tuple[str, ...]]
    lines: Mapping[str, str]


def check(
    place: Installation, entered: Iterable[bytes], *, drained: bool = True, kept_aside: Collection[str] = ()
) -> Kept:
    """Fail unless every promise is kept.

    `entered`: the content of every scan that came in; pages moved back from review as they were do not count.
    `drained`: nothing may be in work or owed. `kept_aside`: what may lie in results/ besides the CSVs.
    """
    stray = [str(path.relative_to(place.base)) for path in place.base.rglob(".sheetwatch-*")]
    assert not stray, f"stray temporary files: {stray}"
    with closing(sqlite3.connect(f"{(place.base / 'state' / LEDGER_NAME).as_uri()}?mode=ro", uri=True)) as tables:
        tables.row_factory = sqlite3.Row
        _check_tables(tables)
        lines = _check_csvs(tables, place.base / "results", drained=drained, kept_aside=kept_aside)
        _check_scans(tables, place.base, Counter(map(_sha256, entered)), drained=drained)
        if drained:
            _check_review_folder(tables, place.base / "review")
        states = _states(tables)
    return Kept(accounting=_check_program(place, drained=drained), states=states, lines=lines)


def check_commands(place: Installation) -> None:
    """Fail unless the commands `status` and `export` say what the folders say."""
    status = place.status()
    assert status["accounting"]["balanced"], status
    assert status["healthy"], status["problems"]
    out = place.base / "exported"
    done = place.command("export", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert _contents(out) == _contents(place.base / "results")


def _check_tables(tables: sqlite3.Connection) -> None:
    """The file is sound, and every page that entered is there exactly once."""
    assert [row[0] for row in tables.execute("PRAGMA integrity_check")] == ["ok"]
    assert not tables.execute("PRAGMA foreign_key_check").fetchall()
    wrong = tables.execute(
        "SELECT scan_id FROM scans WHERE state != 'claiming' AND page_count * (returns_page IS NULL) !="
        " (SELECT count(*) FROM pages WHERE scan = scans.id AND page < page_count)"
    ).fetchall()
    assert not wrong, f"scans whose pages are not all there once: {[row[0] for row in wrong]}"
    wrong = tables.execute(
        "SELECT sheet_id FROM pages WHERE (state = 'row') != (SELECT count(*) FROM rows WHERE page = pages.id)"
        " OR (state = 'review') != (SELECT count(*) FROM reviews WHERE page = pages.id AND resolution IS NULL)"
    ).fetchall()
    assert not wrong, f"pages whose state is contradicted: {[row[0] for row in wrong]}"


def _check_csvs(
    tables: sqlite3.Connection, results: Path, *, drained: bool, kept_aside: Collection[str]
) -> dict[str, str]:
    """Every CSV is well formed and holds the rows of the ledger, in order, each once. Returns lines by sheet."""
    lines: list[tuple[str, str]] = []
    for file in tables.execute("SELECT * FROM csv_files").fetchall():
        query = "SELECT line FROM rows WHERE csv_file = ? AND (? OR delivered) ORDER BY sequence"
        owed = [row[0] for row in tables.execute(query, (file["id"], drained))]
        path = results / file["name"]
        if drained or path.exists():
            content = path.read_bytes().decode()
            assert content == file["header"] + "".join(owed), f"{file['name']} is not what the ledger says"
            lines += [(cells[0], line) for cells, line in zip(_rows_of(content), owed, strict=True)]
    names = {row[0] for row in tables.execute("SELECT name FROM csv_files")}
    stray = set(os.listdir(results)) - names - set(kept_aside)  # noqa: PTH208 - names
    assert not stray, f"stray in results/: {stray}"
    assert len(dict(lines)) == len(lines), "a sheet has two rows"
    return dict(lines)


def _rows_of(content: str) -> list[list[str]]:
    """The rows of a CSV below its header. Fails when one is malformed."""
    assert content.endswith("\n")
    header, *rows = csv.reader(content.splitlines(keepends=True), strict=True)
    assert all(len(row) == len(header) for row in rows), "a line is malformed"
    return rows


def _check_scans(tables: sqlite3.Connection, base: Path, entered: Counter[str], *, drained: bool) -> None:
    """The files are where the ledger says, whole, and nothing else lies there: none is lost, none there twice."""
    scans = tables.execute("SELECT * FROM scans WHERE state != 'claiming' OR NOT ?", (drained,)).fetchall()
    places = {scan["scan_id"]: _place_of(base, scan) for scan in scans}
    held = [places[scan["scan_id"]] for scan in scans if scan["keep"]]
    inbox = [path for path in (base / "inbox").rglob("*") if path.is_file() and not path.name.startswith(".")]
    if not drained:
        held = [path for path in held if path and path.exists()]
        returned = {_sha256(path.read_bytes()) for path in inbox} - set(entered)
        inbox = [path for path in inbox if _sha256(path.read_bytes()) not in returned]
    found = Counter(_sha256(path.read_bytes()) for path in [*inbox, *held] if path)
    assert not entered - found, f"scans that are lost: {_count(entered - found)}"
    assert not found - entered, f"scans that are there twice: {_count(found - entered)}"
    if drained:
        known = {path for path in places.values() if path}
        stray = {path for path in (base / "archive").rglob("*") if path.is_file()} - known
        assert not stray, f"nobody knows these files of the archive: {stray}"
        work = {path.name for path in (base / "state" / "work").glob("*")}
        claimed = {scan["scan_id"] for scan in scans if scan["state"] == "claimed"}
        assert work == claimed, f"in state/work: {sorted(work)}, in work: {sorted(claimed)}"


def _place_of(base: Path, scan: sqlite3.Row) -> Path | None:
    """Where a scan lies; None for one that was not kept because the ledger holds it already."""
    if scan["state"] == "archived":
        return base / "archive" / scan["archived_as"] if scan["archived_as"] else None
    return base / "state" / "work" / scan["scan_id"] / f"scan{scan['suffix']}"


def _check_review_folder(tables: sqlite3.Connection, review: Path) -> None:
    """The files of every page in review are there, the page itself whole, and nothing else is."""
    rows = tables.execute("SELECT * FROM reviews WHERE state = 'open'").fetchall()
    must = {f"{row['stem']}{end}" for row in rows for end in _REVIEW_ALWAYS} | {row["page_name"] for row in rows}
    may = {f"{row['stem']}{_REVIEW_SOMETIMES}" for row in rows}
    there = set(os.listdir(review))  # noqa: PTH208 - names
    assert must <= there, f"missing in review/: {must - there}"
    assert there <= must | may, f"stray in review/: {there - must - may}"
    for row in rows:
        assert _sha256((review / row["page_name"]).read_bytes()) == row["page_sha256"], row["page_name"]


def _states(tables: sqlite3.Connection) -> dict[tuple[str, int], tuple[str, ...]]:
    """By name and page, because names may come twice: the states of all pages called so, in alphabetical order."""
    query = (
        "SELECT name, page, coalesce(drop_cause, pages.state) FROM pages JOIN scans ON scans.id = pages.scan ORDER BY 3"
    )
    states: dict[tuple[str, int], tuple[str, ...]] = {}
    for name, page, state in tables.execute(query):
        states[name, page] = (*states.get((name, page), ()), state)
    return states


def _check_program(place: Installation, *, drained: bool) -> Accounting:
    """The program's own accounting balances, and `export` would make the same CSVs."""
    settings = load_settings(place.config)
    report = report_of(settings, last=1)
    assert report.accounting.balanced, report.accounting
    if drained:
        assert not report.accounting.in_work, report.accounting
        assert report.owed.nothing, report.owed
        with Ledger.open_for_reading(settings.state / LEDGER_NAME) as ledger:
            for file in rows_by_file(ledger):
                exported = (file.header + "".join(file.lines)).encode()
                assert exported == (settings.results / file.name).read_bytes(), f"{file.name} differs from its export"
    return report.accounting


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _count(shas: Counter[str]) -> str:
    return ", ".join(f"{sha[:8]} x {count}" for sha, count in shas.items())
