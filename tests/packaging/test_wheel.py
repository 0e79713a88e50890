"""The wheel carries the model and the configuration, and works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ASK = (
    "import sheetwatch, sheetwatch.shipped as s, sheetwatch.templates as t;"
    "print(sheetwatch.__file__); sheetwatch.load_reader();"
    "print([x.name for x in t.load_templates([s.shipped_folder('config') / 'templates'])])"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheel, is not installed here")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_what_the_daemon_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "sheetwatch/_shipped/models/digits-6.tflite" in names
    assert "sheetwatch/_shipped/models/digits-6.json" in names
    assert "sheetwatch/_shipped/config/sheetwatch.yaml" in names
    assert "sheetwatch/_shipped/config/templates/answer-book/reference.png" in names
    assert "sheetwatch/py.typed" in names
    assert {"sheetwatch/web/templates/review.html", "sheetwatch/web/static/review.js"} <= names


def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    environment = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    where, templates = done.stdout.splitlines()
    assert where.startswith(str(place))
    assert templates == "['answer-book', 'meter-reading']"
