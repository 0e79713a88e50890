"""What a sheet costs the daemon grows neither with the ledger nor with the inbox; counted, so that no clock matters.

The figures in milliseconds: growth_daemon.py. These are what they rest on: statements, steps of the database, fsyncs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from bench.growth_daemon import main
from support.big_ledger import effort_of, fill, plan_of
from support.office import Office, office_settings, row, sheet

if TYPE_CHECKING:
    from pathlib import Path

SHEETS = 60
PAST = 20_000
MOST_FSYNCS = 2.5
MOST_COMMITS = 1.0
MOST_STATEMENTS = 45.0
"""Of one sheet. Seen: 1.7, 0.8 and 35; when each page was a step of its own, 6.7, 6.6 and 60."""
WHOLE_TABLE = re.compile(r"^SCAN (scans|pages|rows|reviews|corrections|csv_files|audits|decisions)\b")
OWED_ONLY = ("rows_owed", "rows_rewritten", "decisions_waiting")
"""Indexes of what is to be done, and of nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Of one sheet. `plans`: of every kind of statement, how SQLite goes about it."""

    statements: float
    commits: float
    steps: float
    fsyncs: float
    plans: tuple[str, ...]


class Counted:
    """os.fsync, and how often it was called. SQLite's own fsyncs, two or three a commit, are not among them."""

    def __init__(self) -> None:
        self.calls = 0
        self._fsync = os.fsync

    def __call__(self, descriptor: int) -> None:
        self.calls += 1
        self._fsync(descriptor)


@pytest.fixture
def fsyncs(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(os, "fsync", counted)
    return counted


def effort_after(past: int, folder: Path, fsyncs: Counted) -> Effort:
    """What a sheet costs, of an inbox full of them, in a ledger with such a past."""
    plain = office_settings(folder)
    with Office(replace(plain, watch=replace(plain.watch, rescan_s=10_000))) as office:
        if past:
            fill(office.ledger, past, office.clock.at.date().isoformat())
        for number in range(SHEETS):
            office.drop(f"{number}.jpg", sheet(row(f"n{number}")))
        office.run_for(1)  # the first look
        before = fsyncs.calls
        with effort_of(office.ledger) as effort:
            while not (len(office.csv_lines()) == SHEETS and office.nothing_owed):
                office.run_for(0.5)
        kinds = {re.sub(r"'[^']*'|\d+", "?", statement): statement for statement in effort.statements}
        changes = ("SELECT", "INSERT", "UPDATE", "DELETE")
        plans = [
            line for one in kinds.values() if one.lstrip().startswith(changes) for line in plan_of(office.ledger, one)
        ]
    return Effort(
        statements=len(effort.statements) / SHEETS,
        commits=effort.statements.count("COMMIT") / SHEETS,
        steps=effort.steps / SHEETS,
        fsyncs=(fsyncs.calls - before) / SHEETS,
        plans=tuple(plans),
    )


def test_a_sheet_costs_as_little_after_thousands_as_in_an_empty_ledger(tmp_path: Path, fsyncs: Counted) -> None:
    empty, long = effort_after(0, tmp_path / "empty", fsyncs), effort_after(PAST, tmp_path / "long", fsyncs)
    print(f"\n{'':12}{'statements':>12}{'commits':>9}{'steps':>8}{'fsyncs':>8}, each for a sheet")
    for name, one in (("empty", empty), (f"{PAST} before", long)):
        print(f"{name:12}{one.statements:>12.1f}{one.commits:>9.2f}{one.steps:>8.0f}{one.fsyncs:>8.2f}")
    assert long.steps < 1.1 * empty.steps
    assert long.statements < 1.1 * empty.statements
    assert long.statements < MOST_STATEMENTS
    assert long.commits < MOST_COMMITS
    assert long.fsyncs < MOST_FSYNCS
    assert len(long.plans) > 20
    whole = [line for line in long.plans if WHOLE_TABLE.match(line)]
    assert [line for line in whole if not line.endswith(OWED_ONLY)] == []


def test_the_benchmark_runs(tmp_path: Path) -> None:
    few = ["--sheets", "20", "--repeat", "1", "--page-ms", "0", "--rows", "1000", "--folder", str(tmp_path)]
    figures = main(["ledger", *few])
    empty, long = figures.lines["ledger"]
    assert empty.costs[0].cpu_ms > 0
    assert long.costs[0].sheets == 17
    (past,) = figures.pasts
    assert past.sheets == 1020
    assert past.forgotten
