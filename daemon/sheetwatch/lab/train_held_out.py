"""Held-out cells for calibration: composed from hands that were not trained on, as the pipeline cuts them."""

from __future__ import annotations

import multiprocessing
import signal
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from sheetwatch.domain import Field, FieldKind, State
from sheetwatch.lab.compose import Composer
from sheetwatch.lab.dataset import load_sources
from sheetwatch.reader.grammar import meaning_of
from sheetwatch.reader.network import Network
from sheetwatch.reader.normalise import prepare
from sheetwatch.reader.vocabulary import UNREADABLE

if TYPE_CHECKING:
    import numpy.typing as npt

    from sheetwatch.lab.dataset import OwnDigits

    Logits = npt.NDArray[np.float32]

_CHUNK = 1000
_ORDINARY_SHARE = 0.8  # the others are as bad as scans get
_REJECTS_KEPT = 3  # one in so many: training has far more of them than sheets do
_ANY = Field(name="any", kind=FieldKind.MARK, step=0.001)
_MAXIMA = (5, 10, 20, 30, 50, 100, 200, 1000, 10_000)
_LONGEST_MARK = 4  # characters; longer strings stand in fields of digits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """A held-out cell as the network sees it, in a field where it may stand. `logits`: None where no ink was found."""

    label: str
    field: Field
    logits: Logits | None
    left_out: bool


def held_out_cells(
    folder: Path, count: int, seed: int, model: bytes, own: OwnDigits | None = None, *, processes: int = 1
) -> list[HeldOut]:
    """Compose about so many cells and run the model on them. The same seed gives the same cells."""
    jobs = [(seed, number, min(_CHUNK, count - number * _CHUNK)) for number in range(-(-count // _CHUNK))]
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _start, (folder, own, model)) as pool:
        return list(chain.from_iterable(pool.imap(_chunk, jobs)))


_composer: Composer | None = None
_network: Network | None = None


def _start(folder: Path, own: OwnDigits | None, model: bytes) -> None:
    global _composer, _network  # noqa: PLW0603 - loaded once in each worker process
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches every process; the parent decides
    sources = load_sources(folder, held_out=True, own=own)
    _composer = Composer(sources, ordinary_share=_ORDINARY_SHARE, as_cut=True)
    _network = Network(model, Path("held-out.tflite"))


def _chunk(job: tuple[int, int, int]) -> list[HeldOut]:
    assert _composer is not None  # noqa: S101 - _start ran first
    assert _network is not None  # noqa: S101
    seed, number, count = job
    rng = np.random.default_rng([seed, 99, number])
    cells = []
    for place in range(count):
        cell = _composer.compose(rng)
        if UNREADABLE in cell.label and place % _REJECTS_KEPT:
            continue
        prepared = prepare(cell.grey)
        logits = None if prepared.picture is None else _network.logits(prepared.picture)
        field = plausible_field(cell.label, rng)
        cells.append(HeldOut(label=cell.label, field=field, logits=logits, left_out=prepared.left_out))
    return cells


def plausible_field(label: str, rng: np.random.Generator) -> Field:
    """A field in which people write such a label: whole and half marks up to a usual maximum, or digits of its length.

    Values on no half step stand in a field that allows them.
    """
    state, value = meaning_of(label, _ANY)
    if state is not State.WRITTEN:
        return Field(name="any", kind=FieldKind.MARK, max=float(rng.choice(_MAXIMA)))
    if len(label) > _LONGEST_MARK:
        return Field(name="any", kind=FieldKind.DIGITS, length=len(label))
    fitting = [top for top in _MAXIMA if top >= float(value)]
    largest = float(fitting[min(int(rng.integers(3)), len(fitting) - 1)])
    step = 0.5 if float(value) % 0.5 == 0 else 0.01
    return Field(name="any", kind=FieldKind.MARK, max=largest, step=step)
