"""sheetwatch.yaml: found where it should be, strict, with errors that name line, place and mend."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sheetwatch.domain import ConfigError, Mirror, Settings
from sheetwatch.settings import (
    default_settings,
    find_settings,
    load_settings,
    load_settings_or_default,
    scheduler_address,
)
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "sheetwatch.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def reason(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert caught.value.exit_code == 78
    assert str(tmp_path / "sheetwatch.yaml") in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("span", ["22:00", "22:00-", "late-early", "25:00-06:00"])
def test_quiet_hours_that_are_none_are_refused(tmp_path: Path, span: str) -> None:
    assert "22:00-06:30" in reason(tmp_path, f"version: 1\nnotices: {{quiet: '{span}'}}\n")


def test_files_of_sections_lie_beside_the_configuration(tmp_path: Path) -> None:
    settings = load(tmp_path, "notices: {urls_file: urls}\nmetrics: {textfile: /run/x.prom}\n")
    assert settings.notices.urls_file == tmp_path / "urls"
    assert str(settings.metrics.textfile) == "/run/x.prom"


def test_an_empty_file_gives_the_defaults_with_absolute_folders(tmp_path: Path) -> None:
    settings = load(tmp_path, "# nothing but a comment\n")
    assert settings.inbox == (tmp_path / "inbox",)
    assert settings.state == tmp_path / "state"
    assert settings.limits == Settings().limits


def test_every_key_can_be_set(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        """
        version: 1
        inbox: [in, /srv/scans]
        results: ../results
        model: models/own.tflite
        watch: {mode: poll, settle_s: 2, rescan_s: 10.5}
        pages: {blank: review, no_template: drop}
        accept: {max_field_error: 0.01}
        duplicates: drop
        limits: {pages: 10}
        workers: 3
        log: {format: json, level: debug}
        """,
    )
    assert settings.inbox[0] == tmp_path / "in"
    assert str(settings.inbox[1]) == "/srv/scans"
    assert settings.results == tmp_path.parent / "results"
    assert settings.model == tmp_path / "models" / "own.tflite"
    assert (settings.watch.mode, settings.watch.settle_s, settings.watch.rescan_s) == ("poll", 2.0, 10.5)
    assert settings.watch.incomplete_after_s == Settings().watch.incomplete_after_s
    assert (settings.limits.pages, settings.workers, settings.duplicates) == (10, 3, "drop")


@pytest.mark.parametrize(
    ("workers", "scheduler"),
    [
        ("auto", None),
        ("local", None),
        (3, None),
        ("dask://reader-1.example.org:8786", "tcp://reader-1.example.org:8786"),
        ("dask://10.0.0.7:8786/", "tcp://10.0.0.7:8786"),
        ("dask+tls://[fe80::1]:8786", "tls://[fe80::1]:8786"),
    ],
)
def test_workers_of_this_machine_or_of_a_cluster(tmp_path: Path, workers: int | str, scheduler: str | None) -> None:
    assert scheduler_address(load(tmp_path, f"workers: {workers!r}\n").workers) == scheduler


def test_results_may_name_a_database_too(tmp_path: Path) -> None:
    settings = load(
        tmp_path, 'results: {folder: out, database: "postgresql://u:s3cret@h:5432/d?sslmode=require", box: a}'
    )
    assert settings.results == tmp_path / "out"
    assert settings.mirror == Mirror(
        database="postgresql://u:s3cret@h:5432/d?sslmode=require", box="a", schema="sheetwatch"
    )
    assert "s3cret" not in repr(settings)
    assert load(tmp_path, "results: out").mirror == Mirror()
    assert load(tmp_path, "results: {folder: out}").mirror.database is None


def test_a_section_whose_keys_are_all_comments_keeps_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "watch:\n  # settle_s: 5\nworkers: auto\n").watch == Settings().watch


@pytest.mark.parametrize(
    ("text", "line", "place", "words"),
    [
        ("inbx: [a]", 1, "inbx", "did you mean 'inbox'"),
        ("\nlimits:\n  page: 3", 3, "limits.page", "did you mean 'pages'"),
        ("watch: {mode: pol}", 1, "watch.mode", "did you mean 'poll'"),
        ("workers: 0", 1, "workers", "out of range"),
        ("workers: many", 1, "workers", "must be auto or a whole number, or dask://HOST:PORT, not 'many'"),
        ("workers: loca", 1, "workers", "did you mean 'local'"),
        ("workers: tcp://host:8786", 1, "workers", "dask://HOST:PORT"),
        ("workers: dask://host", 1, "workers", "name the port, too"),
        ("workers: dask://host:0", 1, "workers", "dask://HOST:PORT"),
        ("workers: dask://host:65536", 1, "workers", "dask://HOST:PORT"),
        ("workers: dask://me@host:8786", 1, "workers", "dask://HOST:PORT"),
        ("workers: true", 1, "workers", "not true"),
        ("limits: {pages: -1}", 1, "limits.pages", "out of range"),
        ("limits: {pages: 1.5}", 1, "limits.pages", "must be a whole number"),
        ("limits: {pages: true}", 1, "limits.pages", "not true"),
        ("limits: {file_mb: .inf}", 1, "limits.file_mb", "must be a number"),
        ("limits: {file_mb: .nan}", 1, "limits.file_mb", "must be a number"),
        ("accept: {max_field_error: 0}", 1, "accept.max_field_error", "out of range"),
        ("accept: {max_field_error: 2}", 1, "accept.max_field_error", "out of range"),
        ("watch: {rescan_s: 0}", 1, "watch.rescan_s", "out of range"),
        ("inbox: scans", 1, "inbox", "write it between [ and ]"),
        ("inbox: []", 1, "inbox", "names no folder"),
        ("inbox: [a, ./a]", 1, "inbox", "twice"),
        ("inbox: [2024]", 1, "inbox[0]", "between quotes"),
        ("results: ~/results", 1, "results", "the whole path"),
        ("results: ''", 1, "results", "empty"),
        ("results:", 1, "results", "must be a path, not empty"),
        ("watch: 5", 1, "watch", "section"),
        ("results: {databse: x}", 1, "results.databse", "did you mean 'database'"),
        ("results: {folder: ~/results}", 1, "results", "the whole path"),
        ("results:\n  database: postgresql://h/d", 1, "results.box", "box: room-12"),
        ("results: {database: 'mysql://h/d', box: a}", 1, "results.database", "postgresql://USER@HOST/DATABASE"),
        ("results: {database: 'postgresql://u:a@b@h/d', box: a}", 1, "results.database", "%40"),
        ("results: {database: 'postgresql://h/d', box: a, schema: A-b}", 1, "results.schema", "use a-z"),
        ("mirror: {box: a}", 1, "mirror", "unknown"),
        ("version: 2", 1, "version", "must be 1"),
        ("a: 1\nb: 2\na: 3", 3, "", "twice"),
        ("limits: {pages: 1\nwatch: {}", 2, "", "not valid YAML"),
        ("inbox:\n\t- a", 2, "", "not valid YAML"),
        ("- a\n- b", 1, "", "key: value"),
        ("just words", 1, "", "key: value"),
        ("a: &x [1]\nb: *x", 2, "", "aliases"),
        ("limits: {pages: !!python/name:os.system 3}", 1, "limits.pages", "tag"),
        ("? [a]\n: 1", 1, "", "plain word"),
    ],
)
def test_errors_name_line_place_and_mend(tmp_path: Path, text: str, line: int, place: str, words: str) -> None:
    found = reason(tmp_path, text)
    assert f"line {line}: " in found
    assert place in found
    assert words in found


def test_a_bomb_is_refused_at_once(tmp_path: Path) -> None:
    levels = ["a: &a [x, x]"] + [f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]" for n in range(20)]
    assert "aliases" in reason(tmp_path, "\n".join(levels))
    assert "nested too deeply" in reason(tmp_path, "inbox: " + "[" * 50 + "]" * 50)
    assert "nested too deeply" in reason(tmp_path, "inbox: " + "[" * 100_000)
    assert "larger than 1 MB" in reason(tmp_path, "#" * 1_000_001)


def test_text_that_is_no_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "sheetwatch.yaml"
    file.write_bytes(b"version: 1\nresults: caf\xe9\n")
    with pytest.raises(ConfigError, match="line 2: is not UTF-8"):
        load_settings(file)


@given(text=st.text(max_size=200))
def test_any_text_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.mktemp("any") / "sheetwatch.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        settings = load_settings(file)
    except ConfigError:
        return
    assert isinstance(settings, Settings)


def test_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, variable, here = tmp_path / "named.yaml", tmp_path / "variable.yaml", tmp_path / "sheetwatch.yaml"
    for file in (named, variable, here):
        file.write_text("version: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHEETWATCH_CONFIG", str(variable))
    assert find_settings(named) == named
    assert find_settings() == variable
    monkeypatch.delenv("SHEETWATCH_CONFIG")
    assert find_settings() == here


def test_none_found_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHEETWATCH_CONFIG", raising=False)
    if os.path.exists("/etc/sheetwatch/sheetwatch.yaml"):  # noqa: PTH110 - one look
        pytest.skip("this machine has a configuration of its own")
    with pytest.raises(ConfigError, match=r"--config.*SHEETWATCH_CONFIG.*/etc/sheetwatch"):
        find_settings()
    assert load_settings_or_default().inbox == (tmp_path / "inbox",)


@pytest.mark.parametrize("load_named", [load_settings, load_settings_or_default])
def test_a_named_file_that_is_missing_is_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load_named: Callable[[Path | None], Settings]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheetwatch.yaml").write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="correct --config"):
        load_named(tmp_path / "missing.yaml")
    monkeypatch.setenv("SHEETWATCH_CONFIG", "missing.yaml")
    with pytest.raises(ConfigError, match=r"correct \$SHEETWATCH_CONFIG"):
        load_named(None)


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    file = shipped_folder("config") / "sheetwatch.yaml"
    shown = yaml.safe_load(file.read_text(encoding="utf-8"))
    defaults = Settings()
    in_file = [field for field in dataclasses.fields(Settings) if field.metadata.get("in_file", True)]
    assert set(shown) == {field.name for field in in_file}
    for name, section in shown.items():
        if isinstance(section, dict):
            default = dataclasses.asdict(getattr(defaults, name))
            assert section == {
                key: list(value) if isinstance(value, tuple) else value for key, value in default.items()
            }
    assert load_settings(file).limits == defaults.limits
    assert load_settings(file).templates == default_settings(file.parent).templates
