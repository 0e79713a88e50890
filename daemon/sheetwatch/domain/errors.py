"""Errors: a broken system raises, a bad sheet is a value. Each message names the thing, the reason and the mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sheetwatch.domain.verdict import ReasonCode


class SheetwatchError(Exception):
    """Base of every error that Sheetwatch raises on purpose; `exit_code` follows sysexits.h."""

    exit_code = 70


class UsageError(SheetwatchError):
    """The command line asks for something that does not exist."""

    exit_code = 64


class ConfigError(SheetwatchError):
    """A configuration, template or model file is wrong; the daemon cannot start with it."""

    exit_code = 78


class EnvironmentFault(SheetwatchError):  # noqa: N818 - DESIGN.md calls these environment faults
    """A full disk, a vanished share, a read-only folder: no sheet's fault; intake pauses and tries again."""

    exit_code = 75


class LedgerError(SheetwatchError):
    """The ledger cannot be opened or contradicts itself."""

    exit_code = 74


class ScanError(SheetwatchError):
    """A scan, or one page of it, cannot be decoded. Becomes a review reason, never the end of the daemon."""

    exit_code = 1

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
