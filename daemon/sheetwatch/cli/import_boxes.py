"""Make a template folder from a list of boxes, as answer-book scripts keep them in roi_values.txt.

The list is Python text, two corners, a kind that is ignored, and a label:
[[(466, 1220), (764, 1302), 'text', 'a1'], ...]. It is parsed as data; nothing in it is run.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sheetwatch.domain import ConfigError, Limits, ScanError, UsageError
from sheetwatch.overlay import as_png
from sheetwatch.templates import is_field_name, is_template_name, load_template
from sheetwatch.vision.decode import open_scan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Template

_MAX_BYTES = 1_000_000
_YAML_WORDS = {"null", "true", "false"}
_EXAMPLE = "[[(466, 1220), (764, 1302), 'text', 'a1'], ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBox:
    """One box of the list: left, top, width and height in pixels of the reference. `name` is fit for a field."""

    label: str
    name: str
    box: tuple[int, int, int, int]


def import_boxes(
    *, boxes: Path, reference: Path, name: str, folder: Path, largest: float
) -> tuple[Template, tuple[NamedBox, ...]]:
    """Write `folder` with template.yaml and reference.png; returns the loaded template and the boxes renamed.

    Raises ConfigError when the list, the reference or the result is wrong; then nothing is left behind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: exists already; name a new folder")
    if not is_template_name(name):
        raise UsageError(f"{name!r} cannot be a template's name; use a-z, 0-9 and -")
    named = read_boxes(boxes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        draft = Path(work) / folder.name
        draft.mkdir()
        (draft / "reference.png").write_bytes(as_png(_reference(reference)))
        (draft / "template.yaml").write_text(_as_yaml(name, named, largest), encoding="utf-8")
        _prove(draft, boxes)
        shutil.copytree(draft, folder, dirs_exist_ok=True)
    return load_template(folder), tuple(box for box in named if box.name != box.label)


def _prove(draft: Path, boxes: Path) -> None:
    """Load the draft. Raises ConfigError in terms of the list it came from."""
    try:
        load_template(draft)
    except ConfigError as error:
        reason = str(error).replace(f"{draft}/", "")
        raise ConfigError(f"{boxes}: makes no valid template: {reason}") from error


def read_boxes(path: Path) -> tuple[NamedBox, ...]:
    """The boxes of a list, with names made fit and unique. Raises ConfigError."""
    items = _parse(path)
    if not isinstance(items, list | tuple) or not items:
        raise ConfigError(f"{path}: is no list of boxes; it should look like {_EXAMPLE}")
    taken: set[str] = set()
    return tuple(_named_box(path, index, item, taken) for index, item in enumerate(items))


def _parse(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ConfigError(f"{path}: is larger than 1 MB; this is no list of boxes")
        return ast.literal_eval(raw.decode("utf-8-sig").strip())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ConfigError(f"{path}: is no list of boxes ({error}); it should look like {_EXAMPLE}") from error


def _named_box(path: Path, index: int, item: Any, taken: set[str]) -> NamedBox:
    try:
        (x0, y0), (x1, y1), _, label = item
        corners = [float(number) for number in (x0, y0, x1, y1)]
        left, right = sorted((round(corners[0]), round(corners[2])))
        top, bottom = sorted((round(corners[1]), round(corners[3])))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{path}: item {index + 1} is no box ({error}); it should look like {_EXAMPLE}") from error
    name = _unique(_field_name(str(label)), taken)
    taken.add(name)
    return NamedBox(label=str(label), name=name, box=(left, top, right - left, bottom - top))


def _field_name(label: str) -> str:
    """A label as a field name: "Q 1(a)" gives "q_1_a"; what begins with no letter gets an f."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]
    if is_field_name(name) and name not in _YAML_WORDS:
        return name
    return f"f_{name}" if name else "field"


def _unique(name: str, taken: set[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _reference(path: Path) -> npt.NDArray[np.uint8]:
    try:
        with open_scan(path, Limits(file_mb=50, megapixels=60)) as scan:
            return scan.page(0).grey
    except ScanError as error:
        raise ConfigError(f"{path}: is no usable reference: {error.detail}; save it as a PNG") from error


def _as_yaml(name: str, named: tuple[NamedBox, ...], largest: float) -> str:
    title = name.replace("-", " ").capitalize()
    lines = ["version: 1", f"name: '{name}'", f"title: '{title}'", "reference: reference.png", "fields:"]
    lines += [f"  - {{name: {item.name}, kind: mark, max: {largest:g}, box: {list(item.box)}}}" for item in named]
    return "\n".join(lines) + "\n"
