"""What the daemon made of the demo's scans, held against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.ledger import PageState, SheetLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sheetwatch.cli.demo_scans import DemoScan, Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScore:
    """One page: what it was, what became of it, and how its fields compare with the truth."""

    source: str
    page: int
    expected: Expected
    line: SheetLine | None
    right: int = 0
    wrong: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the page became a row of the CSV."""
        return self.line is not None and self.line.state is PageState.ROW

    @property
    def fault(self) -> str | None:
        """What must not happen, in words; None when all is well."""
        if self.line is None:
            return "the ledger does not know this page"
        if not self.accepted:
            return None
        if not self.expected.may_be_row:
            return "accepted, though a person had to see it"
        if self.line.template != self.expected.template:
            return f"accepted as {self.line.template}, which it is not"
        return f"accepted with wrong values: {', '.join(self.wrong)}" if self.wrong else None


def score(scans: Sequence[DemoScan], lines: Sequence[SheetLine]) -> list[PageScore]:
    """One score for each page that was sent, in the order of sending."""
    known = {(line.source_name, line.page_index): line for line in lines}
    return [
        _score_page(scan.name, index, expected, known.get((scan.name, index)))
        for scan in scans
        for index, expected in enumerate(scan.pages)
    ]


def _score_page(source: str, page: int, expected: Expected, line: SheetLine | None) -> PageScore:
    if line is None or expected.truth is None or line.template != expected.template or not line.readings:
        return PageScore(source=source, page=page, expected=expected, line=line)
    wrong = tuple(
        f"{name} is {truth.value or 'empty'}, read as {line.readings[name].value or 'empty'}"
        for name, truth in expected.truth.items()
        if line.readings[name].value != truth.value
    )
    right = len(expected.truth) - len(wrong)
    return PageScore(source=source, page=page, expected=expected, line=line, right=right, wrong=wrong)


def unknown_pages(scans: Sequence[DemoScan], lines: Sequence[SheetLine]) -> list[SheetLine]:
    """Pages that the ledger has and nobody sent."""
    sent = {(scan.name, index) for scan in scans for index in range(len(scan.pages))}
    return [line for line in lines if (line.source_name, line.page_index) not in sent]


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
