"""A reader measured on samples: what counts as right, as accepted, and as a mistake."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from sheetwatch.domain import Field, FieldKind, State, UsageError
from sheetwatch.lab.evaluate import Kind, evaluate_sets, judged
from sheetwatch.lab.evaluate_metrics import EMPTY, NOT_ATTEMPTED, UNREADABLE
from sheetwatch.lab.evaluate_samples import LOOK_ALIKES, SETS, load_own, load_samples, sample_of
from sheetwatch.lab.labelled import Labelled
from sheetwatch.reader import load_reader
from support.scripted import ScriptedReader, empty, reading, sample, unreadable

if TYPE_CHECKING:
    from pathlib import Path


def test_right_is_the_value_in_its_state() -> None:
    not_attempted = reading("", state=State.NOT_ATTEMPTED)
    readings = [reading("7"), reading("1"), empty(), not_attempted, empty(), unreadable()]
    found = judged(sample(["7", "7", "", "", "7", "7"]), readings, threshold=0.9)
    assert found.right.tolist() == [True, False, True, False, False, False]
    assert found.reads == ("7", "1", EMPTY, NOT_ATTEMPTED, EMPTY, UNREADABLE)
    assert found.truths == ("7", "7", EMPTY, EMPTY, "7", "7")


def test_accepted_is_what_is_read_and_sure_enough() -> None:
    readings = [reading("7", 0.9), reading("7", 0.8999), unreadable(1.0), empty(0.95)]
    found = judged(sample(["7"] * 4), readings, threshold=0.9)
    assert found.accepted.tolist() == [True, False, False, True]


def test_a_letter_must_not_be_read_as_a_number() -> None:
    letters = sample(["K", "a", "a"], kind=Kind.LETTERS)
    found = judged(letters, [unreadable(), reading("2"), empty()], threshold=0.9)
    assert found.right.tolist() == [True, False, True]
    assert found.reads[1] == "2"


def test_sets_are_measured_one_by_one_and_together() -> None:
    reader = ScriptedReader([reading("1"), reading("7"), reading("2"), reading("3", 0.5), empty()])
    samples = [
        sample(["1", "1"], name="digilets_digits"),
        sample(["2", "3"], name="mark_cells", first=2),
        sample([""], name="blank_cells", first=4),
    ]
    found = evaluate_sets(reader, samples)
    assert (found.model_id, found.threshold) == ("scripted", 0.9)
    assert [(one.name, one.measures.right, one.measures.accepted) for one in found.sets] == [
        ("digilets_digits", 1, 2),
        ("mark_cells", 2, 1),
        ("blank_cells", 1, 1),
    ]
    (together,) = found.together
    assert (together.name, together.measures.cells) == ("dev digits and marks", 4)
    assert (together.measures.accepted, together.measures.accepted_wrong) == (3, 1)
    assert [one.name for one in found.scored] == [*(one.name for one in found.sets), "dev digits and marks"]


def test_one_set_alone_is_nothing_together() -> None:
    assert evaluate_sets(ScriptedReader([reading("1")]), [sample(["1"], name="mark_cells")]).together == ()


def test_the_surest_wrong_value_comes_first_and_refusals_last() -> None:
    readings = [reading("1", 0.5), unreadable(0.999), reading("4", 0.95), reading("7", 0.99), reading("2", 0.7)]
    (scored,) = evaluate_sets(ScriptedReader(readings), [sample(["7"] * 5)]).sets
    shown = [(one.read, one.probability, one.accepted) for one in scored.mistakes]
    assert shown == [("4", 0.95, True), ("2", 0.7, False), ("1", 0.5, False), (UNREADABLE, 0.999, False)]
    assert [int(one.cell[0, 1]) for one in scored.mistakes] == [2, 4, 0, 1]


def test_letters_are_counted_by_letter() -> None:
    readings = [reading("4"), reading("4", 0.5), unreadable(), reading("1"), reading("2")]
    samples = [
        sample(["y", "y", "K"], name="letters", kind=Kind.LETTERS),
        sample(["l", "l"], name="alike", first=3, kind=Kind.LOOK_ALIKES),
    ]
    found = evaluate_sets(ScriptedReader(readings), samples)
    assert [one.name for one in found.sets] == ["letters"]
    assert (found.sets[0].classes, found.sets[0].curve, found.sets[0].macro_f1) == ((), None, None)
    assert [(one.letter, one.cells, one.read, one.accepted, one.values) for one in found.letters] == [
        ("l", 2, 2, 2, (("1", 1), ("2", 1))),
        ("y", 2, 2, 1, (("4", 1),)),
        ("K", 1, 0, 0, ()),
    ]


def test_progress_is_told_for_every_cell() -> None:
    told: Counter[str] = Counter()

    def advance(name: str, cells: int) -> None:
        told[name] += cells

    reader = ScriptedReader([reading("1")] * 150)
    evaluate_sets(reader, [sample(["1"] * 130, name="many"), sample(["1"], name="one")], advance=advance)
    assert told == {"many": 130, "one": 1}


def test_time_is_taken_on_one_thread_of_opencv_and_leaves_it_as_it_was() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        reader = ScriptedReader([reading("1")] * 250)
        (scored,) = evaluate_sets(reader, [sample(["1"] * 250)]).sets
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
    assert reader.threads == {1}
    assert scored.latency is not None
    assert scored.latency.cells == 200
    assert 0 < scored.latency.clock_median_ms <= scored.latency.clock_p95_ms


def test_threads_are_given_back_when_reading_fails() -> None:
    before = cv2.getNumThreads()
    with pytest.raises(IndexError):
        evaluate_sets(ScriptedReader([]), [sample(["1"])])
    assert cv2.getNumThreads() == before


# -- the sets ---------------------------------------------------------------------------------------------------------


def write_sets(data: Path) -> Path:
    """A data folder like the team's, with a few cells each."""
    (data / "train").mkdir(parents=True)
    (data / "dev").mkdir()
    grey = np.zeros((6, 28, 28), np.uint8)
    grey[:, 4:24, 13:15] = 255
    np.savez(data / "train/mnist_test.npz", images=grey, labels=np.ones(6, np.uint8))
    np.savez(data / "dev/digilets_digits.npz", images=grey, labels=np.ones(6, np.uint8))
    np.savez(data / "dev/digilets_letters.npz", images=grey, labels=np.array(list("alKlBz")))
    for name in ("mark_cells", "half_marks"):
        np.savez(data / f"dev/{name}.npz", images=255 - grey, labels=np.array(["1"] * 6))
    np.savez(data / "dev/blank_cells.npz", images=np.full_like(grey, 255))
    sizes = np.array([[20 + number, 28 - number] for number in range(6)])
    np.savez(data / "dev/number_cells.npz", images=255 - grey, labels=np.array(["10"] * 6), sizes=sizes)
    return data


