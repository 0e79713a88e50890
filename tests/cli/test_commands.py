"""The commands as processes: exit codes, streams, errors without tracebacks, and what they cost to start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from sheetwatch import __version__
from sheetwatch.cli import main
from sheetwatch.cli.import_boxes import read_boxes
from sheetwatch.domain import ConfigError
from sheetwatch.shipped import shipped_folder
from sheetwatch.templates import load_template

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ["run", "read", "batch", "demo", "check", "status", "review", "export", "train", "evaluate", "template"]
HEAVY = [
    "cv2",
    "numpy.linalg",
    "PIL",
    "rich",
    "structlog",
    "yaml",
    "msgspec",
    "tflite_runtime",
    "pypdfium2",
]


def sheetwatch(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key != "SHEETWATCH_CONFIG"}
    command = [sys.executable, "-m", "sheetwatch", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False, timeout=120)


def test_version_and_help() -> None:
    assert sheetwatch("--version").stdout.decode().strip() == f"sheetwatch {__version__}"
    shown = sheetwatch("--help")
    assert shown.returncode == 0
    assert all(command in shown.stdout.decode() for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--config" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["read", "--help"], ["check", "--help"]])
def test_starting_costs_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom sheetwatch.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr.decode().strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [[], ["frobnicate"], ["read"], ["read", "--frobnicate", "x.jpg"], ["template"], ["--con", "x", "check"]],
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 64
    assert "--help" in capsys.readouterr().err


def error_line(done: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("sheetwatch: ")
    return line


def test_configuration_errors_are_one_line(tmp_path: Path) -> None:
    config = tmp_path / "sheetwatch.yaml"
    config.write_text("limits:\n  pages: 0\n", encoding="utf-8")
    for arguments in (["--config", str(config), "read", "x.jpg"], ["read", "x.jpg", "--config", str(config)]):
        done = sheetwatch(*arguments)
        assert done.returncode == 78
        assert "line 2: limits.pages: 0 is out of range" in error_line(done)


def test_unknown_templates(tmp_path: Path) -> None:
    for name in ("answer-bok", "./nowhere", str(tmp_path)):
        done = sheetwatch("template", "show", name, cwd=tmp_path)
        assert done.returncode == 64
        assert name in error_line(done)
    assert "known are" in error_line(sheetwatch("template", "show", "zzz", cwd=tmp_path))


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "sheetwatch", "template", "show", "answer-book"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sheetwatch.cli.check.findings", interrupt)
    assert main(["check"]) == 130
    assert capsys.readouterr().err == "sheetwatch: interrupted\n"


# -- template ---------------------------------------------------------------------------------------------------------


def blank_sheet(path: Path) -> Path:
    cv2.imwrite(str(path), np.full((600, 400), 255, np.uint8))
    return path


def test_template_show(tmp_path: Path) -> None:
    picture = tmp_path / "answer-book.png"
    done = sheetwatch("template", "show", "answer-book", "--out", picture, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    template = load_template(shipped_folder("config") / "templates" / "answer-book")
    assert all(field.name in done.stdout.decode() for field in template.fields)
    assert cv2.imread(str(picture)).shape[0] >= 1000


def test_template_import(tmp_path: Path) -> None:
    boxes = tmp_path / "roi_values.txt"
    labels = ["Q 1(a)", "q2", "q2", "7", "status", "null"]
    corners = [
        ((10, 20), (60, 50)),
        ((110, 50), (70, 20)),
        *(((70 + 50 * n, 20), (100 + 50 * n, 50)) for n in range(4)),
    ]
    boxes.write_text(repr([[*pair, "text", label] for pair, label in zip(corners, labels, strict=True)]), "utf-8")
    folder = tmp_path / "out" / "cover"
    reference = blank_sheet(tmp_path / "blank.png")
    done = sheetwatch("template", "import", boxes, "--reference", reference, "--name", "cover", "--out", folder)
    assert done.returncode == 0, done.stderr
    template = load_template(folder)
    assert [field.name for field in template.fields] == ["q_1_a", "q2", "q2_2", "f_7", "f_status", "f_null"]
    box = template.field("q2").box
    assert box is not None
    assert (box.left, box.top, box.width, box.height) == (70, 20, 40, 30)
    assert template.field("q2").max == 30
    assert b"renamed: 'Q 1(a)' is now q_1_a" in done.stderr
    again = sheetwatch("template", "import", boxes, "--reference", reference, "--name", "cover", "--out", folder)
    assert again.returncode == 78
    assert "exists already" in error_line(again)


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "[1]", "[[(1, 2), (3, 4), 'text']]", "[[(1, 2), (3, 'x'), 'text', 'a']]",
     "__import__('os').system('true')", "[" * 5000, "[[(1, 2), (float('inf'), 4), 'text', 'a']]",
     "[[(1e999, 2), (3, 4), 'text', 'a']]"],
)  # fmt: skip
def test_lists_that_are_none(tmp_path: Path, text: str) -> None:
    boxes = tmp_path / "roi_values.txt"
    boxes.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"roi_values\.txt"):
        read_boxes(boxes)


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    boxes = tmp_path / "roi_values.txt"
    boxes.write_text("[[(10, 20), (6000, 50), 'text', 'a']]", encoding="utf-8")
    reference = blank_sheet(tmp_path / "blank.png")
    before = sorted(tmp_path.iterdir())
    done = sheetwatch("template", "import", boxes, "--reference", reference, "--name", "x", "--out", tmp_path / "x")
    assert done.returncode == 78
    assert "outside the reference" in error_line(done)
    assert sorted(tmp_path.iterdir()) == before
    done = sheetwatch("template", "import", boxes, "--reference", reference, "--name", "A b", "--out", tmp_path / "x")
    assert done.returncode == 64


def test_the_team_s_list_of_boxes(shared_data: Path, tmp_path: Path) -> None:
    sheets = shared_data / "sheets" / "crescent"
    done = sheetwatch(
        "template", "import", sheets / "roi_values.txt", "--reference", sheets / "reference.png", "--name", "crescent",
        "--out", tmp_path / "crescent",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made, known = load_template(tmp_path / "crescent"), load_template(sheets)
    assert [field.box for field in made.fields] == [field.box for field in known.fields]
    assert np.abs(made.reference.astype(int) - known.reference).max() <= 1


# -- check ------------------------------------------------------------------------------------------------------------


def test_check_finds_what_is_wrong(tmp_path: Path) -> None:
    done = sheetwatch("check", cwd=tmp_path)
    assert done.returncode == 78
    assert b"no configuration was found" in done.stdout
    shutil.copytree(shipped_folder("config") / "templates", tmp_path / "templates")
    config = tmp_path / "sheetwatch.yaml"
    config.write_text("inbox: [inbox]\nresults: inbox/results\nmodel: missing.tflite\n", encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "state").write_text("in the way", encoding="utf-8")
    (tmp_path / "templates" / "answer-book" / "reference.png").unlink()
    done = sheetwatch("check", cwd=tmp_path)
    assert done.returncode == 78
    lines = {line.split()[1]: line for line in done.stdout.decode().splitlines() if line.startswith("wrong")}
    assert "missing.json" in lines["model"]
    assert "overlap" in lines["folders"]
    assert "is no folder" in lines["state"]
    assert "does not exist" in lines["template"]
    assert sorted(path.name for path in (tmp_path / "inbox").iterdir()) == []


def test_check_of_a_good_office(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder("config"), tmp_path, dirs_exist_ok=True)
    (tmp_path / "inbox").mkdir()
    done = sheetwatch("check", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert b"events arrive" in done.stdout
    assert b"All is well." in done.stdout
    assert list((tmp_path / "inbox").iterdir()) == []


# -- read -------------------------------------------------------------------------------------------------------------


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]


def test_read_goes_on_after_every_bad_file(tmp_path: Path) -> None:
    sheet = shipped_folder("config") / "templates" / "answer-book" / "reference.png"
    whole = sheet.read_bytes()
    hostile: dict[str | bytes, bytes] = {
        "empty.jpg": b"",
        "text.jpg": b"not a photograph\n" * 10,
        "cut.png": whole[: len(whole) // 2],
        "line\nbreak.png": whole[:100],
        "--json": b"x",
        "=cmd().png": b"x",
        "\N{PILE OF POO}.tif": b"II*\0",
        b"latin-\xe9.jpg": b"x",
    }
    for name, data in hostile.items():
        (tmp_path / os.fsdecode(name)).write_bytes(data)
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    names = [*map(os.fsdecode, hostile), "folder.jpg", "pipe.jpg", "missing.jpg"]
    done = sheetwatch("read", "--json", "--template", "answer-book", "--", *names, sheet, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == b""
    *bad, good = lines_of(done)
    assert len(bad) == len(names)
    for entry, name in zip(bad, names, strict=True):
        assert entry["source"] == os.fsencode(name).decode(errors="backslashreplace")
        assert (entry["page"], entry["template"], entry["verdict"], entry["fields"]) == (0, None, "review", {})
        assert entry["reasons"][0]["code"] in {"unreadable-file", "incomplete-file"}
        assert entry["reasons"][0]["detail"]
    assert good["template"] == "answer-book"
    assert {reason["field"] for reason in good["reasons"] if reason["code"] == "missing-value"} == {"roll", "total"}


def test_read_json_has_the_documented_shape(tmp_path: Path) -> None:
    sheet = shipped_folder("config") / "templates" / "meter-reading" / "reference.png"
    done = sheetwatch("read", "--json", sheet, "--overlay", tmp_path / "pictures", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (entry,) = lines_of(done)
    assert list(entry) == [
        "source", "page", "template", "verdict", "reasons", "alignment", "fields", "model", "elapsed_ms"
    ]  # fmt: skip
    assert entry["source"] == str(sheet)
    assert set(entry["alignment"]) == {"inliers", "rms_error_px", "worst_field_px"}
    template = load_template(sheet.parent)
    assert list(entry["fields"]) == [field.name for field in template.fields]
    for field in entry["fields"].values():
        assert list(field) == ["value", "state", "probability", "alternatives"]
        assert field["state"] == "empty"
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["reference-p1.overlay.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_read_for_people(tmp_path: Path) -> None:
    sheet = tmp_path / ("a-folder-with-so-long-a-name-that-the-line-is-wider-than-any-terminal-" * 2) / "sheet.png"
    sheet.parent.mkdir()
    shutil.copy(shipped_folder("config") / "templates" / "meter-reading" / "reference.png", sheet)
    done = sheetwatch("read", sheet, cwd=tmp_path)
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "page 1 of 1: review" in text
    assert "missing-value meter" in text


def test_what_cannot_be_read_at_all_is_told_as_such(tmp_path: Path) -> None:
    done = sheetwatch("read", tmp_path / "mistyped.png", cwd=tmp_path)
    assert done.returncode == 1
    text = done.stdout.decode()
    assert "mistyped.png, page 1 of 1: cannot be read\n" in text
    assert "No such file or directory" in text
    assert "review" not in text


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    sheet = shipped_folder("config") / "templates" / "meter-reading" / "reference.png"
    other = tmp_path / "reference.png"
    shutil.copy(sheet, other)
    done = sheetwatch("read", "--json", sheet, other, "--overlay", tmp_path / "pictures", cwd=tmp_path)
    assert done.returncode == 0
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["reference-2-p1.overlay.png", "reference-p1.overlay.png"]


def test_a_file_that_hangs_costs_its_time_only(tmp_path: Path) -> None:
    config = tmp_path / "sheetwatch.yaml"
    templates = shipped_folder("config") / "templates"
    config.write_text(f"templates: [{templates}]\nlimits: {{page_timeout_s: 0.1}}\n", encoding="utf-8")
    noise = np.random.default_rng(1).integers(0, 256, (5000, 5000), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "slow.png"), noise)
    (tmp_path / "text.jpg").write_text("not a photograph", encoding="utf-8")
    done = sheetwatch("read", "--json", "slow.png", "text.jpg", cwd=tmp_path)
    assert done.returncode == 1
    slow, text = lines_of(done)
    assert slow["reasons"][0]["code"] == "timed-out"
    assert text["reasons"][0]["code"] == "unreadable-file"


def test_an_overlay_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = sheetwatch("read", "x.jpg", "--overlay", tmp_path / "file" / "pictures", cwd=tmp_path)
    assert done.returncode == 75
    assert "file" in error_line(done)
