"""Plain values that every layer speaks: template, page, reading, verdict, settings, errors."""

from sheetwatch.domain.errors import (
    ConfigError,
    EnvironmentFault,
    LedgerError,
    ScanError,
    SheetwatchError,
    UsageError,
)
from sheetwatch.domain.reading import Alignment, Alternative, Page, PageReading, Reading, SheetPicture, State
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
    Web,
)
from sheetwatch.domain.spotted import Digit, Line, Number, Spotted
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
    "Digit",
    "EnvironmentFault",
    "Field",
    "FieldKind",
    "LedgerError",
    "Limits",
    "Line",
    "Log",
    "Metrics",
    "Notices",
    "Number",
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
    "SheetPicture",
    "SheetwatchError",
    "Spotted",
    "State",
    "SumCheck",
    "Template",
    "UsageError",
    "Verdict",
    "Watch",
    "Web",
    "canonical_number",
    "parse_number",
]
