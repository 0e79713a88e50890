"""What the daemon made of the demo's scans: ledger, CSVs and review folder, held against the truth."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.ledger import PageState, SheetLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sheetwatch.cli.demo_scans import DemoScan, Expected
    from sheetwatch.ledger import Accounting

_REVIEW_TEXT = ".review.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row as it stands in a CSV; `cells` by column."""

    source: str
    page: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What lies in the folders: every row of every CSV, and the stems of the pages in review."""

    rows: tuple[CsvRow, ...] = ()
    review_stems: frozenset[str] = frozenset()


def read_delivered(results: Path, review: Path) -> Delivered:
    """Look into the folders, past the ledger."""
    rows: list[CsvRow] = []
    for path in sorted(results.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [CsvRow(source=row["source"], page=int(row["page"]), cells=row) for row in csv.DictReader(file)]
    stems = frozenset(path.name.removesuffix(_REVIEW_TEXT) for path in review.glob(f"*{_REVIEW_TEXT}"))
    return Delivered(rows=tuple(rows), review_stems=stems)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScore:
    """One page: what it was, what became of it, how its fields compare with the truth, and what must not be.

    `fault` is None when all is well.
    """

    source: str
    page: int
    expected: Expected
    line: SheetLine | None
    right: int = 0
    wrong: tuple[str, ...] = ()
    fault: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the page became a row of the CSV."""
        return self.line is not None and self.line.state is PageState.ROW


def score(scans: Sequence[DemoScan], lines: Sequence[SheetLine], delivered: Delivered) -> list[PageScore]:
    """One score for each page that was sent, in the order of sending."""
    known = {(line.source_name, line.page_index): line for line in lines}
    rows = {(row.source, row.page): row for row in delivered.rows}
    return [
        _score_page(scan.name, index, expected, known.get((scan.name, index)), rows.get((scan.name, index)))
        for scan in scans
        for index, expected in enumerate(scan.pages)
    ]


def _score_page(source: str, page: int, expected: Expected, line: SheetLine | None, row: CsvRow | None) -> PageScore:
    right, wrong = _compare(expected, line, row)
    fault = _fault(expected, line, row, wrong)
    return PageScore(source=source, page=page, expected=expected, line=line, right=right, wrong=wrong, fault=fault)


def _compare(expected: Expected, line: SheetLine | None, row: CsvRow | None) -> tuple[int, tuple[str, ...]]:
    """How many fields are right, and the others in words; nothing when the page was not read as what it is.

    Accepted pages are judged by the CSV, the others by what the machine read.
    """
    if line is None or expected.truth is None or line.template != expected.template:
        return 0, ()
    read = row.cells if row else {name: reading.value for name, reading in line.readings.items()}
    if not read:
        return 0, ()
    wrong = tuple(
        f"{name} is {truth.value or 'empty'}, read as {read.get(name) or 'empty'}"
        for name, truth in expected.truth.items()
        if read.get(name) != truth.value
    )
    return len(expected.truth) - len(wrong), wrong


def _fault(expected: Expected, line: SheetLine | None, row: CsvRow | None, wrong: Sequence[str]) -> str | None:
    if line is None:
        return "the ledger does not know this page"
    if line.state is not PageState.ROW:
        return "stands in a CSV, though the ledger knows of no row" if row else None
    if row is None:
        return "accepted, but stands in no CSV"
    if not expected.may_be_row:
        return "accepted, though a person had to see it"
    if line.template != expected.template:
        return f"accepted as {line.template}, which it is not"
    return f"accepted with wrong values: {', '.join(wrong)}" if wrong else None


def faults(
    scans: Sequence[DemoScan],
    scores: Sequence[PageScore],
    lines: Sequence[SheetLine],
    counts: Accounting,
    delivered: Delivered,
) -> list[str]:
    """Everything that must not be, in words: in single pages, in the accounting, in the folders."""
    found = [f"{page.source} page {page.page + 1}: {page.fault}" for page in scores if page.fault]
    sent = {(scan.name, index) for scan in scans for index in range(len(scan.pages))}
    found += [
        f"{line.source_name} page {line.page_index + 1}: in the ledger, but never sent"
        for line in lines
        if (line.source_name, line.page_index) not in sent
    ]
    found += [
        f"{source} page {page + 1}: {times} times in the CSVs"
        for (source, page), times in Counter((row.source, row.page) for row in delivered.rows).items()
        if times > 1
    ]
    found += [
        f"{line.source_name} page {line.page_index + 1}: in review, but not in the review folder"
        for line in lines
        if line.state is PageState.REVIEW and line.stem not in delivered.review_stems
    ]
    return found + _sums(counts, delivered)


def _sums(counts: Accounting, delivered: Delivered) -> list[str]:
    rows, review = len(delivered.rows), len(delivered.review_stems)
    found = [] if counts.balanced else ["the accounting does not add up"]
    if counts.in_work:
        found.append(f"{counts.in_work} pages are still in work")
    if rows != counts.rows:
        found.append(f"the CSVs hold {rows} rows, the ledger {counts.rows}")
    if review != counts.review:
        found.append(f"the review folder holds {review} pages, the ledger {counts.review}")
    return found if counts.rows else [*found, "no page at all was accepted"]


def fields_right_and_wrong(scores: Sequence[PageScore], *, accepted: bool) -> tuple[int, int]:
    """Fields read right and wrong on the pages that were accepted, or on those that were not."""
    chosen = [page for page in scores if page.accepted is accepted]
    return sum(page.right for page in chosen), sum(len(page.wrong) for page in chosen)


def became(line: SheetLine | None) -> str:
    """What became of a page, in a few words."""
    if line is None:
        return "unknown"
    if line.state is PageState.ROW:
        return f"row in {line.csv_name}"
    if line.state is PageState.REVIEW:
        return f"review: {', '.join(_reasons(line))}"
    return f"dropped: {line.drop_cause}" if line.state is PageState.DROPPED else "still in work"


def _reasons(line: SheetLine) -> list[str]:
    """Each reason once, with its fields: "low-confidence (q7, q9)"."""
    fields: dict[str, list[str]] = {}
    for reason in line.reasons:
        fields.setdefault(str(reason.code), []).extend([reason.field] if reason.field else [])
    return [f"{code} ({_few(names)})" if names else code for code, names in fields.items()]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
