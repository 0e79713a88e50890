"""An office with its pages per test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import Web
from support.office import office_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from web.web_office import WebOffice


@pytest.fixture
def office(tmp_path: Path) -> Iterator[WebOffice]:
    """Folders, ledger, fake workers and pages; decisions are carried out at once; closed at the end."""
    from web.web_office import WebOffice  # noqa: PLC0415 - needs Flask; the tests' own modules skip without it

    with WebOffice(settings=replace(office_settings(tmp_path), web=Web(undo_s=0))) as office:
        yield office
