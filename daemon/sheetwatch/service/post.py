"""Notices on their way to people, over apprise: mail, chat and push services by one address each.

Addresses hold passwords: they stand in a file of their own, and in no message of ours.
"""

from __future__ import annotations

import logging
import stat
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def load_addresses(path: Path | None) -> list[str]:
    """The addresses of a file, one a line; none where there is no file. Raises ConfigError."""
    if path is None:
        return []
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the addresses of notices cannot be read ({error}); correct its rights") from error
    if mode & stat.S_IROTH:
        raise ConfigError(f"{path}: everybody on this machine can read these addresses; chmod 640 {path}")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def send(addresses: list[str], title: str, body: str) -> int:
    """Send to each address. Returns how many took it. Raises UsageError without the package, ConfigError."""
    try:
        import apprise  # noqa: PLC0415 - costs half a second
    except ImportError as error:
        raise UsageError("notices need apprise; install: pip install 'sheetwatch[notify]'") from error
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it writes addresses into its log
    return sum(_sent(apprise.Apprise(), address, number, title, body) for number, address in enumerate(addresses, 1))


def _sent(to: object, address: str, number: int, title: str, body: str) -> bool:
    if not to.add(address):  # type: ignore[attr-defined] # apprise is untyped
        raise ConfigError(f"line {number} of the addresses of notices is none that apprise knows; correct it")
    return bool(to.notify(body=body, title=title))  # type: ignore[attr-defined]
