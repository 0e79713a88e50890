"""The documents do not lie: commands, keys, files and pictures that they name exist."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from sheetwatch.cli import _COMMANDS
from sheetwatch.domain import Results, Settings
from sheetwatch.settings import load_settings
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in REPOSITORY.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(REPOSITORY).parts)
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_commands_in_documents_exist(document: Path) -> None:
    text = document.read_text()
    for command in re.findall(
        r"(?:^\s{4,}|`)(?:\.venv/bin/)?sheetwatch (?:--config \S+ )?([a-z]+)", text, re.MULTILINE
    ):
        assert command in _COMMANDS, f"{document.name} names the command {command!r}, which does not exist"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}, which does not exist"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_named_in_documents_exist(document: Path) -> None:
    for name in re.findall(r"`((?:tests|deploy|config|models)/[\w./-]+)`", document.read_text()):
        assert (REPOSITORY / name).exists(), f"{document.name} names {name}, which does not exist"


def key_names(section: Any) -> set[str]:
    names = set()
    hints = get_type_hints(section)
    for field in fields(section):
        if not field.metadata.get("in_file", True):
            continue
        names.add(field.name)
        if is_dataclass(hints[field.name]):
            names |= {f"{field.name}.{name}" for name in key_names(hints[field.name])}
    return names


def test_the_default_configuration_shows_every_key_with_its_default() -> None:
    written = yaml.safe_load((shipped_folder("config") / "sheetwatch.yaml").read_text())
    shown = {
        name
        for key, value in written.items()
        for name in ([key] + [f"{key}.{sub}" for sub in value] if isinstance(value, dict) else [key])
    }
    assert shown == key_names(Settings)


def test_the_default_configuration_names_every_key_of_a_shared_database() -> None:
    text = (shipped_folder("config") / "sheetwatch.yaml").read_text()
    shown = re.search(r"^# *(\{folder: .*\})$", text.replace("                        #", "#"), re.MULTILINE)
    assert shown
    assert set(yaml.safe_load(shown[1])) == {field.name for field in fields(Results)}


def test_the_shipped_configuration_and_templates_load() -> None:
    settings = load_settings(shipped_folder("config") / "sheetwatch.yaml")
    assert settings.accept == Settings().accept
    assert settings.limits == Settings().limits
    assert len(load_templates([shipped_folder("config") / "templates"])) == 2


def test_every_template_key_is_documented() -> None:
    text = (shipped_folder("config") / "README.md").read_text()
    for name in (
        "name",
        "kind",
        "box",
        "max",
        "step",
        "length",
        "comb",
        "required",
        "roster",
        "key",
        "checks",
        "title",
    ):
        assert f"`{name}`" in text
