"""Plain values that every layer speaks: template, page, reading, verdict, settings, errors."""

from sheetwatch.domain.errors import (
    ConfigError,
    EnvironmentFault,
    LedgerError,
    ScanError,
    SheetwatchError,
    UsageError,
)
from sheetwatch.domain.reading import Alignment, Alternative, Page, PageReading, Reading, State
from sheetwatch.domain.settings import (
    Accept,
    Limits,
    Log,
    Metrics,
    Notices,
    Pages,
    Retention,
    Rolling,
    Settings,
    Watch,
)
from sheetwatch.domain.template import BestOf, Box, Field, FieldKind, Roster, SumCheck, Template
from sheetwatch.domain.values import canonical_number, parse_number
from sheetwatch.domain.verdict import Reason, ReasonCode, Verdict

__all__ = [
    "Accept",
    "Alignment",
    "Alternative",
    "BestOf",
    "Box",
    "ConfigError",
    "EnvironmentFault",
    "Field",
    "FieldKind",
    "LedgerError",
    "Limits",
    "Log",
    "Metrics",
    "Notices",
    "Page",
    "PageReading",
    "Pages",
    "Reading",
    "Reason",
    "ReasonCode",
    "Retention",
    "Rolling",
    "Roster",
    "ScanError",
    "Settings",
    "SheetwatchError",
    "State",
    "SumCheck",
    "Template",
    "UsageError",
    "Verdict",
    "Watch",
    "canonical_number",
    "parse_number",
]
