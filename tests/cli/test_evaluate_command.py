"""`sheetwatch evaluate`: what it prints and writes, and how it refuses."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.cli import evaluate, main
from sheetwatch.files import TEMPORARY_PREFIX
from sheetwatch.reader.reader import SHIPPED
from sheetwatch.shipped import shipped_folder
from support.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="Matplotlib comes with the extra `train`")


def drawn_digits(count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Ones and zeros in dark ink on light paper, plain enough for any reader."""
    images = np.full((count, 40, 40), 245, np.uint8)
    labels = np.arange(count) % 2
    for image, label in zip(images, labels, strict=True):
        if label:
            cv2.line(image, (21, 6), (18, 34), 30, 3)
        else:
            cv2.ellipse(image, (20, 20), (9, 14), 5, 0, 360, 30, 3)
    return images, labels


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with MNIST's test part and the digits of the dev sets, nothing else."""
    folder = tmp_path / "data"
    (folder / "train").mkdir(parents=True)
    (folder / "dev").mkdir()
    images, labels = drawn_digits(30)
    for name in ("train/mnist_test", "dev/digilets_digits"):
        np.savez(folder / f"{name}.npz", images=255 - images, labels=labels)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's own digits: a folder with a subfolder for each."""
    images, labels = drawn_digits(4)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = tmp_path / "own" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / f"{number}.png"), image)
    return tmp_path / "own"


def failed(capsys: pytest.CaptureFixture[str], code: int, *arguments: str | Path) -> str:
    """The one line that a command said before it ended with this code."""
    assert main(["evaluate", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_chosen_sets_are_measured(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", str(data), "--set", "mnist_test", "digilets_digits", "--every", "3"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    assert f"{SHIPPED}: accepted from probability" in captured.out
    lines = [line.split() for line in captured.out.splitlines()]
    assert ["mnist_test", "10"] in [line[:2] for line in lines]
    assert ["digilets_digits", "10"] in [line[:2] for line in lines]


def test_a_users_own_digits_are_measured_without_any_other_data(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(own)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["own", "4", "100.00"] in [line[:3] for line in lines]


def test_markdown_replaces_the_tables(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(own), "--markdown"]) == 0
    printed = capsys.readouterr().out
    assert "| own | 4 | 100.00 |" in printed
    assert "Percent wrong among the surest" not in printed


@needs_matplotlib
def test_out_gets_page_workbook_and_pictures(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made" / "here"
    assert main(["evaluate", "--data", str(data), "--set", "mnist_test", "--out", str(out)]) == 0
    assert capsys.readouterr().err.splitlines() == [str(out / "evaluation.html"), str(out / "evaluation.xlsx")]
    names = {path.name for path in out.iterdir()}
    assert {"evaluation.html", "evaluation.xlsx", "mnist_test-confusion.png", "mnist_test-reliability.png"} <= names
    assert not [name for name in names if name.startswith(TEMPORARY_PREFIX)]


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_nothing_to_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing to evaluate; name your own digits, or give --data" in failed(capsys, 64)


def test_a_missing_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = failed(capsys, 64, "--data", tmp_path / "nowhere")
    assert line == f"sheetwatch: {tmp_path}/nowhere: no such folder; give --data a folder with dev/ and train/"


def test_a_missing_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = failed(capsys, 64, "--data", data)
    assert f"{data}/dev/mark_cells.npz: this file of the set 'mark_cells' is missing" in line


def test_an_unknown_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'marks' is no set; known are mnist_test" in failed(capsys, 64, "--data", data, "--set", "marks")


def test_sets_without_data(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give --data too" in failed(capsys, 64, own, "--set", "mark_cells")


def test_missing_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert str(tmp_path / "nothing") in failed(capsys, 64, tmp_path / "nothing")


@pytest.mark.parametrize("every", ["0", "-1", "two", "1.5"])
def test_every_takes_whole_numbers_from_one(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "x", f"--every={every}"])
    assert ended.value.code == 64
    assert "whole number from 1" in capsys.readouterr().err


def test_out_without_matplotlib(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "find_spec", lambda name: None if name == "matplotlib" else find_spec(name))
    line = failed(capsys, 64, own, "--out", tmp_path / "out")
    assert "Matplotlib, which is missing; install it with: pip install 'sheetwatch[train]'" in line
    assert not (tmp_path / "out").exists()
    assert main(["evaluate", str(own)]) == 0


@needs_matplotlib
def test_out_that_is_a_file(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    assert "this is no folder; name another one with --out" in failed(capsys, 64, own, "--out", tmp_path / "out")


def test_a_missing_and_a_damaged_model(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in failed(capsys, 78, own, "--model", tmp_path / "none.tflite")
    for suffix in (".tflite", ".json"):
        shutil.copy(shipped_folder("models") / f"{SHIPPED}{suffix}", tmp_path)
    with (tmp_path / f"{SHIPPED}.tflite").open("ab") as model:
        model.write(b"x")
    line = failed(capsys, 78, own, "--model", tmp_path / f"{SHIPPED}.tflite")
    assert "not the one its manifest describes" in line


@needs_matplotlib
def test_interrupted_while_reading_nothing_is_written(data: Path, tmp_path: Path) -> None:
    images, labels = drawn_digits(30)
    many = {"images": np.tile(255 - images, (400, 1, 1)), "labels": np.tile(labels, 400)}
    np.savez(data / "train/mnist_test.npz", **many)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "sheetwatch", "evaluate", "--data", str(data), "--set", "mnist_test"]
    process = subprocess.Popen([*command, "--out", str(out)], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_until(out.is_dir)
    os.kill(process.pid, signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (printed, said) == (b"", b"sheetwatch: interrupted\n")
    assert list(out.iterdir()) == []
