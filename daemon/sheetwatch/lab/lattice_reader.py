"""A reader by over-segmentation: pieces, candidates, digit network, lattice; the grammar of the shipped reader."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, State
from sheetwatch.lab.compose import Composer
from sheetwatch.lab.dataset import load_sources
from sheetwatch.lab.lattice_paths import NOT_A_SYMBOL, Weights, arcs_of, n_best
from sheetwatch.lab.lattice_segments import candidates_of, piece_extents, pieces_of
from sheetwatch.lab.train_held_out import plausible_field
from sheetwatch.reader.grammar import Meaning, meaning_of, meanings
from sheetwatch.reader.network import open_interpreter
from sheetwatch.reader.normalise import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from sheetwatch.reader.decode import Spelling

    Grey = npt.NDArray[np.uint8]
    Floats = npt.NDArray[np.float64]

_SHARPNESS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_UNREAD = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_DIRT = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_SMALL = 10  # rows and columns; a larger piece is no dirt
_EMPTY = 0.999
_ALTERNATIVES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """What the network says of one cell's candidates. `probabilities`: 14 of each; `small`: pieces that may be dirt."""

    runs: tuple[tuple[int, int], ...]
    probabilities: tuple[tuple[float, ...], ...]
    small: tuple[bool, ...]

    def spellings(self, weights: Weights) -> list[Spelling]:
        """The likeliest strings, likeliest first."""
        return n_best(arcs_of(self.runs, self.probabilities, self.small, weights), len(self.small))


class LatticeReader:
    """Reads cells as `sheetwatch.reader.Reader` does, with weights and calibration that `fit` finds."""

    model_id = "lattice"

    def __init__(self, model: Path) -> None:
        self._interpreter = open_interpreter(model.read_bytes())
        self._interpreter.allocate_tensors()
        entry = self._interpreter.get_input_details()[0]
        self._entry, (self._step, self._paper) = entry["index"], entry["quantization"]
        exit_ = self._interpreter.get_output_details()[0]
        self._exit, (self._scale, self._zero) = exit_["index"], exit_["quantization"]
        self.weights = Weights(sharpness=0.7, unread=0.03, dirt=0.01)
        self._slope, self._offset = 1.0, 0.0

    def read_cells(self, cells: Sequence[Grey], field: Field) -> list[Reading]:
        """Read crops: uint8 (H, W), dark ink on light paper, any size."""
        return [self._reading(self.lattice(cell), field) for cell in cells]

    def lattice(self, cell: Grey) -> Lattice | None:
        """None where no ink was found."""
        picture = prepare(cell).picture
        if picture is None:
            return None
        pieces = pieces_of(picture)
        candidates = candidates_of(picture, pieces)
        extents = piece_extents(pieces)
        small = (extents[:, 2:] - extents[:, :2]).max(axis=1, initial=0) <= _SMALL
        return Lattice(
            runs=tuple((one.first, one.last) for one in candidates),
            probabilities=tuple(self._classified(one.row) for one in candidates),
            small=tuple(small.tolist()),
        )

    def fit(self, data: Path, cells: int, seed: int = 3) -> None:
        """Find weights and calibration on held-out composed cells, whose hands were not trained on."""
        composed = held_out(data, cells, seed)
        known = [(lattice, label, field) for cell, label, field in composed if (lattice := self.lattice(cell))]
        for name, values in (("unread", _UNREAD), ("sharpness", _SHARPNESS), ("dirt", _DIRT), ("unread", _UNREAD)):
            tried = [replace(self.weights, **{name: value}) for value in values]
            self.weights = min(tried, key=lambda weights: _loss(known, weights))
        best = [meanings(lattice.spellings(self.weights), field)[0] for lattice, _, field in known]
        right = [
            (one.state, one.value) == meaning_of(label, field)
            for one, (_, label, field) in zip(best, known, strict=True)
        ]
        readable = [one.state is not State.UNREADABLE for one in best]
        sure = np.array([one.probability for one in best])[readable]
        self._slope, self._offset = _fitted_odds(sure, np.array(right)[readable])

    def _classified(self, row: Grey) -> tuple[float, ...]:
        """The probabilities of one candidate. row: uint8 (1572,)."""
        # the place shares its scale with the last layer's activations, and so the whole row does: it is not 1 / 255
        levels = np.round(row * np.float32(1.0 / (255.0 * self._step))) + self._paper
        self._interpreter.set_tensor(self._entry, np.clip(levels, -128, 127).astype(np.int8)[None])
        self._interpreter.invoke()
        logits = (self._interpreter.get_tensor(self._exit)[0].astype(np.float64) - self._zero) * self._scale
        weights = np.exp(logits - logits.max())
        return tuple((weights / weights.sum())[: NOT_A_SYMBOL + 1].tolist())

    def _reading(self, lattice: Lattice | None, field: Field) -> Reading:
        if lattice is None:
            return Reading(value="", state=State.EMPTY, probability=_EMPTY)
        best, *others = meanings(lattice.spellings(self.weights), field)
        sure = float(_sigmoid(self._slope * _log_odds(np.array(best.probability)) + self._offset))
        share = (1.0 - sure) / max(1e-12, 1.0 - best.probability)
        return Reading(
            value=best.value,
            state=best.state,
            probability=sure,
            alternatives=tuple(_alternative(one, share) for one in others if one.state is not State.UNREADABLE)[
                :_ALTERNATIVES
            ],
        )


def held_out(data: Path, cells: int, seed: int) -> list[tuple[Grey, str, Field]]:
    """Composed cells of hands that were not trained on, four in five as an ordinary scan leaves them, with fields."""
    composer = Composer(load_sources(data, held_out=True), ordinary_share=0.8, as_cut=True)
    rng = np.random.default_rng([seed, 98])
    made = [composer.compose(rng) for _ in range(cells)]
    return [(cell.grey, cell.label, plausible_field(cell.label, rng)) for cell in made]


def _alternative(meaning: Meaning, share: float) -> Alternative:
    return Alternative(value=meaning.value, probability=meaning.probability * share)


def _loss(known: Sequence[tuple[Lattice, str, Field]], weights: Weights) -> float:
    """The log loss of the true meanings in a field that allows everything."""
    plain = Field(name="any", kind=FieldKind.MARK, step=0.001)
    total = 0.0
    for lattice, label, _ in known:
        truth = meaning_of(label, plain)
        found = meanings(lattice.spellings(weights), plain)
        total -= np.log(max(1e-4, *(one.probability for one in found if (one.state, one.value) == truth), 0.0))
    return total


def _fitted_odds(sure: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the log-odds that make the outcomes likeliest (Platt 1999; Newton's method)."""
    x = np.stack([_log_odds(sure), np.ones_like(sure)], axis=1)
    weights = np.array([1.0, 0.0])
    for _ in range(50):
        p = _sigmoid(x @ weights)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        weights -= np.linalg.solve(curvature, x.T @ (p - right))
    return float(weights[0]), float(weights[1])


def _log_odds(p: Floats) -> Floats:
    clipped = np.clip(p, 1e-9, 1 - 1e-9)
    return np.log(clipped / (1 - clipped))


def _sigmoid(odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30)))
