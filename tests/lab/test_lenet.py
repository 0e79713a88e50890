"""The classic baseline, without the training itself (tests/cli/test_train.py): its pictures, its parts, its reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sheetwatch.domain import ConfigError, Field, FieldKind, State, UsageError
from sheetwatch.lab.evaluate_samples import sample_of
from sheetwatch.lab.labelled import Labelled, Parts, load_labelled
from sheetwatch.lab.lenet import Digits, risk_table, split
from sheetwatch.lab.lenet_reader import SIDE, LenetNetwork, LenetReader, load_lenet, picture_of
from sheetwatch.lab.plain_ink import ink_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Grey = npt.NDArray[np.uint8]

MARK = Field(name="q1", kind=FieldKind.MARK, max=10)


def paper(text: str, *, size: float = 2.0, at: tuple[int, int] = (30, 80), light: int = 230, ink: int = 40) -> Grey:
    cell = np.full((120, 160), light, np.uint8)
    cv2.putText(cell, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 6)
    return cell


class Scripted:
    """A network that is as sure of the digits, one picture after the other, as it was told."""

    def __init__(self, *answers: dict[int, float]) -> None:
        self._answers = iter(answers)

    def probabilities(self, picture: Grey) -> npt.NDArray[np.float64]:
        assert picture.shape == (SIDE, SIDE)
        answer = next(self._answers)
        return np.array([answer.get(digit, 0.0) for digit in range(10)])


def reader(*answers: dict[int, float]) -> LenetReader:
    return LenetReader(cast("LenetNetwork", Scripted(*answers)), "lenet5", ())


def labelled(count: int, name: str = "mine") -> Labelled:
    images = tuple(paper(str(number % 10), ink=20 + number % 60) for number in range(count))
    return Labelled(name=name, images=images, labels=tuple(str(number % 10) for number in range(count)))


@given(
    text=st.sampled_from("0123456789"),
    size=st.floats(0.8, 2.6),
    left=st.integers(5, 90),
    light=st.integers(150, 255),
    contrast=st.integers(60, 140),
)
@settings(max_examples=60)
def test_a_digit_is_centred_by_mass_wherever_it_stands(
    text: str, size: float, left: int, light: int, contrast: int
) -> None:
    picture = picture_of(paper(text, size=size, at=(left, 90), light=light, ink=light - contrast))
    assert picture is not None
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    assert max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1 == 20
    mass = picture / picture.sum()
    assert abs(float(mass.sum(axis=1) @ np.arange(SIDE)) - 16.0) <= 0.51
    assert abs(float(mass.sum(axis=0) @ np.arange(SIDE)) - 16.0) <= 0.51
    assert picture.max() > 240


def test_specks_are_no_ink_and_blank_paper_has_none() -> None:
    cell = paper("3")
    clean = ink_of(cell)
    cell[110:112, 150:152] = 20
    dirty = ink_of(cell)
    assert clean is not None
    assert dirty is not None
    assert clean.shape == dirty.shape
    assert ink_of(np.full((40, 40), 220, np.uint8)) is None
    noise = np.random.default_rng(1).integers(214, 226, (40, 40)).astype(np.uint8)
    assert picture_of(noise) is None


def test_mnist_comes_out_as_it_was_made(shared_data: Path) -> None:
    """Cropped, scaled and centred again, MNIST's own pictures hardly change."""
    mnist = load_labelled(shared_data / "train" / "mnist_test.npz")
    differences = []
    for image in mnist.images[:200]:
        picture = picture_of(image)
        assert picture is not None
        differences.append(np.abs(picture[2:-2, 2:-2].astype(float) - (255 - image)).mean())
    assert float(np.median(differences)) < 8.0  # grey levels, of 33 on average


def test_no_digit_is_in_two_parts() -> None:
    whole = labelled(100)
    data = split(Parts(training=whole))
    assert (len(data.test.images), len(data.held_out.labels), len(data.training.labels)) == (20, 8, 72)
    assert set(data.test.labels) == set(whole.labels)  # which go round in tens
    test = {id(image) for image in data.test.images}
    assert sum(id(image) in test for image in whole.images) == 20


def test_a_test_part_of_the_source_is_used() -> None:
    apart = labelled(10, "t10k")
    data = split(Parts(training=labelled(50), test=apart))
    assert data.test is apart
    assert (len(data.held_out.labels), len(data.training.labels)) == (5, 45)


def test_too_few_digits_are_refused() -> None:
    with pytest.raises(UsageError, match="mine: 14 digits are left to train on"):
        split(Parts(training=labelled(20)))


def test_what_is_alike_sure_counts_as_one() -> None:
    digits = Digits(pictures=np.zeros((5, SIDE, SIDE), np.uint8), labels=np.array([1, 1, 1, 2, 3]))
    answers = ({1: 1.0}, {1: 1.0}, {1: 0.9}, {1: 0.9}, {1: 0.4, 2: 0.3})
    table = risk_table(cast("LenetNetwork", Scripted(*answers)), digits)
    assert [(point.threshold, point.accepted, point.wrong) for point in table] == [
        (1.0, 2, 0),
        (0.9, 4, 1),
        (0.4, 5, 2),
    ]
    assert all(point.error_bound > point.wrong / point.accepted for point in table)
    nothing = Digits(pictures=digits.pictures[:0], labels=digits.labels[:0])
    assert risk_table(cast("LenetNetwork", Scripted()), nothing) == ()


def test_a_reading_names_the_runners_up() -> None:
    written, empty = reader({7: 0.6, 1: 0.3, 4: 0.07, 9: 0.03}).read_cells(
        [paper("7"), np.full((60, 60), 240, np.uint8)], [MARK, MARK]
    )
    assert (written.value, written.state, written.probability) == ("7", State.WRITTEN, 0.6)
    assert [(one.value, one.probability) for one in written.alternatives] == [("1", 0.3), ("4", 0.07), ("9", 0.03)]
    assert (empty.value, empty.state) == ("", State.EMPTY)
    with pytest.raises(ValueError, match="2 fields for 1 cells"):
        reader().read_cells([paper("1")], [MARK, MARK])


def test_without_proof_nothing_reaches_the_threshold() -> None:
    assert reader().threshold(0.001) == 1.0


def test_a_file_that_is_no_lenet_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "lenet5.tflite"
    with pytest.raises(ConfigError, match=r"lenet5.json: cannot be read \(No such file"):
        load_lenet(model)
    model.with_suffix(".json").write_text('{"name": "digits-1"}')
    with pytest.raises(ConfigError, match="does not describe a LeNet-5"):
        load_lenet(model)


def test_a_set_of_ones_own_can_be_evaluated() -> None:
    sample = sample_of(labelled(10), ["mine"])
    assert (sample.name, len(sample.cells)) == ("mine-2", 10)
