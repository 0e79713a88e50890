"""Put a finished draft into the configuration's folder of templates; never over another one without being asked."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, EnvironmentFault, UsageError
from sheetwatch.files import copy_atomically, file_sha256, is_taken, make_folder, remove_folder, rename, rename_new
from sheetwatch.templates import is_template_name, list_template_files, load_outline
from sheetwatch.web.designer_check import FILE
from sheetwatch.worker.designing import REFERENCE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_ASIDE = ".sheetwatch-designer"
"""In the folder of templates: new ones before they are whole, and those that were replaced. No loader looks there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """A template of the configuration, and the mark of its state."""

    name: str
    folder: Path
    mark: str


class Taken(Exception):  # noqa: N818 - a question to the operator
    """A template of this name exists; `mark`: what to send along to replace it."""

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self.mark = mark


def in_use(folders: tuple[Path, ...]) -> list[InUse]:
    """The templates of the configuration that can be loaded, by name."""
    files = [file for folder in folders for file in _files(folder)]
    found = (InUse(name=name, folder=file.parent, mark=_mark(file.parent)) for file in files if (name := _name(file)))
    return sorted(found, key=lambda one: one.name)


def save(form: Path, name: str, folders: tuple[Path, ...], replacing: str, now: datetime) -> Path:
    """Copy a draft's template folder to where the daemon finds it. Returns the new folder.

    replacing: the mark of the template that the operator wants to replace; it is kept aside. Raises Taken, UsageError,
    EnvironmentFault.
    """
    if not is_template_name(name):
        raise UsageError(f"{name!r} cannot be a template's name")
    home = _home(folders)
    target = home / name
    other = next((one for one in in_use(folders) if one.name == name and one.folder != target), None)
    if other is not None:
        raise UsageError(f"{other.folder} is named {name} already; choose another name")
    if is_taken(target) and replacing != (mark := _mark(target)):
        raise Taken(mark)
    try:
        _put(form, target, home / _ASIDE, f"{now:%Y%m%d-%H%M%S}")
    except FileExistsError as error:
        raise Taken(_mark(target)) from error
    except OSError as error:
        raise EnvironmentFault(
            f"{target}: cannot be written ({error.strerror}); let the pages write there, or fetch the "
            "two files and put them there yourself"
        ) from error
    return target


def _home(folders: tuple[Path, ...]) -> Path:
    """The first folder of the configuration that holds templates, is none itself, and can be written."""
    homes = [folder for folder in folders if folder.is_dir() and not (folder / FILE).is_file()]
    if homes:
        return next((folder for folder in homes if os.access(folder, os.W_OK)), homes[0])
    raise UsageError("the configuration names no folder of templates that a new one could lie in; add one: templates")


def _put(form: Path, target: Path, aside: Path, stamp: str) -> None:
    """Build the folder aside, then give it its name in one step. An old one of that name is moved aside before."""
    new = aside / f"new-{target.name}"
    remove_folder(new)
    make_folder(new)
    try:
        for file in form.iterdir():
            if file.name == FILE or file.suffix in {".png", ".csv"}:
                copy_atomically(file, new / file.name)
        if not is_taken(target):
            rename(new, target, rename_new)
            return
        old = aside / f"{target.name}-{stamp}"
        rename(target, old, rename_new)
        try:
            rename(new, target, rename_new)
        except OSError:
            rename(old, target, rename_new)
            raise
    finally:
        remove_folder(new)
        with contextlib.suppress(OSError):
            aside.rmdir()  # unless an old one lies there


def _files(folder: Path) -> list[Path]:
    with contextlib.suppress(ConfigError):
        return list_template_files(folder)
    return []


def _name(file: Path) -> str:
    """A template's name; "" of one that is faulty."""
    with contextlib.suppress(ConfigError):
        return load_outline(file).name
    return ""


def _mark(folder: Path) -> str:
    """Changes with the template and its picture; "damaged" where neither can be read."""
    digest = ""
    for name in (FILE, REFERENCE):
        with contextlib.suppress(OSError):
            digest += file_sha256(folder / name)[:16]
    return digest or "damaged"
