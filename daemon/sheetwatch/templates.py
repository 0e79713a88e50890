"""Load templates: template.yaml and its reference image, checked against each other."""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sheetwatch.domain import (
    BestOf,
    Box,
    ConfigError,
    Field,
    FieldKind,
    Limits,
    Page,
    Roster,
    ScanError,
    SumCheck,
    Template,
)
from sheetwatch.strict import Document, Place, convert, load_yaml, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

_TEMPLATE_NAME = re.compile(r"[a-z0-9-]+")
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = frozenset({"sheet_id", "read_at", "source", "page", "status", "confidence"})
_LONGEST_NAME = 60
_MOST_FIELDS = 500
_LARGEST_MAX = 1_000_000
_LONGEST_DIGITS = 40
_REFERENCE_LIMITS = Limits(file_mb=50, pages=1, megapixels=60)
_SMALLEST_REFERENCE_PX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _FieldEntry:
    """One item of `fields`, as the file has it."""

    name: str
    kind: Literal["mark", "integer", "digits"]
    box: tuple[int, int, int, int]
    max: float | None = None
    step: float | None = None
    length: int | None = None
    comb: int | None = None
    required: bool = False
    roster: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _BestEntry:
    """`{best: 5, of: [...]}`, as the file has it."""

    best: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckEntry:
    """One item of `checks`, as the file has it."""

    total: str
    sum: tuple[str | _BestEntry, ...]
    round: Literal["none", "up", "nearest"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """The whole of template.yaml, as the file has it."""

    name: str
    reference: str
    fields: tuple[_FieldEntry, ...]
    version: Literal[1] = 1
    title: str | None = None
    key: str | None = None
    checks: tuple[_CheckEntry, ...] = ()


def load_template(path: Path | str) -> Template:
    """The template of a folder, or of a template.yaml.

    Raises ConfigError that names the file, the line, the place, the reason and the mend.
    """
    document = load_yaml(template_file(Path(path)))
    entry = _entry(document)
    reference, reference_bytes = _load_reference(document, entry.reference)
    return _template(document, entry, reference.grey, reference_bytes, reference.grey.shape)


def load_outline(path: Path | str, shape: tuple[int, int] | None = None) -> Template:
    """As `load_template`, but without its picture, so without a decoder: `reference` is empty.

    For programs that only ask which values a form allows. shape: the picture's height and width, where they are known;
    without them boxes are not checked against the picture.
    """
    import numpy as np  # noqa: PLC0415 - this module is loaded where numpy is not needed

    document = load_yaml(template_file(Path(path)))
    entry = _entry(document)
    reference = document.path.parent / entry.reference
    try:
        reference_bytes = reference.read_bytes()
    except OSError as error:
        document.fail(("reference",), f"{reference} cannot be read: {error.strerror}", "check the file and its rights")
    return _template(document, entry, np.zeros((0, 0), np.uint8), reference_bytes, shape)


def _entry(document: Document) -> _File:
    """What stands in the file, before its parts are held against each other."""
    if not isinstance(document.data, dict) or not document.data:
        document.fail((), "holds no template", "write at least name, reference and fields")
    entry = convert(document, _File)
    _check_name(document, ("name",), entry.name, _TEMPLATE_NAME, "a-z, 0-9 and -")
    return entry


def _template(
    document: Document,
    entry: _File,
    reference: npt.NDArray[np.uint8],
    reference_bytes: bytes,
    shape: tuple[int, ...] | None,
) -> Template:
    """The template. shape: the reference's, which the boxes must lie in; None says nothing about them."""
    fields = _fields(document, entry, shape)
    if entry.key is not None:
        _check_field_exists(document, ("key",), entry.key, fields)
    return Template(
        name=entry.name,
        title=entry.title or entry.name,
        reference=reference,
        fields=fields,
        checks=tuple(_check(document, index, check, fields) for index, check in enumerate(entry.checks)),
        key=entry.key,
        revision=hashlib.sha256(document.path.read_bytes() + reference_bytes).hexdigest()[:12],
    )


def load_templates(folders: Iterable[Path]) -> tuple[Template, ...]:
    """Every template in these folders, sorted by name.

    A folder is a template itself, or holds one template per subfolder. Raises ConfigError, also when two templates
    share a name or when there is none at all.
    """
    folders = tuple(folders)
    files = [file for folder in folders for file in list_template_files(folder)]
    named: dict[str, Path] = {}
    templates = []
    for file in files:
        template = load_template(file)
        if template.name in named:
            raise ConfigError(f"{file}: the name {template.name!r} is taken by {named[template.name]}; rename one")
        named[template.name] = file
        templates.append(template)
    if not templates:
        listed = ", ".join(map(str, folders)) or "(no folder)"
        raise ConfigError(f"{listed}: there is no template; add a folder with a template.yaml and its reference")
    return tuple(sorted(templates, key=lambda template: template.name))


def list_template_files(folder: Path) -> list[Path]:
    """The template.yaml files of a folder of templates, of a template's own folder, or the file itself.

    Raises ConfigError when there is no such folder.
    """
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder of templates; create it or correct `templates`")
    if (folder / "template.yaml").is_file():
        return [folder / "template.yaml"]
    return sorted(folder.glob("*/template.yaml"))


def template_file(path: Path) -> Path:
    """The template.yaml that a path means. Raises ConfigError when there is none."""
    file = path / "template.yaml" if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such template; name a folder with a template.yaml")
    return file


def is_template_name(name: str) -> bool:
    """Whether a template may carry this name: it becomes part of file names."""
    return bool(_TEMPLATE_NAME.fullmatch(name)) and len(name) <= _LONGEST_NAME


def is_field_name(name: str) -> bool:
    """Whether a field may carry this name: it becomes a CSV column."""
    return bool(_FIELD_NAME.fullmatch(name)) and len(name) <= _LONGEST_NAME and name not in _RESERVED


def _check_name(document: Document, place: Place, name: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(name) or len(name) > _LONGEST_NAME:
        document.fail(place, f"{name!r} cannot be a name", f"use {allowed}, at most {_LONGEST_NAME} characters")


def _load_reference(document: Document, name: str) -> tuple[Page, bytes]:
    from sheetwatch.vision.decode import open_scan  # noqa: PLC0415 - brings OpenCV

    path = document.path.parent / name
    place = ("reference",)
    try:
        if not path.is_file():
            document.fail(place, f"{path} does not exist", "draw or scan the blank sheet and name its file here")
        data = path.read_bytes()
        with open_scan(data, _REFERENCE_LIMITS) as scan:
            page = scan.page(0)
    except (OSError, ValueError) as error:
        document.fail(place, f"{path} cannot be read: {error}", "check the file and its permissions")
    except ScanError as error:
        document.fail(place, f"{path} is no usable image: {error.detail}", "save it again as a PNG of one page")
    if min(page.grey.shape) < _SMALLEST_REFERENCE_PX:
        document.fail(
            place, f"{path} is only {page.grey.shape[1]} x {page.grey.shape[0]} px", "scan it at 150 dpi or more"
        )
    page.grey.setflags(write=False)
    return page, data


def _fields(document: Document, entry: _File, shape: tuple[int, ...] | None) -> tuple[Field, ...]:
    if not 0 < len(entry.fields) <= _MOST_FIELDS:
        document.fail(("fields",), f"there are {len(entry.fields)} fields", f"write 1 to {_MOST_FIELDS}")
    fields: list[Field] = []
    for index, item in enumerate(entry.fields):
        place = ("fields", index)
        if any(field.name == item.name for field in fields):
            document.fail((*place, "name"), f"{item.name!r} is there twice", "give every field its own name")
        fields.append(_field(document, place, item, shape))
    return tuple(fields)


def _field(document: Document, place: Place, item: _FieldEntry, shape: tuple[int, ...] | None) -> Field:
    _check_name(document, (*place, "name"), item.name, _FIELD_NAME, "a letter a-z, then a-z, 0-9 and _")
    if item.name in _RESERVED:
        document.fail((*place, "name"), f"{item.name!r} is a column of every CSV already", "choose another name")
    kind = FieldKind(item.kind)
    _check_numbers(document, place, item, kind)
    roster = None if item.roster is None else _roster(document, (*place, "roster"), item.roster, kind)
    return Field(
        name=item.name,
        kind=kind,
        box=_box(document, (*place, "box"), item.box, shape),
        max=item.max,
        step=0.5 if item.step is None else item.step,
        length=item.comb if item.length is None else item.length,
        comb=item.comb,
        required=item.required,
        roster=roster,
    )


def _box(document: Document, place: Place, values: tuple[int, int, int, int], shape: tuple[int, ...] | None) -> Box:
    left, top, width, height = values
    box = Box(left=left, top=top, width=width, height=height)
    if min(width, height) < 4:
        document.fail(place, f"is {width} x {height} px, too small to write in", "write [left, top, width, height]")
    if shape is not None and (min(left, top) < 0 or box.right > shape[1] or box.bottom > shape[0]):
        reason = f"reaches to ({box.right}, {box.bottom}), outside the reference of {shape[1]} x {shape[0]} px"
        document.fail(place, reason, "write [left, top, width, height] in reference pixels")
    return box


def _check_numbers(document: Document, place: Place, item: _FieldEntry, kind: FieldKind) -> None:
    """The keys that only some kinds have, and what they must hold together."""
    allowed = {
        FieldKind.MARK: {"max", "step"},
        FieldKind.INTEGER: {"max"},
        FieldKind.DIGITS: {"length", "comb"},
    }[kind]
    for key in ("max", "step", "length", "comb"):
        if getattr(item, key) is not None and key not in allowed:
            document.fail((*place, key), f"a field of kind {kind} has no {key}", "remove it")
    if item.roster is not None and kind is FieldKind.MARK:
        document.fail(
            (*place, "roster"), "a mark has no roster", "remove it; rosters are for numbers that name something"
        )
    if item.max is not None and not 0 < item.max <= _LARGEST_MAX:
        document.fail((*place, "max"), f"{item.max:g} is out of range", "write a number above 0, up to a million")
    if kind is FieldKind.INTEGER and item.max is not None and item.max % 1:
        document.fail((*place, "max"), f"{item.max:g} is not whole", "write a whole number, or make it a mark")
    if kind is FieldKind.MARK:
        _check_step(document, place, item)
    for key in ("length", "comb"):
        count = getattr(item, key)
        if count is not None and not 0 < count <= _LONGEST_DIGITS:
            document.fail((*place, key), f"{count} is out of range", f"write a number from 1 to {_LONGEST_DIGITS}")
    if item.comb is not None and item.length is not None and item.comb != item.length:
        reason = f"{item.comb} boxes cannot hold {item.length} digits, one each"
        document.fail((*place, "comb"), reason, "make comb and length equal, or remove comb")


def _check_step(document: Document, place: Place, item: _FieldEntry) -> None:
    step = 0.5 if item.step is None else item.step
    if not 0 < step <= 100 or Decimal(str(step)).as_tuple().exponent < -3:  # type: ignore[operator]
        document.fail((*place, "step"), f"{step:g} is no step between marks", "write 1, 0.5 or 0.25")
    if item.max is not None and Decimal(str(item.max)) % Decimal(str(step)):
        at = (*place, "step" if item.step is not None else "max")
        document.fail(at, f"max {item.max:g} is not a multiple of step {step:g}", "correct max or step")


def _roster(document: Document, place: Place, text: str, kind: FieldKind) -> Roster:
    """`students.csv:roll_number`: the values of that column as they are read in such a field, without empty ones."""
    name, colon, column = text.rpartition(":")
    if not (name and colon and column):
        document.fail(place, f"{text!r} names no column", "write FILE.csv:COLUMN")
    path = document.path.parent / name
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, strict=True)
            header = list(rows.fieldnames or ())
            cells = [value for row in rows if (value := (row.get(column) or "").strip())]
    except (OSError, ValueError, csv.Error) as error:
        document.fail(place, f"{path} cannot be read: {error}", "save it as a CSV in UTF-8")
    if column not in header:
        document.fail(place, f"{path} has no column {column!r}", suggest(column, header) if header else "add a header")
    values = frozenset(map(_canonical_integer, cells) if kind is FieldKind.INTEGER else cells)
    if not values:
        document.fail(place, f"the column {column!r} of {path} is empty", "fill it, or remove the roster")
    return Roster(source=name, column=column, values=values)


def _canonical_integer(text: str) -> str:
    """As an integer is read: 007 is 7. What is no integer stays as it is, and matches none."""
    return str(int(text)) if text.isascii() and text.isdigit() else text


def _check(document: Document, index: int, entry: _CheckEntry, fields: tuple[Field, ...]) -> SumCheck:
    place: Place = ("checks", index)
    _check_number_field(document, (*place, "total"), entry.total, fields)
    terms: list[str | BestOf] = []
    for at, term in enumerate(entry.sum):
        where = (*place, "sum", at)
        if isinstance(term, str):
            _check_number_field(document, where, term, fields)
            terms.append(term)
        else:
            terms.append(_best_of(document, where, term, fields))
    names = [name for term in terms for name in ((term,) if isinstance(term, str) else term.of)]
    if not names:
        document.fail((*place, "sum"), "adds up nothing", "name the fields to add")
    if entry.total in names:
        document.fail((*place, "sum"), f"{entry.total!r} is the total and one of its own terms", "remove it here")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        document.fail((*place, "sum"), f"{twice!r} is added twice", "name every field once")
    return SumCheck(total=entry.total, terms=tuple(terms), round=entry.round)


def _best_of(document: Document, place: Place, entry: _BestEntry, fields: tuple[Field, ...]) -> BestOf:
    for at, name in enumerate(entry.of):
        _check_number_field(document, (*place, "of", at), name, fields)
    if not 0 < entry.best <= len(entry.of):
        reason = f"the best {entry.best} of {len(entry.of)} fields cannot be taken"
        document.fail((*place, "best"), reason, f"write a number from 1 to {len(entry.of)}")
    return BestOf(best=entry.best, of=entry.of)


def _check_number_field(document: Document, place: Place, name: str, fields: tuple[Field, ...]) -> None:
    _check_field_exists(document, place, name, fields)
    if any(field.name == name and field.kind is FieldKind.DIGITS for field in fields):
        document.fail(place, f"{name!r} is a field of digits, not a number to add", "make it a mark or an integer")


def _check_field_exists(document: Document, place: Place, name: str, fields: tuple[Field, ...]) -> None:
    names = [field.name for field in fields]
    if name not in names:
        document.fail(place, f"there is no field {name!r}", suggest(name, names))