def test_every_set_is_loaded_as_dark_ink_on_light_paper(tmp_path: Path) -> None:
    samples = load_samples(write_sets(tmp_path / "data"))
    sheets = {"crescent_sheet", "student_number"}
    assert [one.name for one in samples] == [name for name in SETS if name not in sheets]
    for one in samples:
        assert len(one.cells) == len(one.labels)
        assert all(cell.dtype == np.uint8 and np.median(cell) == 255 for cell in one.cells)


def test_letters_are_split_into_those_that_some_hands_write_as_digits_and_others(tmp_path: Path) -> None:
    letters, alike = load_samples(write_sets(tmp_path / "data"), ["digilets_letters", "look_alike_letters"])
    assert (letters.labels, letters.kind) == (("a", "K"), Kind.LETTERS)
    assert (alike.labels, alike.kind) == (("l", "l", "B", "z"), Kind.LOOK_ALIKES)
    assert set(alike.labels) <= LOOK_ALIKES


def test_number_cells_lose_their_padding(tmp_path: Path) -> None:
    (numbers,) = load_samples(write_sets(tmp_path / "data"), ["number_cells"], every=2)
    assert [cell.shape for cell in numbers.cells] == [(20, 28), (22, 26), (24, 24)]


def test_a_missing_file_is_named_with_its_set(tmp_path: Path) -> None:
    data = write_sets(tmp_path / "data")
    (data / "dev/half_marks.npz").unlink()
    with pytest.raises(UsageError, match=r"half_marks\.npz: .*missing; give --data .* or choose other sets"):
        load_samples(data)
    assert len(load_samples(data, ["mark_cells"])) == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    data = write_sets(tmp_path / "data")
    (data / "dev/mark_cells.npz").write_bytes(content)
    with pytest.raises(UsageError, match=r"'mark_cells' of .* cannot be read .*fetch its file again"):
        load_samples(data, ["mark_cells"])


def test_images_without_their_labels_are_refused(tmp_path: Path) -> None:
    data = write_sets(tmp_path / "data")
    np.savez(data / "dev/mark_cells.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.array(["1"]))
    with pytest.raises(UsageError, match="3 images and 1 labels"):
        load_samples(data, ["mark_cells"])


def test_an_unknown_set_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'marks' is no set; known are mnist_test, .*blank_cells"):
        load_samples(write_sets(tmp_path / "data"), ["marks"])


def test_a_users_digits_become_one_more_set_with_a_name_of_its_own() -> None:
    own = Labelled(name="class", images=tuple(np.zeros((5, 4, 4), np.uint8)), labels=("1", "2", "3", "4", "5"))
    one = sample_of(own, ["mnist_test", "class"], every=2)
    assert (one.name, one.labels, len(one.cells)) == ("class-2", ("1", "3", "5"), 3)
    assert one.field == Field(name="digit", kind=FieldKind.DIGITS, length=1)


def test_of_a_users_training_and_test_parts_the_test_part_is_measured(tmp_path: Path) -> None:
    grey = np.full((4, 28, 28), 255, np.uint8)
    grey[:, 4:24, 13:15] = 0
    file = tmp_path / "own.npz"
    np.savez(file, x_train=grey, y_train=np.zeros(4, int), x_test=grey[:2], y_test=np.ones(2, int))
    assert load_own(file).labels == ("1", "1")


def test_real_sets_are_read_with_the_shipped_model(shared_data: Path) -> None:
    """Floors far below the model card's figures: they catch a broken measure, not a slightly worse model."""
    found = evaluate_sets(load_reader(), load_samples(shared_data, every=50))
    counts = {one.name: one.measures.cells for one in found.sets}
    assert counts == {
        "mnist_test": 200,
        "digilets_digits": 77,
        "mark_cells": 13,
        "half_marks": 17,
        "number_cells": 5,
        "blank_cells": 13,
        "digilets_letters": 308,
        "crescent_sheet": 24,
        "student_number": 1,
    }
    accuracy = {one.name: one.measures.accuracy for one in found.scored}
    assert accuracy["mnist_test"] > 0.97
    assert accuracy["crescent_sheet"] > 0.8
    assert accuracy["dev digits and marks"] > 0.85
    alike = {one.letter for one in found.letters if one.kind is Kind.LOOK_ALIKES}
    assert alike
    assert alike <= LOOK_ALIKES
