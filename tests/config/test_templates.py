"""template.yaml: DESIGN.md's format, strict, with errors that name line, place and mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import yaml

from sheetwatch import load_template
from sheetwatch.domain import BestOf, Box, ConfigError, FieldKind
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_templates

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 400, 600


def base() -> dict[str, Any]:
    """DESIGN.md's example, smaller."""
    return {
        "version": 1,
        "name": "cover-1",
        "title": "Front page",
        "reference": "reference.png",
        "key": "rrn",
        "fields": [
            {"name": "q1", "kind": "mark", "box": [10, 10, 50, 40], "max": 10, "step": 0.5, "required": False},
            {"name": "q2", "kind": "mark", "box": [70, 10, 50, 40], "max": 10},
            {"name": "q3", "kind": "mark", "box": [130, 10, 50, 40], "max": 10},
            {"name": "rrn", "kind": "digits", "length": 12, "comb": 12, "box": [10, 100, 380, 30], "required": True},
            {"name": "pages", "kind": "integer", "max": 40, "box": [10, 200, 60, 40]},
            {"name": "total", "kind": "mark", "max": 100, "box": [10, 300, 100, 60]},
        ],
        "checks": [{"total": "total", "sum": ["q1", {"best": 1, "of": ["q2", "q3"]}], "round": "up"}],
    }


def write(folder: Path, content: dict[str, Any] | str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    reference = np.full((HEIGHT, WIDTH), 255, np.uint8)
    reference[100:130, 10:390] = 90
    cv2.imwrite(str(folder / "reference.png"), reference)
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    return folder


def reason(folder: Path, content: dict[str, Any] | str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_template(write(folder, content))
    assert caught.value.exit_code == 78
    assert str(folder / "template.yaml") in str(caught.value)
    assert "line " in str(caught.value)
    return str(caught.value)


def test_the_whole_format(tmp_path: Path) -> None:
    template = load_template(write(tmp_path, base()))
    assert (template.name, template.title, template.key) == ("cover-1", "Front page", "rrn")
    assert template.reference.shape == (HEIGHT, WIDTH)
    assert template.reference.dtype == np.uint8
    assert template.reference[110, 20] == 90
    assert not template.reference.flags.writeable
    q1, rrn = template.field("q1"), template.field("rrn")
    assert (q1.kind, q1.max, q1.step, q1.box) == (FieldKind.MARK, 10, 0.5, Box(left=10, top=10, width=50, height=40))
    assert (rrn.length, rrn.comb, rrn.required) == (12, 12, True)
    assert template.checks[0].terms == ("q1", BestOf(best=1, of=("q2", "q3")))
    assert template.checks[0].round == "up"


def test_the_file_may_be_named_instead_of_the_folder(tmp_path: Path) -> None:
    folder = write(tmp_path, base())
    assert load_template(str(folder / "template.yaml")).revision == load_template(folder).revision


def test_the_revision_follows_the_file_and_the_reference(tmp_path: Path) -> None:
    folder = write(tmp_path, base())
    first = load_template(folder).revision
    assert len(first) == 12
    assert set(first) <= set("0123456789abcdef")
    (folder / "template.yaml").write_text(yaml.safe_dump({**base(), "title": "Other"}), encoding="utf-8")
    second = load_template(folder).revision
    cv2.imwrite(str(folder / "reference.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    assert len({first, second, load_template(folder).revision}) == 3


def change(path: str, value: Any) -> dict[str, Any]:
    """The example with one place changed; None removes the key."""
    content: Any = base()
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = content
    for step in steps:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return dict(content)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("name", None, "'name' is missing"),
        ("name", "Cover 1", "'Cover 1' cannot be a name; use a-z, 0-9 and -"),
        ("name", "../evil", "cannot be a name"),
        ("name", 2024, "between quotes"),
        ("reference", None, "'reference' is missing"),
        ("reference", "missing.png", "does not exist"),
        ("reference", "template.yaml", "no usable image"),
        ("fields", None, "'fields' is missing"),
        ("fields", [], "there are 0 fields"),
        ("fields.0.name", "Q1", "cannot be a name"),
        ("fields.0.name", "status", "a column of every CSV"),
        ("fields.1.name", "q1", "fields[1].name: 'q1' is there twice"),
        ("fields.0.kind", "number", "must be mark or integer or digits"),
        ("fields.0.box", None, "'box' is missing"),
        ("fields.0.box", [10, 10, 50], "a list of 4 of a whole number"),
        ("fields.0.box", [10, 10, 50, "x"], "fields[0].box[3]: must be a whole number"),
        ("fields.0.box", [380, 10, 50, 40], "outside the reference of 400 x 600 px"),
        ("fields.0.box", [10, 580, 50, 40], "outside the reference"),
        ("fields.0.box", [-1, 10, 50, 40], "outside the reference"),
        ("fields.0.box", [10, 10, 0, 40], "too small"),
        ("fields.0.max", 0, "out of range"),
        ("fields.0.max", -5, "out of range"),
        ("fields.0.max", "ten", "must be a number"),
        ("fields.0.step", 0, "no step"),
        ("fields.0.step", 3, "max 10 is not a multiple of step 3"),
        ("fields.0.step", 0.0001, "no step"),
        ("fields.0.length", 2, "kind mark has no length"),
        ("fields.3.max", 5, "kind digits has no max"),
        ("fields.4.step", 1, "kind integer has no step"),
        ("fields.4.max", 7.5, "not whole"),
        ("fields.3.comb", 10, "10 boxes cannot hold 12 digits"),
        ("fields.3.length", 0, "out of range"),
        ("fields.0.required", "yes", "must be true or false"),
        ("fields.0.maximum", 10, "did you mean"),
        ("fields.0.color", "red", "this key is unknown"),
        ("key", "rn", "there is no field 'rn'; did you mean 'rrn'?"),
        ("titel", "x", "did you mean 'title'?"),
        ("checks.0.total", "totl", "there is no field 'totl'; did you mean 'total'?"),
        ("checks.0.sum", [], "adds up nothing"),
        ("checks.0.sum", ["q1", "q9"], "checks[0].sum[1]: there is no field 'q9'"),
        ("checks.0.sum", ["q1", "q1"], "'q1' is added twice"),
        ("checks.0.sum", ["q2", {"best": 1, "of": ["q2", "q3"]}], "'q2' is added twice"),
        ("checks.0.sum", ["q1", "total"], "one of its own terms"),
        ("checks.0.sum", ["q1", "rrn"], "a field of digits"),
        ("checks.0.sum", [{"best": 3, "of": ["q2", "q3"]}], "the best 3 of 2 fields"),
        ("checks.0.sum", [{"best": 0, "of": ["q2", "q3"]}], "the best 0 of 2 fields"),
        ("checks.0.sum", [{"bst": 1, "of": ["q2", "q3"]}], "did you mean 'best'?"),
        ("checks.0.sum", [{"best": 1}], "'of' is missing"),
        ("checks.0.sum", [5], "must be text"),
        ("checks.0.round", "down", "must be none or up or nearest"),
        ("version", 2, "must be 1"),
    ],
)
def test_errors_name_place_and_mend(tmp_path: Path, path: str, value: Any, words: str) -> None:
    assert words in reason(tmp_path, change(path, value))


def test_errors_name_the_line(tmp_path: Path) -> None:
    text = yaml.safe_dump(change("fields.3.comb", 10), sort_keys=False)
    line = text[: text.index("comb:")].count("\n") + 1
    assert f"line {line}: fields[3].comb" in reason(tmp_path, text)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "words"])
