from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheetwatch.domain import Alternative, ConfigError, Field, FieldKind, Reading, State
from sheetwatch.reader import Reader, load_reader
from sheetwatch.reader.manifest import load_manifest
from sheetwatch.reader.reader import SHIPPED
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Grey = npt.NDArray[np.uint8]
MARK = Field(name="m", kind=FieldKind.MARK, max=10)
NUMBER = Field(name="n", kind=FieldKind.MARK, max=100)
DIGIT = Field(name="d", kind=FieldKind.DIGITS, length=1)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return load_reader()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The shipped model, copied, so that a test can damage it."""
    for suffix in (".tflite", ".json"):
        shutil.copy(shipped_folder("models") / f"{SHIPPED}{suffix}", tmp_path)
    return tmp_path / f"{SHIPPED}.tflite"


def right_share(reader: Reader, cells: list[Grey], values: list[str], field: Field) -> float:
    readings = reader.read_cells(cells, field)
    return float(np.mean([reading.value == value for reading, value in zip(readings, values, strict=True)]))


def ink_as_paper(images: Sequence[Grey]) -> list[Grey]:
    """Light ink on black as dark ink on light paper."""
    return [np.asarray(255 - image, dtype=np.uint8) for image in images]


def dev_set(shared_data: Path, name: str) -> tuple[list[Grey], list[str]]:
    with np.load(shared_data / "dev" / f"{name}.npz", allow_pickle=False) as file:
        return list(file["images"]), [str(label) for label in file["labels"]]


def test_the_model_is_named(reader: Reader) -> None:
    assert reader.model_id == SHIPPED


@pytest.mark.parametrize("light", [0, 90, 255])
@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (64, 64), (82, 298), (1, 4000)])
def test_plain_crops_are_empty(reader: Reader, shape: tuple[int, int], light: int) -> None:
    (reading,) = reader.read_cells([np.full(shape, light, np.uint8)], MARK)
    assert (reading.state, reading.value) == (State.EMPTY, "")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 200), st.integers(0, 400), st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 12]))
def test_any_crop_gives_an_honest_reading(reader: Reader, rows: int, columns: int, seed: int, comb: int | None) -> None:
    cell = np.random.default_rng(seed).integers(0, 256, (rows, columns), np.uint8)
    field = Field(name="f", kind=FieldKind.DIGITS, length=comb, comb=comb) if comb else MARK
    (reading,) = reader.read_cells([cell], field)
    assert 0.0 <= reading.probability < 1.0
    assert (reading.value != "") == (reading.state is State.WRITTEN)
    assert len(reading.alternatives) <= 8
    assert len(reading.boxes) == (comb or 0)
    for box in reading.boxes:
        assert all(len(one.value) <= 1 for one in box)
        assert sum(one.probability for one in box) <= 1.0 + 1e-9
    assert reading.probability + sum(other.probability for other in reading.alternatives) <= 1.0 + 1e-9


def test_huge_crops_are_read(reader: Reader) -> None:
    cell = np.full((3000, 4000), 255, np.uint8)
    cv2.line(cell, (2000, 700), (1950, 2300), 0, 120)
    (reading,) = reader.read_cells([cell], MARK)
    assert (reading.state, reading.value) == (State.WRITTEN, "1")


def test_the_same_cells_read_the_same_in_any_order_and_company(reader: Reader, shared_data: Path) -> None:
    cells, _ = dev_set(shared_data, "half_marks")
    together = reader.read_cells(cells[:40], MARK)
    alone: list[Reading] = [reader.read_cells([cell], MARK)[0] for cell in reversed(cells[:40])]
    assert together == alone[::-1]


def test_each_cell_may_have_its_own_field(reader: Reader, shared_data: Path) -> None:
    cells, values = dev_set(shared_data, "digilets_digits")
    dark = ink_as_paper(cells[:2])
    first, second = reader.read_cells(dark, [MARK, DIGIT])
    assert [first.value, second.value] == values[:2]
    with pytest.raises(ValueError, match="shorter"):
        reader.read_cells(dark, [MARK])


def test_a_stricter_bound_needs_a_higher_threshold(reader: Reader) -> None:
    thresholds = [reader.threshold(error) for error in (0.2, 0.05, 0.01, 0.003, 0.001, 1e-9)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1] == 1.0


def test_a_missing_model_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.json.*cannot be read.*model: null"):
        load_reader(tmp_path / "nothing.tflite")


def test_a_missing_model_file_is_a_configuration_error(copied: Path) -> None:
    copied.unlink()
    with pytest.raises(ConfigError, match=r"\.tflite.*cannot be read"):
        load_reader(copied)


def test_a_changed_model_is_a_configuration_error(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[1000] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ConfigError, match=r"\.tflite.*not the one its manifest describes"):
        load_reader(copied)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "x"}', b"\xff\xfe"])
def test_a_damaged_manifest_is_a_configuration_error(copied: Path, content: bytes) -> None:
    copied.with_suffix(".json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\.json.*manifest is damaged"):
        load_reader(copied)


def test_an_unknown_key_in_the_manifest_is_a_configuration_error(copied: Path) -> None:
    path = copied.with_suffix(".json")
    plain = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**plain, "surprise": 1}))
    with pytest.raises(ConfigError, match="surprise"):
        load_reader(copied)


def test_a_model_of_another_vocabulary_is_a_configuration_error(copied: Path) -> None:
    path = copied.with_suffix(".json")
    other = msgspec.structs.replace(load_manifest(path), symbols="0123456789")
    path.write_bytes(msgspec.json.encode(other))
    with pytest.raises(ConfigError, match="another version"):
        load_reader(copied)


# The floors lie well below the figures in models/README.md: they catch a broken reader, not a slightly worse one.


def test_real_marks_are_read(reader: Reader, shared_data: Path) -> None:
    cells, values = dev_set(shared_data, "mark_cells")
    assert right_share(reader, cells[::2], values[::2], MARK) > 0.95


def test_real_halves_are_read(reader: Reader, shared_data: Path) -> None:
    cells, values = dev_set(shared_data, "half_marks")
    assert right_share(reader, cells[::3], values[::3], MARK) > 0.8


def test_real_numbers_are_read(reader: Reader, shared_data: Path) -> None:
    with np.load(shared_data / "dev" / "number_cells.npz", allow_pickle=False) as file:
        cells = [image[:rows, :columns] for image, (rows, columns) in zip(file["images"], file["sizes"], strict=True)]
        labels = [str(label) for label in file["labels"]]
    assert right_share(reader, cells, labels, NUMBER) > 0.93


def test_real_empty_cells_are_empty(reader: Reader, shared_data: Path) -> None:
    with np.load(shared_data / "dev" / "blank_cells.npz", allow_pickle=False) as file:
        cells = list(file["images"])
    assert right_share(reader, cells, [""] * len(cells), MARK) > 0.97


def test_digits_of_other_writers_are_read(reader: Reader, shared_data: Path) -> None:
    cells, values = dev_set(shared_data, "digilets_digits")
    assert right_share(reader, ink_as_paper(cells[::5]), values[::5], DIGIT) > 0.96


def test_a_comb_is_read_box_by_box(reader: Reader, shared_data: Path) -> None:
    picture = cv2.imread(str(shared_data / "sheets/markus/student_number.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    field = Field(name="student_number", kind=FieldKind.DIGITS, comb=16)
    (reading,) = reader.read_cells([np.asarray(picture, dtype=np.uint8)], field)
    assert (reading.state, reading.value) == (State.WRITTEN, "0001250981")


def test_what_is_shown_is_short() -> None:
    others = tuple(Alternative(value=str(value), probability=0.1) for value in range(8))
    reading = Reading(value="9", state=State.WRITTEN, probability=0.2, alternatives=others, boxes=(others, others))
    shown = Reading(value="9", state=State.WRITTEN, probability=0.2, alternatives=others[:3])
    assert reading.shown() == shown
