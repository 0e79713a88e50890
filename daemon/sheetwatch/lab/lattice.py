"""Compare the reader by over-segmentation with the shipped sequence reader, cell by cell, and their combination.

python -m sheetwatch.lab.lattice --data ../shared/data --model build/lattice/lattice.tflite
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import State
from sheetwatch.lab.evaluate import Kind, Sample
from sheetwatch.lab.evaluate_samples import load_samples
from sheetwatch.lab.lattice_reader import LatticeReader, held_out
from sheetwatch.reader import load_reader
from sheetwatch.reader.grammar import meaning_of
from sheetwatch.reader.normalise import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from sheetwatch.domain import Field, Reading
    from sheetwatch.reader import Reader

    Grey = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Value = tuple[State, str]

# How much of each set is read: enough for a comparison.
EVERY = {"mnist_test": 10, "digilets_digits": 4, "digilets_letters": 8}
SETS = ("mnist_test", "digilets_digits", "mark_cells", "half_marks", "number_cells", "blank_cells", "digilets_letters")
DEV = ("digilets_digits", "mark_cells", "half_marks", "number_cells")

_FIT_SEED, _TEST_SEED = 3, 4
_LEAST = 1e-4  # probability of a value that a reader does not name
_RISKS = (0.0, 0.001, 0.005, 0.01)
_SHOWN = 96


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Both readers on one set. `truths`: what stands in each cell; a letter's is no value at all."""

    name: str
    cells: tuple[Grey, ...]
    truths: tuple[Value, ...]
    sequence: tuple[Reading, ...]
    lattice: tuple[Reading, ...]
    sequence_ms: float
    lattice_ms: float

    def right(self, readings: Sequence[Reading]) -> Flags:
        """Which of these readings are right."""
        return np.array([value_of(one) == truth for one, truth in zip(readings, self.truths, strict=True)])

    @property
    def agreed(self) -> Flags:
        """Where both read the same, and something that could be accepted."""
        pairs = zip(self.sequence, self.lattice, strict=True)
        return np.array([value_of(a) == value_of(b) and a.state is not State.UNREADABLE for a, b in pairs])

    @property
    def combined(self) -> tuple[tuple[Value, float], ...]:
        """The likeliest value of each cell by the geometric mean of the readers' probabilities."""
        return tuple(geometric_mean(a, b) for a, b in zip(self.sequence, self.lattice, strict=True))


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    sequence, lattice = load_reader(options.reader), LatticeReader(options.model)
    lattice.fit(options.data / "train", options.fit_cells, _FIT_SEED)
    _say(f"{sequence.model_id} beside the lattice, {lattice.weights}")
    samples = [
        sample for name in SETS for sample in load_samples(options.data, [name], options.every * EVERY.get(name, 1))
    ]
    pairs = [_of_sample(sample, sequence, lattice) for sample in samples]
    pairs.append(_of_held_out(options.data / "train", options.held_out, sequence, lattice))
    _print_sets(pairs)
    _print_coverage("the dev sets of digits and marks together", [pair for pair in pairs if pair.name in DEV])
    _print_coverage("held-out composed cells", pairs[-1:])
    if options.pictures:
        for pair in pairs:
            show_disagreements(options.pictures / f"{pair.name}.png", pair)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sheetwatch.lab.lattice", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and dev/")
    parser.add_argument("--model", type=Path, default=Path("build/lattice/lattice.tflite"), help="the digit network")
    parser.add_argument("--reader", type=Path, help="a sequence reader's .tflite file; default: the shipped one")
    parser.add_argument(
        "--fit-cells", type=int, default=2000, help="held-out composed cells that calibrate the lattice"
    )
    parser.add_argument("--held-out", type=int, default=4000, help="other held-out composed cells to compare on")
    parser.add_argument("--every", type=int, default=1, help="take only every so manyth of these cells")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the cells where the readers disagree")
    return parser


def value_of(reading: Reading) -> Value:
    """State and value."""
    return reading.state, reading.value


def geometric_mean(one: Reading, other: Reading) -> tuple[Value, float]:
    """The value with the largest product of both probabilities, and its share of all such products, by their roots."""
    each = [_named(one), _named(other)]
    roots = {
        value: float(np.sqrt(np.prod([named.get(value, _LEAST) for named in each]))) for value in each[0] | each[1]
    }
    best = max(roots, key=lambda value: (roots[value], value))
    return best, roots[best] / sum(roots.values())


