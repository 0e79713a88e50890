"""`sheetwatch template draft` and `learn` as commands: the folder they write, and what they say when they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.cli import main
from sheetwatch.domain import Box, ConfigError, Field, FieldKind, UsageError
from sheetwatch.drafts import draft_text, fields_at, template_name_of, write_draft
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template
from sheetwatch.vision.draft.proposal import LeftOut, LeftOutWhy, Proposal

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = shipped_folder("config") / "templates" / "meter-reading" / "reference.png"


def proposal() -> Proposal:
    marks = [
        Field(name=f"q{k}", kind=FieldKind.MARK, box=Box(left=10, top=60 * k, width=80, height=40)) for k in (1, 2, 3)
    ]
    comb = Field(
        name="number1", kind=FieldKind.DIGITS, comb=6, length=6, box=Box(left=10, top=10, width=180, height=30)
    )
    return Proposal(
        reference=np.full((400, 300), 255, np.uint8),
        page_to_reference=np.eye(3),
        fields=(comb, *marks),
        left_out=(
            LeftOut(box=Box(left=100, top=300, width=150, height=40), why=LeftOutWhy.WIDE),
            LeftOut(box=Box(left=10, top=350, width=50, height=40), why=LeftOutWhy.LABELLED),
        ),
    )


def test_a_draft_loads_as_it_is_and_with_every_comment_taken_in(tmp_path: Path) -> None:
    template = write_draft(proposal(), tmp_path / "form", "weekly-test", ["look at q1"])
    assert (template.name, template.title) == ("weekly-test", "Weekly test")
    assert [field.name for field in template.fields] == ["number1", "q1", "q2", "q3"]
    assert template.field("number1").comb == 6
    assert (tmp_path / "form" / "proposal.png").is_file()
    file = tmp_path / "form" / "template.yaml"
    text = file.read_text()
    assert "# Doubtful: look at q1" in text
    for comment, key in (
        ("# key:", "key:"),
        ("# checks:", "checks:"),
        ("#   - {total", "  - {total"),
        ("#  - {", "  - {"),
    ):
        text = text.replace(comment, key)
    file.write_text(text)
    template = load_template(file)
    assert template.key == "number1"
    assert (template.checks[0].total, template.checks[0].terms) == ("q3", ("q1", "q2"))
    assert template.field("extra1").box == Box(left=100, top=300, width=150, height=40)


def test_a_draft_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "form").mkdir()
    (tmp_path / "form" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        write_draft(proposal(), tmp_path / "form", "form")
    with pytest.raises(UsageError, match="cannot be a template's name"):
        write_draft(proposal(), tmp_path / "other", "Not A Name")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["form"]


def test_names_are_made_from_files() -> None:
    assert template_name_of("Weekly Test_3") == "weekly-test-3"
    assert template_name_of("!!") == "form"


def test_fields_are_found_by_place() -> None:
    (field,) = fields_at(proposal(), [Box(left=50, top=130, width=5, height=5)])
    assert field.name == "q2"
    assert "number1" in draft_text(proposal(), "form")


def test_draft_writes_a_template_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "draft", str(REFERENCE), "--out", str(tmp_path / "slip"), "--name", "slip"]) == 0
    template = load_template(tmp_path / "slip")
    assert [field.comb for field in template.fields if field.comb] == [8, 6, 4]
    assert len(template.fields) == 7
    assert "proposal.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["draft", "blank.png"], 78, "no empty printed box"),
        (["draft", "blank.png", "--page", "2"], 64, "there is no page 2"),
        (["draft", "none.png"], 78, "is no usable form"),
        (["learn", "blank.png", "none.png"], 78, "show the same form: 1; 5 are the least"),
    ],
)
def test_what_cannot_be_drafted_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    arguments: list[str],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("blank.png", np.full((600, 420), 255, np.uint8))
    assert main(["template", *arguments]) == code
    assert reason in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blank.png"]