def test_what_is_no_template(tmp_path: Path, text: str) -> None:
    assert "holds no template" in reason(tmp_path, text)


def test_a_reference_that_is_damaged_or_tiny(tmp_path: Path) -> None:
    folder = write(tmp_path, base())
    whole = (folder / "reference.png").read_bytes()
    (folder / "reference.png").write_bytes(whole[:-20])
    with pytest.raises(ConfigError, match="no usable image"):
        load_template(folder)
    cv2.imwrite(str(folder / "reference.png"), np.zeros((20, 20), np.uint8))
    with pytest.raises(ConfigError, match="only 20 x 20 px"):
        load_template(folder)


def test_roster(tmp_path: Path) -> None:
    content = change("fields.3.roster", "students.csv:roll_number")
    folder = write(tmp_path, content)
    roster = folder / "students.csv"
    assert "cannot be read" in reason(folder, content)
    roster.write_text("name,roll\nA,1\n", encoding="utf-8")
    assert "did you mean" in reason(folder, content) or "known are" in reason(folder, content)
    roster.write_text("name,roll_number\nA,\n", encoding="utf-8")
    assert "is empty" in reason(folder, content)
    roster.write_text("\ufeffroll_number,name\n 001234567890 ,Å\n000000000001,B\n", encoding="utf-8")
    found = load_template(folder).field("rrn").roster
    assert found is not None
    assert (found.source, found.column) == ("students.csv", "roll_number")
    assert found.values == {"001234567890", "000000000001"}
    assert "names no column" in reason(folder, change("fields.3.roster", "students.csv"))
    assert "a mark has no roster" in reason(folder, change("fields.0.roster", "students.csv:roll_number"))


def test_an_integer_is_sought_on_its_roster_as_a_number(tmp_path: Path) -> None:
    folder = write(tmp_path, change("fields.4.roster", "rooms.csv:room"))
    (folder / "rooms.csv").write_text("room\n007\n12\n12a\n", encoding="utf-8")
    roster = load_template(folder).field("pages").roster
    assert roster is not None
    assert roster.values == {"7", "12", "12a"}


def test_many_templates_sorted_and_unique(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write(tmp_path / "forms" / f"folder-{name}", {**base(), "name": name})
    write(tmp_path / "single", {**base(), "name": "c"})
    templates = load_templates([tmp_path / "single", tmp_path / "forms"])
    assert [template.name for template in templates] == ["a", "b", "c"]
    write(tmp_path / "forms" / "twin", {**base(), "name": "a"})
    with pytest.raises(ConfigError, match="is taken by"):
        load_templates([tmp_path / "forms"])


def test_no_templates(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no template"):
        load_templates([tmp_path])
    with pytest.raises(ConfigError, match="no such folder"):
        load_templates([tmp_path / "missing"])
    with pytest.raises(ConfigError, match="no such template"):
        load_template(tmp_path)


def test_shipped_templates_load() -> None:
    templates = load_templates([shipped_folder("config") / "templates"])
    assert len(templates) >= 2
    assert all(template.fields and template.title for template in templates)


def test_the_team_s_templates_load(shared_data: Path) -> None:
    crescent = load_template(shared_data / "sheets" / "crescent")
    markus = load_template(shared_data / "sheets" / "markus")
    assert (len(crescent.fields), len(markus.fields), markus.key) == (24, 5, "student_number")
    assert len(markus.checks) == 1
