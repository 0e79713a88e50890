"""`sheetwatch check`: configuration, templates, model and folders, as one table; exit 78 when something is wrong."""

from __future__ import annotations

import os
import select
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sheetwatch.domain import ConfigError, SheetwatchError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from rich.text import Text

    from sheetwatch.domain import Settings

_EVENT_WAIT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table. `note`: worth knowing, but the daemon can run."""

    subject: str
    outcome: Literal["ok", "note", "wrong"]
    detail: str


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command line."""
    parser = subparsers.add_parser(
        "check",
        help="check configuration, templates, model and folders",
        description="Exit code 0: the daemon can run. 78: something is wrong; the table says what.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything and print the table."""
    from rich.console import Console  # noqa: PLC0415 - costs 100 ms

    console = Console(highlight=False)
    wrong = False
    for finding in findings(args.config):
        console.print(_line(finding), soft_wrap=True)
        wrong |= finding.outcome == "wrong"
    console.print("Something is wrong." if wrong else "All is well.", style="bold red" if wrong else "bold green")
    return ConfigError.exit_code if wrong else 0


def findings(config: Path | None) -> Iterator[Finding]:
    """Everything there is to say, in the order in which the daemon needs it."""
    from sheetwatch.settings import find_settings, load_settings  # noqa: PLC0415 - needed from here on

    try:
        file = find_settings(config)
        settings = load_settings(file)
    except SheetwatchError as error:
        yield Finding(subject="configuration", outcome="wrong", detail=str(error))
        return
    yield Finding(subject="configuration", outcome="ok", detail=str(file))
    yield from _templates(settings)
    yield _model(settings)
    yield from _folders(settings)
    yield from _watching(settings)
    yield from _cluster(settings)
    yield from _database(settings)


def _templates(settings: Settings) -> Iterator[Finding]:
    from sheetwatch.templates import list_template_files, load_template, load_templates  # noqa: PLC0415 - brings OpenCV

    faults = 0
    for folder in settings.templates:
        try:
            files = list_template_files(folder)
        except ConfigError as error:
            faults += 1
            yield Finding(subject="templates", outcome="wrong", detail=str(error))
            continue
        for file in files:
            try:
                template = load_template(file)
            except ConfigError as error:
                faults += 1
                yield Finding(subject=f"template {file.parent.name}", outcome="wrong", detail=str(error))
                continue
            detail = f"{len(template.fields)} fields, {len(template.checks)} checks, revision {template.revision}"
            yield Finding(subject=f"template {template.name}", outcome="ok", detail=detail)
    try:
        if not faults:
            load_templates(settings.templates)
    except ConfigError as error:
        yield Finding(subject="templates", outcome="wrong", detail=str(error))


def _model(settings: Settings) -> Finding:
    from sheetwatch.reader import load_reader  # noqa: PLC0415 - brings the interpreter

    try:
        reader = load_reader(settings.model)
    except SheetwatchError as error:
        return Finding(subject="model", outcome="wrong", detail=str(error))
    needed = reader.threshold(settings.accept.max_field_error)
    detail = f"{reader.model_id}; a field is accepted from probability {needed:.5f}"
    if needed >= 1:
        detail = (
            f"{reader.model_id} cannot promise max_field_error {settings.accept.max_field_error:g}: all is reviewed"
        )
    return Finding(subject="model", outcome="note" if needed >= 1 else "ok", detail=detail)


def _folders(settings: Settings) -> Iterator[Finding]:
    from sheetwatch.intake.folders import check_folders, named_folders  # noqa: PLC0415 - needed from here on
    from sheetwatch.service import neighbours  # noqa: PLC0415

    try:
        check_folders(settings)
    except ConfigError as error:
        yield Finding(subject="folders", outcome="wrong", detail=str(error))
    if found := neighbours.conflict(settings):
        yield Finding(subject="folders", outcome="wrong", detail=found)
    for name, folder in named_folders(settings):
        yield _folder(name, folder)
    device = _device(settings.state)
    for inbox in settings.inbox:
        if _device(inbox) != device:
            detail = f"{inbox} and {settings.state} lie on different file systems: scans are copied, not renamed"
            yield Finding(subject="inbox", outcome="note", detail=detail)


def _folder(name: str, folder: Path) -> Finding:
    there = _nearest(folder)
    if folder.exists() and not folder.is_dir():
        return Finding(subject=name, outcome="wrong", detail=f"{folder} is no folder; remove it or name another one")
    if not os.access(there, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        detail = f"{there} cannot be written by this user; correct its owner or rights"
        return Finding(subject=name, outcome="wrong", detail=detail)
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return Finding(subject=name, outcome="wrong", detail=f"{there} is read-only; mount it for writing")
    if there != folder:
        return Finding(subject=name, outcome="ok", detail=f"{folder} will be made by `sheetwatch run`")
    return Finding(subject=name, outcome="ok", detail=str(folder))


def _watching(settings: Settings) -> Iterator[Finding]:
    from sheetwatch.intake.hints import Hints  # noqa: PLC0415 - a command costs nothing until it runs

    every = f"looked through every {settings.watch.rescan_s:g} s"
    for inbox in settings.inbox:
        if not inbox.is_dir() or not os.access(inbox, os.W_OK, effective_ids=True):
            continue
        hints = Hints([inbox], settings.watch.mode)
        if hints.polls or not hints.watch(inbox) or hints.descriptor is None:
            yield Finding(subject="watch", outcome="ok" if hints.polls else "note", detail=f"{inbox}: {every}")
            continue
        try:
            with tempfile.NamedTemporaryFile(dir=inbox, prefix=".sheetwatch-check-"):
                told, _, _ = select.select([hints.descriptor], [], [], _EVENT_WAIT_S)
        finally:
            hints.stop()
        detail = f"{inbox}: events arrive" if told else f"{inbox}: no event came; it is {every}"
        yield Finding(subject="watch", outcome="ok" if told else "note", detail=detail)


def _cluster(settings: Settings) -> Iterator[Finding]:
    """The workers of a cluster, if that is who reads; those of this machine were tried with templates and model."""
    from sheetwatch.settings import scheduler_address  # noqa: PLC0415 - needed from here on
    from sheetwatch.worker.choice import workers_of  # noqa: PLC0415

    if scheduler_address(settings.workers) is None:
        return
    try:
        workers = workers_of(settings)
        try:
            workers.start()
            workers.check()
            told = [news for news in workers.news() if news.mend]
        finally:
            workers.stop()
    except SheetwatchError as error:
        yield Finding(subject="workers", outcome="wrong", detail=str(error))
        return
    for news in told:
        yield Finding(subject="workers", outcome="note", detail=f"{news.text}; {news.mend}")
    yield Finding(subject="workers", outcome="ok", detail=f"{settings.workers}: pages are read there")


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.mirror.database is None:
        return
    from sheetwatch.service import shared  # noqa: PLC0415 - only where a database is configured

    try:
        yield Finding(subject="database", outcome="ok", detail=shared.check(settings.mirror))
    except SheetwatchError as error:
        yield Finding(subject="database", outcome="wrong", detail=str(error))


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next((there for there in (folder, *folder.parents) if there.exists()), folder)


def _device(folder: Path) -> int:
    return _nearest(folder).stat().st_dev


def _line(finding: Finding) -> Text:
    from rich.text import Text  # noqa: PLC0415 - loaded by now

    style = {"ok": "green", "note": "yellow", "wrong": "bold red"}[finding.outcome]
    line = Text(f"{finding.outcome:<6}", style=style).append(f"{finding.subject:<24} ", style="bold")
    return line.append(finding.detail, style="default")