def _named(reading: Reading) -> dict[Value, float]:
    """The probabilities of the values that a reading names; what is left cannot be read."""
    named = {value_of(reading): reading.probability}
    for one in reading.alternatives:
        state = State.WRITTEN if one.value else State.EMPTY
        named.setdefault((state, one.value), one.probability)
    named.setdefault((State.UNREADABLE, ""), max(_LEAST, 1.0 - sum(named.values())))
    return named


def _of_sample(sample: Sample, sequence: Reader, lattice: LatticeReader) -> Pair:
    truths = [_truth(label, sample.kind) for label in sample.labels]
    made = [(cell, truth, sample.field) for cell, truth in zip(sample.cells, truths, strict=True)]
    return _compared(sample.name, made, sequence, lattice)


def _truth(label: str, kind: Kind) -> Value:
    if kind is not Kind.VALUES:
        return State.UNREADABLE, ""
    return (State.WRITTEN if label else State.EMPTY), label


def _of_held_out(data: Path, count: int, sequence: Reader, lattice: LatticeReader) -> Pair:
    """Composed cells of hands that neither reader was trained on, without those that nobody can read."""
    made = [(cell, meaning_of(label, field), field) for cell, label, field in held_out(data, count, _TEST_SEED)]
    kept = [one for one in made if one[1][0] is not State.UNREADABLE]
    return _compared("held-out composed", kept, sequence, lattice)


def _compared(
    name: str,
    made: Sequence[tuple[Grey, Value, Field]],
    sequence: Reader,
    lattice: LatticeReader,
) -> Pair:
    cells, truths, fields = zip(*made, strict=True)
    read, read_ms = _timed(lambda cell, field: sequence.read_cells([cell], field)[0], cells, fields)
    cut, cut_ms = _timed(lambda cell, field: lattice.read_cells([cell], field)[0], cells, fields)
    return Pair(name, cells, truths, read, cut, read_ms, cut_ms)


def _timed(
    read: Callable[[Grey, Field], Reading], cells: Sequence[Grey], fields: Sequence[Field]
) -> tuple[tuple[Reading, ...], float]:
    """The readings, and the median milliseconds of processor time a cell took."""
    readings, times_s = [], []
    for cell, field in zip(cells, fields, strict=True):
        began_s = time.process_time()
        readings.append(read(cell, field))
        times_s.append(time.process_time() - began_s)
    return tuple(readings), 1000.0 * float(np.median(times_s))


def _print_sets(pairs: Sequence[Pair]) -> None:
    """One line a set: right, agreement, and the sequence reader's own choice of as many cells as both agree on."""
    _say(
        f"{'set':18}{'cells':>6}{'sequence %':>12}{'lattice %':>11}{'combined %':>12}{'agree %':>9}"
        f"{'wrong, agreed':>15}{'wrong, surest':>15}{'only seq.':>11}{'only latt.':>12}{'ms seq.':>9}{'ms latt.':>10}"
    )
    for pair in pairs:
        first, second = pair.right(pair.sequence), pair.right(pair.lattice)
        both = np.array([value == truth for (value, _), truth in zip(pair.combined, pair.truths, strict=True)])
        agreed = pair.agreed
        surest = _surest(pair, int(agreed.sum()))
        _say(
            f"{pair.name:18}{len(pair.cells):6}{100 * first.mean():12.2f}{100 * second.mean():11.2f}"
            f"{100 * both.mean():12.2f}{100 * agreed.mean():9.2f}"
            f"{f'{(agreed & ~first).sum()} of {agreed.sum()}':>15}{f'{(~first[surest]).sum()} of {len(surest)}':>15}"
            f"{(first & ~second).sum():11}{(second & ~first).sum():12}{pair.sequence_ms:9.2f}{pair.lattice_ms:10.2f}"
        )


def _surest(pair: Pair, count: int) -> npt.NDArray[np.intp]:
    """The cells of which the sequence reader is surest, as many as that."""
    sure = [one.probability * (one.state is not State.UNREADABLE) for one in pair.sequence]
    return np.argsort(-np.array(sure), kind="stable")[:count]


