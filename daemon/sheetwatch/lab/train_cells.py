"""A stream of composed and normalised cells in batches of one width, made by worker processes; seeded.

Each composed cell is shown several times, varied: composing costs as much as fitting, varying next to nothing.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.lab.compose import Composer
from sheetwatch.lab.dataset import load_sources
from sheetwatch.reader.normalise import HEIGHT, WIDTHS, Prepared, prepare
from sheetwatch.reader.vocabulary import SYMBOLS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.pool import AsyncResult, Pool
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.lab.dataset import OwnDigits

    Picture = npt.NDArray[np.uint8]
    Labelled = list[tuple[Picture, str]]
    Rng = np.random.Generator

CHUNK = 2048
_INK = 96  # of 255
LONGEST = 16
_BATCH = {32: 256, 48: 168, 64: 128, 96: 84, 128: 64, 256: 32}  # about the same work each


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
    views: int = 1
    count: int = CHUNK


_composer: Composer | None = None


def _start(folder: Path, held_out: bool, own: OwnDigits | None) -> None:  # noqa: FBT001 - a pool passes positions only
    global _composer  # noqa: PLW0603 - the sources are loaded once in each worker process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches every process; the parent decides
    _composer = Composer(load_sources(folder, held_out=held_out, own=own))


def _compose(job: Job) -> Labelled:
    """Pictures and labels, all views in one shuffled row; cells whose ink is too faint to be found are left out."""
    assert _composer is not None  # noqa: S101 - _start ran first
    cv2.setNumThreads(1)
    rng = np.random.default_rng([job.seed, job.number])
    cells = [_composer.compose(rng) for _ in range(job.count)]
    prepared = [(prepare(cell.grey), cell.label) for cell in cells]
    made = [(one.picture, label) for one, label in prepared if one.picture is not None and _teaches(one, label)]
    varied = [(_varied(picture, rng), label) for _ in range(job.views - 1) for picture, label in made]
    every = made + varied
    return [every[index] for index in rng.permutation(len(every))]


def _teaches(prepared: Prepared, label: str) -> bool:
    """Not an empty cell with an upright line in view, a border's or what is left of it: it would make a 1 nothing."""
    if label or prepared.picture is None:
        return True
    rows, columns = (np.flatnonzero((prepared.picture > _INK).any(axis=axis)) for axis in (1, 0))
    upright = rows.size and np.ptp(rows) > 1.5 * np.ptp(columns)
    return not (prepared.left_out or upright)


def _varied(picture: Picture, rng: Rng) -> Picture:
    """The picture stretched, leaning, turned and moved a little, its ink a little fainter or thicker."""
    middle = np.array([picture.shape[1] / 2, HEIGHT / 2])
    wide, tall = np.exp(rng.normal(-0.04, 0.06, 2))
    turn, lean = rng.normal(0, 0.04), rng.normal(0, 0.08)
    matrix = np.array([[wide, -lean - turn], [turn, tall]])
    shift = middle - matrix @ middle + rng.normal(0, 0.8, 2)
    moved = cv2.warpAffine(picture, np.column_stack([matrix, shift]), picture.shape[::-1], flags=cv2.INTER_LINEAR)
    gain = float(np.exp(rng.normal(0, 0.15)))
    return np.asarray(cv2.convertScaleAbs(moved, alpha=gain), dtype=np.uint8)


def batches(
    folder: Path,
    *,
    cells: int,
    seed: int,
    views: int = 1,
    processes: int = 1,
    held_out: bool = False,
    own: OwnDigits | None = None,
) -> Iterator[Batch]:
    """Batches until about this many cells were shown, each composed cell `views` times; `own`: with a user's digits.

    The widths come in random order: running averages over the batches would else be those of the widest.
    """
    waiting: dict[int, Labelled] = defaultdict(list)
    jobs = (Job(seed=seed, number=number, views=views) for number in range(-(-cells // (CHUNK * views))))
    rng = np.random.default_rng(seed)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start, (folder, held_out, own)) as pool:
        for made in _a_little_ahead(pool, jobs, 2 * processes):
            for picture, label in made:
                waiting[picture.shape[1]].append((picture, label))
            ready = list(_full_batches(waiting))
            for place in rng.permutation(len(ready)):
                yield batch_of(ready[place])


def _full_batches(waiting: dict[int, Labelled]) -> Iterator[Labelled]:
    """As many full batches as there are, width after width; what is left goes on waiting."""
    for width in WIDTHS:
        while len(waiting[width]) >= _BATCH[width]:
            taken, waiting[width] = waiting[width][: _BATCH[width]], waiting[width][_BATCH[width] :]
            yield taken


def _a_little_ahead(pool: Pool, jobs: Iterable[Job], ahead: int) -> Iterator[Labelled]:
    """The jobs' cells in order, at most so many chunks ahead of what is taken; a pool alone would fill the memory."""
    under_way: deque[AsyncResult[Labelled]] = deque()
    for job in jobs:
        under_way.append(pool.apply_async(_compose, (job,)))
        if len(under_way) > ahead:
            yield under_way.popleft().get()
    while under_way:
        yield under_way.popleft().get()


def batch_of(cells: Labelled) -> Batch:
    """Cells of one width as arrays."""
    labels = np.zeros((len(cells), LONGEST), np.int32)
    for row, (_, label) in enumerate(cells):
        labels[row, : len(label)] = [SYMBOLS.index(symbol) for symbol in label]
    return Batch(
        pictures=np.stack([picture for picture, _ in cells]),
        labels=labels,
        lengths=np.array([len(label) for _, label in cells], np.int32),
    )
