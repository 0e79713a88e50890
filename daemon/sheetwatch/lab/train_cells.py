"""A stream of composed and normalised cells in batches of one width, made by worker processes; seeded."""

from __future__ import annotations

import multiprocessing
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.lab.compose import Composer
from sheetwatch.lab.dataset import load_sources
from sheetwatch.reader.normalise import WIDTHS, prepare
from sheetwatch.reader.vocabulary import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

CHUNK = 512
LONGEST = 16
_BATCH = {64: 128, 128: 64, 256: 32}  # about the same work each


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """`pictures`: uint8 (N, 32, W); `labels`: int32 (N, 16), symbol numbers; `lengths`: int32 (N,)."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Which chunk of cells to compose. The seed and the chunk's number give the same cells on every machine."""

    seed: int
    number: int
    count: int = CHUNK


_composer: Composer | None = None


def _start(folder: Path, held_out: bool) -> None:  # noqa: FBT001 - a process pool passes positions only
    global _composer  # noqa: PLW0603 - the sources are loaded once in each worker process
    _composer = Composer(load_sources(folder, held_out=held_out))


def _compose(job: Job) -> list[tuple[npt.NDArray[np.uint8], str]]:
    """Pictures and labels; cells whose ink is too faint to be found are left out."""
    assert _composer is not None  # noqa: S101 - _start ran first
    rng = np.random.default_rng([job.seed, job.number])
    cells = [_composer.compose(rng) for _ in range(job.count)]
    prepared = [(prepare(cell.grey), cell.label) for cell in cells]
    # an empty cell with an upright border in view would teach that a 1 is nothing
    return [(one.picture, label) for one, label in prepared if one.picture is not None and (label or not one.left_out)]


def batches(folder: Path, *, cells: int, seed: int, processes: int = 1, held_out: bool = False) -> Iterator[Batch]:
    """Batches until about this many cells were composed."""
    waiting: dict[int, list[tuple[npt.NDArray[np.uint8], str]]] = defaultdict(list)
    jobs = (Job(seed=seed, number=number) for number in range(-(-cells // CHUNK)))
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start, (folder, held_out)) as pool:
        for made in pool.imap(_compose, jobs):
            for picture, label in made:
                waiting[picture.shape[1]].append((picture, label))
            for width in WIDTHS:
                while len(waiting[width]) >= _BATCH[width]:
                    taken, waiting[width] = waiting[width][: _BATCH[width]], waiting[width][_BATCH[width] :]
                    yield batch_of(taken)


def batch_of(cells: list[tuple[npt.NDArray[np.uint8], str]]) -> Batch:
    """Cells of one width as arrays."""
    labels = np.zeros((len(cells), LONGEST), np.int32)
    for row, (_, label) in enumerate(cells):
        labels[row, : len(label)] = [SYMBOLS.index(symbol) for symbol in label]
    return Batch(
        pictures=np.stack([picture for picture, _ in cells]),
        labels=labels,
        lengths=np.array([len(label) for _, label in cells], np.int32),
    )
