"""`sheetwatch train` as a process: models from users' digits, the same every time, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.cli import main
from sheetwatch.domain import Field, FieldKind, UsageError
from sheetwatch.lab.dataset import OwnDigits, load_sources, training_data
from sheetwatch.lab.lenet_reader import load_lenet
from sheetwatch.reader import load_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

needs_tensorflow = pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed")
_PATIENCE_S = 900.0  # a loaded machine takes minutes to load TensorFlow and to compose the first cells
DIGIT = Field(name="digit", kind=FieldKind.DIGITS, length=1)


def drawn(count: int, seed: int = 1) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Digits in several sizes, pens, slants and places, ink on black; no two alike."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 40, 40), np.uint8)
    for number, image in enumerate(images):
        place = (int(rng.integers(4, 14)), int(rng.integers(28, 36)))
        face = cv2.FONT_HERSHEY_SIMPLEX if rng.random() < 0.5 else cv2.FONT_HERSHEY_DUPLEX
        upright = np.zeros((40, 40), np.uint8)
        cv2.putText(upright, str(number % 10), place, face, rng.uniform(0.7, 1.1), 255, int(rng.integers(2, 4)))
        lean = rng.normal(0, 0.15)
        image[:] = cv2.warpAffine(upright, np.array([[1, -lean, 20 * lean], [0, 1, 0]]), (40, 40))
    return images, (np.arange(count) % 10).astype(np.uint8)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    images, labels = drawn(600)
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, images=images, labels=labels)
    return path


def train(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sheetwatch", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_PATIENCE_S)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    pause = threading.Event()
    for _ in range(int(_PATIENCE_S / 0.1)):
        if condition():
            return
        assert process.poll() is None, "the training ended too early"
        pause.wait(0.1)
    pytest.fail("waited in vain")


def interrupted(*arguments: str | Path, cwd: Path, when: Callable[[], bool], log: Path) -> int:
    """Start a training, press Ctrl-C on its terminal when the condition holds; returns the exit code."""
    command = [sys.executable, "-m", "sheetwatch", "train", *map(str, arguments)]
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=cwd, stdout=stream, stderr=stream, text=True, start_new_session=True)
        try:
            wait_for(when, process)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the group
            return process.wait(_PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


# --- what is asked for ---


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "nothing to train; name a recipe"),
        (["recipe.yaml"], "a recipe needs the training sets"),
        (["recipe.yaml", "--arch", "lenet5"], "give either RECIPE or --arch"),
        (["recipe.yaml", "--data", ".", "--download", "there"], "with a recipe MNIST goes into --data"),
        (["--arch", "lenet5"], "give one of --digits, --data and --download"),
        (["--arch", "lenet5", "--digits", "a", "--data", "b"], "give one of --digits, --data and --download"),
        (["--digits", "a"], "nothing to train"),
        (["--arch", "lenet5", "--digits", "a", "--weights", "gone.h5"], "gone.h5: there is no such file"),
        (["--download", __file__], "is no folder to download into; write RECIPE before --download"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == UsageError.exit_code
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--epochs", "0"], ["--digits-share", "1"], ["--digits-share", "x"], ["--arch", "resnet"]]
)
def test_wrong_numbers_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", *arguments])
    assert ended.value.code == UsageError.exit_code


@needs_tensorflow
def test_an_unusable_folder_is_said_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["train", "--arch", "lenet5", "--digits", "gone", "--out", str(tmp_path / "file")]) == 64
    assert "this is no folder; name another one with --out" in capsys.readouterr().err


# --- a user's digits in the recipe ---


def test_own_digits_take_their_share_and_no_digit_is_on_both_sides(digits: Path, shared_data: Path) -> None:
    own = OwnDigits(source=digits, share=0.25)
    training = load_sources(shared_data / "train", own=own)
    held_out = load_sources(shared_data / "train", held_out=True, own=own)
    for side in (training, held_out):
        assert sum(glyphs.share for glyphs in side.glyphs) == pytest.approx(1.0)
        assert (side.glyphs[-1].name, side.glyphs[-1].share) == ("mine", 0.25)
    mine, others = training.glyphs[-1], held_out.glyphs[-1]
    assert (len(mine.images), len(others.images)) == (514, 86)
    assert set(mine.labels) == set(others.labels) == set("0123456789")
    assert not {image.tobytes() for image in mine.images} & {image.tobytes() for image in others.images}
    for image in mine.images:
        assert image.max() == 255
        assert image[0].any()
        assert image[-1].any()


def test_without_own_digits_nothing_changes(shared_data: Path) -> None:
    shares = [glyphs.share for glyphs in load_sources(shared_data / "train", held_out=True).glyphs]
    assert shares == [0.62, 0.16, 0.08, 0.07, 0.07]


def test_the_manifest_names_own_digits(digits: Path) -> None:
    assert training_data(OwnDigits(source=digits))[:-1] == training_data(None)
    assert training_data(OwnDigits(source=digits))[-1].name == "digits of the user's own: mine.npz"


def test_too_few_own_digits_are_refused(tmp_path: Path, shared_data: Path) -> None:
    images, labels = drawn(12)
    np.savez(tmp_path / "few.npz", images=images, labels=labels)
    with pytest.raises(UsageError, match="holds too few digits to train on"):
        load_sources(shared_data / "train", own=OwnDigits(source=tmp_path / "few.npz"))


# --- the classic baseline ---


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.timeout(3 * _PATIENCE_S)
def test_the_baseline_learns_reports_and_is_the_same_every_time(tmp_path: Path, digits: Path) -> None:
    runs = [
        train("--arch", "lenet5", "--digits", digits, "--epochs", "12", "--out", out, cwd=tmp_path)
        for out in ("first", "second")
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    first, second = (tmp_path / out / "lenet5.tflite" for out in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    assert "epoch 12:" in runs[0].stderr
    assert runs[0].stdout.splitlines()[-1] == "first/lenet5.tflite"
    manifest = json.loads(first.with_suffix(".json").read_text())
    assert (manifest["training_digits"], manifest["test_digits"]) == (432, 120)
    assert manifest["test_accuracy"] > 0.9
    report = {path.name for path in (tmp_path / "first" / "lenet5-report").iterdir()}
    assert {"evaluation.html", "evaluation.xlsx", "digits.xlsx"} <= report
    assert any("confusion" in name for name in report)
    images, labels = drawn(50, seed=9)
    readings = load_lenet(first).read_cells(list(255 - images), DIGIT)
    assert sum(reading.value == str(label) for reading, label in zip(readings, labels, strict=True)) > 40


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.timeout(3 * _PATIENCE_S)
def test_interrupting_the_baseline_leaves_weights_that_make_a_model(tmp_path: Path, digits: Path) -> None:
    weights, log = tmp_path / "work" / "lenet5.weights.h5", tmp_path / "log"
    common = ("--arch", "lenet5", "--digits", digits, "--out", "out", "--work", "work")
    code = interrupted(*common, "--epochs", "100000", cwd=tmp_path, when=weights.exists, log=log)
    assert code == 130
    assert str(weights.relative_to(tmp_path).parent) in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not list((tmp_path / "out").iterdir())
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]
    made = train(*common, "--weights", weights, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert load_lenet(tmp_path / "out" / "lenet5.tflite").model_id == "lenet5"
    wrong = train(*common, "--weights", digits, cwd=tmp_path)
    assert wrong.returncode == UsageError.exit_code
    assert "does not hold the weights of a LeNet-5" in wrong.stderr


# --- the recipe ---


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text("version: 1\nname: tiny\ncells: 4096\nviews: 2\nheld_out: 120\nseed: 3\n")
    return path


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.timeout(3 * _PATIENCE_S)
def test_a_recipe_makes_the_same_model_every_time(
    tmp_path: Path, recipe: Path, digits: Path, shared_data: Path
) -> None:
    common = (recipe, "--data", shared_data / "train", "--digits", digits, "--threads", "1")
    runs = [train(*common, "--out", out, "--work", f"{out}-work", cwd=tmp_path) for out in ("first", "second")]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert (tmp_path / "first" / "tiny.tflite").read_bytes() == (tmp_path / "second" / "tiny.tflite").read_bytes()
    manifest = json.loads((tmp_path / "first" / "tiny.json").read_text())
    assert "--digits-share 0.3" in manifest["training_command"]
    assert manifest["training_data"][-1]["name"] == "digits of the user's own: mine.npz"
    assert load_reader(tmp_path / "first" / "tiny.tflite").model_id == "tiny"


@needs_tensorflow
@pytest.mark.slow
@pytest.mark.timeout(3 * _PATIENCE_S)
def test_interrupting_a_recipe_leaves_weights_that_make_a_model(
    tmp_path: Path, recipe: Path, shared_data: Path
) -> None:
    recipe.write_text(recipe.read_text().replace("4096", "40000000"))
    common = (recipe, "--data", shared_data / "train", "--out", "out", "--work", "work", "--threads", "1")
    log = tmp_path / "log"
    code = interrupted(*common, cwd=tmp_path, when=lambda: log.exists() and "loss" in log.read_text(), log=log)
    assert code == 130
    assert "Traceback" not in log.read_text()
    assert not list((tmp_path / "out").iterdir())
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["tiny.weights.h5"]
    made = train(*common, "--weights", tmp_path / "work" / "tiny.weights.h5", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert load_reader(tmp_path / "out" / "tiny.tflite").model_id == "tiny"


def test_missing_training_sets_are_said_at_once(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not find_spec("tensorflow"):
        pytest.skip("TensorFlow is not installed")
    assert main(["train", str(recipe), "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 64
    assert "lacks unipen_digits.npz; point --data at the folder" in capsys.readouterr().err
