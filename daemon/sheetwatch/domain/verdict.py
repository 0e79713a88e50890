"""The verdict on a page: accepted, or review with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """Why a page needs a person. DESIGN.md lists the codes; BLANK_PAGE and WORKER_CRASHED are added here."""

    UNREADABLE_FILE = "unreadable-file"
    INCOMPLETE_FILE = "incomplete-file"
    TOO_LARGE = "too-large"
    TIMED_OUT = "timed-out"
    ENCRYPTED = "encrypted"
    WORKER_CRASHED = "worker-crashed"
    BLANK_PAGE = "blank-page"
    NO_TEMPLATE = "no-template"
    MISALIGNED = "misaligned"
    LOW_CONFIDENCE = "low-confidence"
    OUT_OF_RANGE = "out-of-range"
    MISSING_VALUE = "missing-value"
    SUM_MISMATCH = "sum-mismatch"
    NOT_ON_ROSTER = "not-on-roster"
    DUPLICATE_SCAN = "duplicate-scan"
    DUPLICATE_KEY = "duplicate-key"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason for review; `field` names the field it is about, if it is about one."""

    code: ReasonCode
    detail: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Accepted when there is no reason against it."""

    reasons: tuple[Reason, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the page may enter the CSV unseen."""
        return not self.reasons

    def __str__(self) -> str:
        return "accepted" if self.accepted else "review"

    @classmethod
    def review(cls, code: ReasonCode, detail: str, field: str | None = None) -> Verdict:
        """A verdict with this one reason."""
        return cls(reasons=(Reason(code=code, detail=detail, field=field),))
