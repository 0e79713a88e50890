"""A worker of a cluster asks for what it misses, reads, and harms nobody by a page that ends its process."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import Limits, ReasonCode, Settings
from sheetwatch.templates import load_templates
from sheetwatch.worker import tasks
from sheetwatch.worker.kit import Kit
from sheetwatch.worker.orders import PageOrder
from support.bombs import zeros_png
from support.cluster import TEMPLATES, sheets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sheetwatch.worker.crew import Crew
    from sheetwatch.worker.kit import Badge

crews = pytest.importorskip("sheetwatch.worker.crew", reason="the extra `cluster` is not installed")
HERE = "tcp://here"


@pytest.fixture(scope="module")
def badge() -> Badge:
    return tasks.badge(None)


@pytest.fixture(scope="module")
def kit() -> Kit:
    return Kit.of(Settings(limits=Limits(worker_memory_mb=600)), load_templates([TEMPLATES]))


@pytest.fixture
def crew(badge: Badge) -> Iterator[Crew]:
    with crews.Crew(badge, pages=1, model=None) as crew:
        yield crew


def order(crew: Crew, kit: Kit, data: bytes | None, **changes: object) -> PageOrder:
    plain = PageOrder(
        badge=str(crew.badge), kit=kit.key, scan="", page=0, page_count=1, draw=False, pictures=True, data=data
    )
    return replace(plain, **changes)  # type: ignore[arg-type] # whatever a test wants to change


def test_it_asks_for_the_kit_and_then_for_the_scan_and_then_reads(crew: Crew, kit: Kit) -> None:
    (data,) = sheets(1).values()
    scan = hashlib.sha256(data).hexdigest()
    asked = order(crew, kit, None, scan=scan, draw=True)
    assert crew.read(asked, HERE).wants == kit.key
    crew.hold_kit(str(crew.badge), kit)
    assert crew.read(asked, HERE).wants == scan
    crew.hold_scan(str(crew.badge), scan, data)
    answer = crew.read(asked, HERE)
    assert answer.examined is not None, answer
    outcome = answer.examined.outcome
    assert outcome.reading.template == "answer-book"
    assert outcome.sheet is not None
    assert set(answer.examined.files) == {outcome.picture, outcome.sheet.name}
    assert answer.examined.files["page-0000.review.png"].startswith(b"\x89PNG")


def test_a_bomb_is_told_from_a_fault_and_the_next_page_is_well(crew: Crew, kit: Kit) -> None:
    crew.hold_kit(str(crew.badge), kit)
    roomy = replace(kit, key="roomy", limits=Limits(worker_memory_mb=300, megapixels=1000))
    crew.hold_kit(str(crew.badge), roomy)
    answer = crew.read(order(crew, roomy, zeros_png(20_000, 20_000)), HERE)
    told = answer.reason or (answer.examined and answer.examined.outcome.reading.verdict.reasons[0])
    assert told
    assert told.code is ReasonCode.TOO_LARGE
    assert crew.read(order(crew, kit, *sheets(1).values()), HERE).examined is not None


def test_an_order_for_somebody_else_is_a_fault(crew: Crew, kit: Kit) -> None:
    answer = crew.read(order(crew, kit, b"", badge="another"), HERE)
    assert answer.fault is not None
    assert "was asked as another" in answer.fault


def test_processes_of_kits_that_nobody_uses_end(crew: Crew, kit: Kit) -> None:
    for number in range(4):
        crew.hold_kit(str(crew.badge), replace(kit, key=f"kit {number}"))
    assert list(crew._pools) == ["kit 2", "kit 3"]
