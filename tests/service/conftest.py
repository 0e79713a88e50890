"""An office per test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.office import Office, office_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Folders, ledger and fake workers; closed at the end."""
    with Office(settings=office_settings(tmp_path)) as office:
        yield office
