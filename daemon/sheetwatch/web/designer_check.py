"""What speaks against a sketch: the loader of templates is asked, as for a file written by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.domain import ConfigError
from sheetwatch.files import write_atomically
from sheetwatch.strict import PlaceError
from sheetwatch.templates import load_outline
from sheetwatch.web.designer_sketch import as_yaml, is_roster

if TYPE_CHECKING:
    from pathlib import Path

    from sheetwatch.strict import Place
    from sheetwatch.web.designer_drafts import Kept
    from sheetwatch.web.designer_sketch import Sketch

FILE = "template.yaml"
_MOST_PROBLEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong at a place of the template, such as ("fields", 3, "max"), why, and what to do."""

    place: Place
    reason: str
    mend: str


def problems_of(kept: Kept, form: Path) -> list[Problem]:
    """Write template.yaml into the draft's folder and have it loaded; the loader stops at the first thing wrong.

    So a field with a fault is left out, and the rest looked at, until nothing more is found. Raises OSError.
    """
    sketch, problems = kept.sketch, _foreign_lists(kept.sketch)
    left_out = {int(problem.place[1]) for problem in problems}
    while len(problems) < _MOST_PROBLEMS:
        numbers = [number for number in range(len(sketch.fields)) if number not in left_out]
        rest = replace(sketch, fields=tuple(sketch.fields[number] for number in numbers))
        if left_out:
            rest = replace(rest, key="", checks=())
        problem = _first(rest, form, (kept.height_px, kept.width_px)) if numbers or not left_out else None
        if problem is None:
            return problems
        problems.append(replace(problem, place=_among_all(problem.place, numbers)))
        if problems[-1].place[:1] != ("fields",) or len(problem.place) == 1:
            return problems
        left_out.add(int(problems[-1].place[1]))
    return problems


def _first(sketch: Sketch, form: Path, shape: tuple[int, int]) -> Problem | None:
    """The first fault that the loader finds."""
    file = form / FILE
    write_atomically(file, as_yaml(sketch).encode())
    try:
        load_outline(file, shape)
    except PlaceError as error:
        return Problem(place=error.place, reason=error.reason, mend=error.mend)
    except ConfigError as error:
        return Problem(place=(), reason=str(error).replace(str(form), ""), mend="")
    return None


def _among_all(place: Place, numbers: list[int]) -> Place:
    """A place among some fields, as a place among all."""
    if place[:1] == ("fields",) and len(place) > 1:
        return ("fields", numbers[int(place[1])], *place[2:])
    return place


def _foreign_lists(sketch: Sketch) -> list[Problem]:
    """Fields whose list is no file of this draft: the loader would open any file that is named."""
    return [
        Problem(place=("fields", number, "roster"), reason="this is no list of this form", mend="add the list first")
        for number, field in enumerate(sketch.fields)
        if not is_roster(field.roster)
    ][:_MOST_PROBLEMS]
