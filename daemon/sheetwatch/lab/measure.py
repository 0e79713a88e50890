"""Measure the reader on handwriting that it never saw.

python -m sheetwatch.lab.measure --data ../shared/data
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Field, FieldKind, Reading, State
from sheetwatch.reader import load_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sheetwatch.reader import Reader

    Grey = npt.NDArray[np.uint8]

DIGIT = Field(name="digit", kind=FieldKind.DIGITS, length=1)
MARK = Field(name="mark", kind=FieldKind.MARK, max=10)
NUMBER = Field(name="number", kind=FieldKind.MARK, max=100)
_MAX_ERROR = 0.001
_SHOWN = 120  # mistakes on a contact sheet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Cells with the values that they say; the value None: anything accepted as a number is wrong."""

    name: str
    cells: list[Grey]
    values: list[str | None]
    field: Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Counts over one sample."""

    name: str
    cells: int
    right: int
    accepted: int
    accepted_wrong: int
    calibration_error: float


def main(arguments: list[str] | None = None) -> int:
    """Print a line per set."""
    parser = argparse.ArgumentParser(prog="sheetwatch.lab.measure", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    parser.add_argument("--model", type=Path, help="a .tflite file; default: the shipped one")
    parser.add_argument("--every", type=int, default=1, help="take only every so manyth cell of each set")
    parser.add_argument("--worst", type=Path, help="folder for a contact sheet of the mistakes of each set")
    options = parser.parse_args(arguments)
    reader = load_reader(options.model)
    threshold = reader.threshold(_MAX_ERROR)
    _print(f"{reader.model_id}: threshold {threshold:.4f} for {_MAX_ERROR:g} wrong among accepted")
    _print(f"{'set':18}{'cells':>7}{'right %':>9}{'accepted %':>12}{'wrong among accepted':>22}{'ECE':>8}")
    for load in SAMPLES:
        sample = _thinned(load(options.data), options.every)
        readings = reader.read_cells(sample.cells, sample.field)
        _print(_line(result_of(sample, readings, threshold)))
        if options.worst:
            _show_mistakes(options.worst / f"{sample.name}.png", sample, readings)
    _print(_latency(reader, options.data))
    return 0


def _thinned(sample: Sample, every: int) -> Sample:
    return replace(sample, cells=sample.cells[::every], values=sample.values[::every])


def result_of(sample: Sample, readings: Sequence[Reading], threshold: float) -> Result:
    """Count right, accepted and wrongly accepted readings."""
    right = np.array([_is_right(reading, value) for reading, value in zip(readings, sample.values, strict=True)])
    sure = np.array([reading.probability for reading in readings])
    readable = np.array([reading.state is not State.UNREADABLE for reading in readings])
    accepted = readable & (sure >= threshold)
    return Result(
        name=sample.name,
        cells=len(readings),
        right=int(right.sum()),
        accepted=int(accepted.sum()),
        accepted_wrong=int((accepted & ~right).sum()),
        calibration_error=_calibration_error(sure, right),
    )


def _is_right(reading: Reading, value: str | None) -> bool:
    if value is None:
        return reading.state is not State.WRITTEN
    return reading.value == value and reading.state is (State.WRITTEN if value else State.EMPTY)


def _calibration_error(sure: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    bins = np.minimum((sure * 15).astype(int), 14)
    parts = [bins == number for number in range(15)]
    return float(sum(abs(right[part].mean() - sure[part].mean()) * part.mean() for part in parts if part.any()))


def _line(result: Result) -> str:
    right, accepted = 100 * result.right / result.cells, 100 * result.accepted / result.cells
    wrong = f"{result.accepted_wrong} of {result.accepted}"
    return f"{result.name:18}{result.cells:7}{right:9.2f}{accepted:12.2f}{wrong:>22}{result.calibration_error:8.4f}"


def _latency(reader: Reader, data: Path) -> str:
    """Processor time on one thread over mark cells and number cells; what else runs on the machine does not count."""
    times_ms = []
    for sample in (_mark_cells(data), _number_cells(data)):
        for cell in sample.cells[:200]:
            began_s = time.process_time()
            reader.read_cells([cell], sample.field)
            times_ms.append(1000 * (time.process_time() - began_s))
    return f"milliseconds a cell: median {np.median(times_ms):.2f}, 95th percentile {np.percentile(times_ms, 95):.2f}"


def _show_mistakes(path: Path, sample: Sample, readings: Sequence[Reading]) -> None:
    """A picture of the wrongly read cells with what was read and what they say."""
    wrong = [
        _tile(cell, f"{reading.value or reading.state.value[:5]} {reading.probability:.3f}", value or "-")
        for cell, value, reading in zip(sample.cells, sample.values, readings, strict=True)
        if not _is_right(reading, value)
    ][:_SHOWN]
    if not wrong:
        return
    blank = np.full_like(wrong[0], 255)
    wrong += [blank] * (-len(wrong) % 12)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack([np.hstack(wrong[start : start + 12]) for start in range(0, len(wrong), 12)]))


def _tile(cell: Grey, read: str, truth: str) -> Grey:
    tile = np.full((100, 100), 255, np.uint8)
    zoom = min(64 / cell.shape[0], 98 / cell.shape[1])
    small = cv2.resize(cell, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:64, :98]
    tile[: small.shape[0], : small.shape[1]] = small
    cv2.putText(tile, read, (1, 80), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1)
    cv2.putText(tile, f"is {truth}", (1, 96), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1)
    return tile


def _mnist_test(data: Path) -> Sample:
    return _ink_sample(data / "train/mnist_test.npz", "mnist_test")


def _digilets_digits(data: Path) -> Sample:
    return _ink_sample(data / "dev/digilets_digits.npz", "digilets_digits")


def _ink_sample(path: Path, name: str) -> Sample:
    """Digits stored as light ink on black."""
    file = np.load(path, allow_pickle=False)
    values: list[str | None] = [str(label) for label in file["labels"]]
    return Sample(name=name, cells=list(255 - file["images"]), values=values, field=DIGIT)


def _mark_cells(data: Path) -> Sample:
    return _paper_sample(data / "dev/mark_cells.npz", "mark_cells")


def _half_marks(data: Path) -> Sample:
    return _paper_sample(data / "dev/half_marks.npz", "half_marks")


def _paper_sample(path: Path, name: str) -> Sample:
    file = np.load(path, allow_pickle=False)
    return Sample(name=name, cells=list(file["images"]), values=[str(label) for label in file["labels"]], field=MARK)


def _number_cells(data: Path) -> Sample:
    file = np.load(data / "dev/number_cells.npz", allow_pickle=False)
    cells = [image[:rows, :columns] for image, (rows, columns) in zip(file["images"], file["sizes"], strict=True)]
    return Sample(name="number_cells", cells=cells, values=[str(label) for label in file["labels"]], field=NUMBER)


def _blank_cells(data: Path) -> Sample:
    cells = list(np.load(data / "dev/blank_cells.npz", allow_pickle=False)["images"])
    return Sample(name="blank_cells", cells=cells, values=[""] * len(cells), field=MARK)


def _letters(data: Path) -> Sample:
    """Letters that no hand writes as a digit; none may be accepted as a number."""
    file = np.load(data / "dev/digilets_letters.npz", allow_pickle=False)
    keep = np.array([str(label) not in "lIOoSZzsbgqB" for label in file["labels"]])
    cells = list(255 - file["images"][keep])
    return Sample(name="digilets_letters", cells=cells, values=[None] * len(cells), field=MARK)


SAMPLES: tuple[Callable[[Path], Sample], ...] = (
    _mnist_test,
    _digilets_digits,
    _mark_cells,
    _half_marks,
    _number_cells,
    _blank_cells,
    _letters,
)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
