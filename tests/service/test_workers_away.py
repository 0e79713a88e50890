"""Workers that are away for a while: intake pauses, says so, and goes on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import EnvironmentFault
from sheetwatch.service.health import read_health
from sheetwatch.worker import News
from support.office import Office, TextWorker, office_settings, row, sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FarWorker(TextWorker):
    """As of a cluster: there may be nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.away: str | None = None
        self.happened: list[News] = []

    @property
    def count(self) -> int:  # type: ignore[override] # a plain number in the class below
        return 0 if self.away else 3

    def check(self) -> None:
        if self.away:
            raise EnvironmentFault(self.away)

    def news(self) -> list[News]:
        happened, self.happened = self.happened, []
        return happened


@pytest.fixture
def worker() -> FarWorker:
    return FarWorker()


@pytest.fixture
def office(tmp_path: Path, worker: FarWorker) -> Iterator[Office]:
    with Office(settings=office_settings(tmp_path), worker=worker) as office:
        yield office


def test_nothing_is_taken_up_while_nobody_reads_and_it_goes_on_by_itself(office: Office, worker: FarWorker) -> None:
    worker.away = "the scheduler has no worker; start one"
    office.drop("a.jpg", sheet(row(1), row(2)))
    office.settle(60)
    assert office.names(office.inbox) == ["a.jpg"]
    health = read_health(office.settings.state)
    assert health is not None
    assert health.state == "paused"
    assert "workers: the scheduler has no worker; start one" in health.faults[0]
    assert len(office.logged("intake_paused")) == 1, "told once, however long it lasts"
    worker.away = None
    office.settle(60)
    assert len(office.csv_lines()) == 2
    assert len(office.logged("stage_works_again")) == 1


def test_an_idle_daemon_says_that_nobody_would_read(office: Office, worker: FarWorker) -> None:
    worker.away = "the scheduler has no worker; start one"
    office.settle(60)
    assert [fault.stage for fault in office.service.faults.current] == ["workers"]
    assert len(office.logged("intake_paused")) == 1


def test_what_happens_among_workers_is_logged_and_what_to_mend_noticed(office: Office, worker: FarWorker) -> None:
    worker.happened = [News(text="2 workers read"), News(text="worker b gets no pages", mend="end it")]
    office.settle(5)
    assert [(line["what"], line.get("mend")) for line in office.logged("workers")] == [
        ("2 workers read", None),
        ("worker b gets no pages", "end it"),
    ]
    health = read_health(office.settings.state)
    assert health is not None
    (notice,) = health.notices
    assert notice.endswith("worker b gets no pages; end it")
