"""Forms saved while the daemon runs are loaded by it; faulty ones stop nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sheetwatch.domain import ConfigError, EnvironmentFault
from sheetwatch.service.health import read_health
from support.office import Office, TextWorker, office_settings, row, sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FormWorker(TextWorker):
    """Counts how often forms were loaded, and refuses faulty ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.loaded: list[str] = []

    def reload(self) -> None:
        text = (self.folder / "exam/template.yaml").read_text()
        if text == "no memory":
            raise EnvironmentFault("the worker process cannot start")
        if text == "half":
            raise ConfigError("exam/template.yaml: line 1 is wrong")
        self.loaded.append(text)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    settings = replace(office_settings(tmp_path), templates=(tmp_path / "templates",))
    (settings.templates[0] / "exam").mkdir(parents=True)
    (settings.templates[0] / "exam/template.yaml").write_text("first")
    with Office(settings=settings, worker=FormWorker(settings.templates[0])) as office:
        yield office


def save(office: Office, text: str, name: str = "template.yaml") -> None:
    (office.settings.templates[0] / "exam" / name).write_text(text)


def loaded(office: Office) -> list[str]:
    assert isinstance(office.worker, FormWorker)
    return office.worker.loaded


def later(office: Office, looks: int = 2) -> None:
    for _ in range(looks):
        office.clock.advance(6)
        office.service.step()


def test_a_form_is_loaded_once_it_rests_and_only_then(office: Office) -> None:
    later(office)
    assert loaded(office) == []
    save(office, "second")
    later(office, looks=1)
    save(office, "second and more")
    later(office, looks=1)
    assert loaded(office) == [], "it was still being written"
    later(office, looks=3)
    assert loaded(office) == ["second and more"]
    save(office, "draft", name=".template.yaml.swp")
    later(office, looks=3)
    assert loaded(office) == ["second and more"]


def test_a_faulty_form_is_told_once_and_stops_nothing(office: Office) -> None:
    save(office, "half")
    later(office, looks=4)
    health = read_health(office.settings.state)
    assert health is not None
    (notice,) = health.notices
    assert "line 1 is wrong; until it is mended, sheets are read with the forms as they were before" in notice
    office.drop("exam.jpg", sheet(row(1)))
    office.settle()
    assert len(office.csv_lines()) == 1
    save(office, "whole")
    later(office, looks=3)
    assert loaded(office) == ["whole"]


def test_without_memory_for_it_a_form_is_tried_again(office: Office) -> None:
    save(office, "no memory")
    later(office, looks=3)
    assert [fault.stage for fault in office.service.faults.current] == ["reading"]
    save(office, "again")
    later(office, looks=30)
    assert loaded(office) == ["again"]
    assert not office.service.faults.current


def test_what_is_being_read_ends_with_the_forms_that_it_began_with(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(office, "second")
    monkeypatch.setattr(type(office.service.reading), "in_flight", property(lambda _: 1))
    later(office, looks=4)
    assert loaded(office) == []
    monkeypatch.undo()
    later(office, looks=1)
    assert loaded(office) == ["second"]