def _print_coverage(title: str, pairs: Sequence[Pair]) -> None:
    """How many cells each way to accept lets through before more than each share of them is wrong."""
    cells = sum(len(pair.cells) for pair in pairs)
    _say(f"\naccepted % of {title} ({cells} cells), at most this share of them wrong:")
    _say(f"{'accept by':34}" + "".join(f"{f'{100 * risk:g} %':>9}" for risk in _RISKS) + f"{'area':>10}")
    for name, score in SCORES.items():
        parts = [score(pair) for pair in pairs]
        sure, wrong = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        shares = "".join(f"{100 * covered(sure, wrong, risk):9.2f}" for risk in _RISKS)
        _say(f"{name:34}{shares}{risk_area(sure, wrong):10.5f}")


def covered(sure: Floats, wrong: Flags, risk: float) -> float:
    """The largest share of all cells that a threshold accepts with at most this share of them wrong; 0 is no cell."""
    order = np.argsort(-sure, kind="stable")
    ranked = sure[order]
    sizes = np.arange(1, len(order) + 1)
    fits = (np.cumsum(wrong[order]) <= risk * sizes) & (ranked > 0.0)
    fits[:-1] &= ranked[:-1] > ranked[1:]  # a threshold cannot part what is equally sure
    return float(sizes[fits].max(initial=0)) / len(order)


def risk_area(sure: Floats, wrong: Flags) -> float:
    """The mean share of wrong readings over all coverages (AURC: Geifman et al. 2019); less is better."""
    order = np.argsort(-sure, kind="stable")
    return float((np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)).mean())


def _by_sequence(pair: Pair) -> tuple[Floats, Flags]:
    return _acceptable(pair.sequence), ~pair.right(pair.sequence)


def _by_lattice(pair: Pair) -> tuple[Floats, Flags]:
    return _acceptable(pair.lattice), ~pair.right(pair.lattice)


def _by_agreement(pair: Pair) -> tuple[Floats, Flags]:
    return _acceptable(pair.sequence) * pair.agreed, ~pair.right(pair.sequence)


def _by_product(pair: Pair) -> tuple[Floats, Flags]:
    odds_of_error = 1.0 - np.sqrt((1.0 - _acceptable(pair.sequence)) * (1.0 - _acceptable(pair.lattice)))
    return odds_of_error * pair.agreed, ~pair.right(pair.sequence)


def _by_mean(pair: Pair) -> tuple[Floats, Flags]:
    sure = np.array([p * (value[0] is not State.UNREADABLE) for value, p in pair.combined])
    return sure, np.array([value != truth for (value, _), truth in zip(pair.combined, pair.truths, strict=True)])


def _acceptable(readings: Sequence[Reading]) -> Floats:
    return np.array([one.probability if one.state is not State.UNREADABLE else 0.0 for one in readings])


SCORES: dict[str, Callable[[Pair], tuple[Floats, Flags]]] = {
    "the sequence reader's probability": _by_sequence,
    "the lattice's probability": _by_lattice,
    "sequence, where both agree": _by_agreement,
    "both errors' product, both agree": _by_product,
    "geometric mean of both": _by_mean,
}


def show_disagreements(path: Path, pair: Pair) -> None:
    """A picture: cells wrong though both agree, then those where one reader is wrong; both readings and the truth."""
    first, agreed = pair.right(pair.sequence), pair.agreed
    chosen = [*np.flatnonzero(agreed & ~first), *np.flatnonzero(~agreed & ~(first & pair.right(pair.lattice)))][:_SHOWN]
    tiles = [_tile(pair, int(index)) for index in chosen]
    if not tiles:
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % 12)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack([np.hstack(tiles[start : start + 12]) for start in range(0, len(tiles), 12)]))


def _tile(pair: Pair, index: int) -> Grey:
    tile = np.full((96, 128), 255, np.uint8)
    picture = prepare(pair.cells[index]).picture
    if picture is not None:
        zoom = min(1.5, 128 / picture.shape[1])
        small = cv2.resize(255 - picture, None, fx=zoom, fy=zoom)
        tile[: small.shape[0], : small.shape[1]] = small
    for row, (mark, reading) in enumerate((("s", pair.sequence[index]), ("l", pair.lattice[index]))):
        said = reading.value or reading.state.value[:6]
        cv2.putText(tile, f"{mark} {said} {reading.probability:.3f}", (1, 62 + 14 * row), 0, 0.42, 0, 1)
    truth = pair.truths[index]
    cv2.putText(tile, f"is {truth[1] or truth[0].value}", (1, 90), 0, 0.42, 0, 1)
    return tile


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
