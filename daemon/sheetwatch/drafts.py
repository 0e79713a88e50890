"""Write a proposal as a template folder: template.yaml to go on with, the reference, and a picture to look at."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError, FieldKind, Template, UsageError
from sheetwatch.overlay import as_png, draw_template
from sheetwatch.templates import is_template_name, load_template
from sheetwatch.vision.draft.proposal import LeftOutWhy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.domain import Box, Field
    from sheetwatch.vision.draft.proposal import LeftOut, Proposal

PICTURE = "proposal.png"
_HINTS = """\
# Drafted by sheetwatch. Look at proposal.png, then go on here:
#   name     give every field the name that its CSV column is to have: a-z, 0-9 and _
#   kind     mark (a number in steps), integer, or digits (a string, zeros kept); remove what holds no number
#   max      of marks and integers: the largest value allowed, such as max: 10
#   step     of marks: 1 where no halves are given; without it 0.5
#   required true where an empty box is a mistake
#   roster   of digits and integers: the value must stand in this column of this file: students.csv:roll_number\
"""


def write_draft(proposal: Proposal, folder: Path, name: str, notes: Sequence[str] = ()) -> Template:
    """Write a new folder with template.yaml, reference.png and proposal.png; returns the template, loaded from it.

    notes: sentences for people, which go into template.yaml as comments. Raises UsageError and ConfigError; then
    nothing is left behind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: exists already; name a new folder with --out")
    if not is_template_name(name):
        raise UsageError(f"{name!r} cannot be a template's name; use a-z, 0-9 and - with --name")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
        draft = Path(work) / folder.name
        draft.mkdir()
        (draft / "reference.png").write_bytes(as_png(proposal.reference))
        (draft / "template.yaml").write_text(draft_text(proposal, name, notes), encoding="utf-8")
        (draft / PICTURE).write_bytes(as_png(draw_proposal(proposal)))
        load_template(draft)
        shutil.copytree(draft, folder, dirs_exist_ok=True)
    return load_template(folder)


def draw_proposal(proposal: Proposal) -> npt.NDArray[np.uint8]:
    """The blank with the proposed boxes named, and what was left out in grey: uint8 (H, W, 3), BGR."""
    template = Template(name="draft", title="Draft", reference=proposal.reference, fields=proposal.fields)
    return draw_template(template, [item.box for item in worth_showing(proposal)])


def draft_text(proposal: Proposal, name: str, notes: Sequence[str] = ()) -> str:
    """The text of template.yaml, with comments that say what a person has to add."""
    return "\n".join(_lines(proposal, name, notes)) + "\n"


def template_name_of(stem: str) -> str:
    """A file's stem as the name of a template: "Weekly Test_3" gives weekly-test-3."""
    return re.sub(r"[^a-z0-9]+", "-", stem.lower())[:40].strip("-") or "form"


def _lines(proposal: Proposal, name: str, notes: Sequence[str]) -> Iterator[str]:
    yield _HINTS
    yield from (f"# Doubtful: {note}" for note in notes)
    yield "version: 1"
    yield f"name: '{name}'"
    yield f"title: '{name.replace('-', ' ').capitalize()}'"
    yield "reference: reference.png"
    key = next((field.name for field in proposal.fields if field.kind is FieldKind.DIGITS), "roll")
    yield f"# key: {key}    # remove the first # where this number identifies a sheet"
    yield "fields:"
    yield from (f"  - {{{_field(field.name, field.box, field.comb)}}}" for field in proposal.fields)
    left_out = list(worth_showing(proposal))
    if left_out:
        yield "# Also seen, but left out; remove the # to take one in:"
    for number, item in enumerate(left_out, 1):
        yield f"#  - {{{_field(f'extra{number}', item.box, None)}}}    # {item.why}"
    marks = [field.name for field in proposal.fields if field.kind is FieldKind.MARK]
    if len(marks) > 1:
        yield "# Sums that must hold; total is where a person wrote the sum. Remove the # and name your fields:"
        yield "# checks:"
        yield f"#   - {{total: {marks[-1]}, sum: [{', '.join(marks[:-1][:4])}]}}"


def _field(name: str, box: Box | None, comb: int | None) -> str:
    kind = f"kind: digits, length: {comb}, comb: {comb}" if comb else "kind: mark"
    place = "" if box is None else f"box: [{box.left}, {box.top}, {box.width}, {box.height}]"
    return f"name: {name}, {kind}, {place}"


def worth_showing(proposal: Proposal) -> Iterable[LeftOut]:
    """What a person may want to take in after all; a box full of words is not."""
    return (item for item in proposal.left_out if item.why is not LeftOutWhy.LABELLED)


def fields_at(proposal: Proposal, places: Iterable[Box]) -> tuple[Field, ...]:
    """The proposed fields that any of these places, in reference pixels, touches."""
    places = tuple(places)
    return tuple(
        field
        for field in proposal.fields
        if (box := field.box) is not None
        and any(
            place.left < box.right and box.left < place.right and place.top < box.bottom and box.top < place.bottom
            for place in places
        )
    )
