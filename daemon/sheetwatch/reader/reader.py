"""Cells in, readings out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, State
from sheetwatch.reader import comb
from sheetwatch.reader.calibrate import calibrated, is_fine, sharpened, smallest_threshold
from sheetwatch.reader.decode import Spelling, frames_of, n_best, n_best_of_each
from sheetwatch.reader.grammar import Meaning, meanings
from sheetwatch.reader.locate import Located, locate
from sheetwatch.reader.manifest import load_manifest, load_model_bytes
from sheetwatch.reader.network import Network
from sheetwatch.reader.normalise import prepare, prepare_all
from sheetwatch.shipped import shipped_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from sheetwatch.reader.manifest import Calibration, Manifest

    Grey = npt.NDArray[np.uint8]

SHIPPED = "digits-6"
_ALTERNATIVES = 8  # rosters and sums may settle on a far one; people are shown fewer
_LEAST_ALTERNATIVE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class StringReading:
    """A crop as a string of `vocabulary.SYMBOLS`, its calibrated probability, and where each symbol stands."""

    text: str
    probability: float
    symbols: tuple[Located, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The likeliest strings of one box, or None where no ink was found; `left_out`: see `Prepared`."""

    spellings: list[Spelling] | None
    left_out: bool


def load_reader(model: Path | None = None) -> Reader:
    """The reader with this model (a .tflite file with its .json manifest beside it); None: the shipped one.

    Raises ConfigError naming the file, the reason and the mend when it is missing, damaged or of another version.
    """
    path = model or shipped_folder("models") / f"{SHIPPED}.tflite"
    manifest = load_manifest(path.with_suffix(".json"))
    return Reader(Network(load_model_bytes(path, manifest.sha256), path), manifest)


class Reader:
    """Reads handwritten cells with one model. Not for use by several threads at once."""

    def __init__(self, network: Network, manifest: Manifest) -> None:
        self._network = network
        self._manifest = manifest

    @property
    def model_id(self) -> str:
        """Name and number of the model."""
        return self._manifest.name

    def threshold(self, max_field_error: float) -> float:
        """The probability from which on at most this share of the held-out readings was wrong, with 95 % confidence.

        1.0, which no reading reaches, when the held-out cells cannot prove so small a share.
        """
        return smallest_threshold(self._manifest.risk_coverage, max_field_error)

    def read_cells(self, cells: Sequence[Grey], fields: Field | Sequence[Field]) -> list[Reading]:
        """Read crops: uint8 (H, W), dark ink on light paper, any size; one field for all, or one each."""
        each = [fields] * len(cells) if isinstance(fields, Field) else fields
        boxes = [_boxes(cell, field) for cell, field in zip(cells, each, strict=True)]
        known = [self._calibration(field) for field in each]
        temperatures = [one.temperature for one, some in zip(known, boxes, strict=True) for _ in some]
        seen = iter(self._see(list(chain.from_iterable(boxes)), temperatures))
        return [
            _read(list(islice(seen, len(some))), field, calibration)
            for some, field, calibration in zip(boxes, each, known, strict=True)
        ]

    def _see(self, boxes: Sequence[Grey], temperatures: Sequence[float]) -> list[_Seen]:
        """Boxes through the network: each step for all before the next, which goes faster. A temperature for each."""
        prepared = prepare_all(boxes)
        inked = [(box.picture, one) for box, one in zip(prepared, temperatures, strict=True) if box.picture is not None]
        logits = [self._network.logits(picture) for picture, _ in inked]
        spellings = iter(n_best_of_each(logits, [one for _, one in inked]))
        return [_Seen(None if box.picture is None else next(spellings), box.left_out) for box in prepared]

    def _calibration(self, field: Field) -> Calibration:
        if field.comb is not None:
            return self._manifest.box_calibration
        return self._manifest.fine_calibration if is_fine(field) else self._manifest.calibration

    def read_string(self, cell: Grey, plausible: Callable[[str], float]) -> StringReading | None:
        """The likeliest string of a crop with the place of each symbol; None where there is no ink, or none plausible.

        cell: uint8 (H, W), dark ink on light paper, any size. plausible: a weight for each string, 0 for what cannot
        stand there.
        """
        prepared = prepare(cell)
        if prepared.picture is None:
            return None
        calibration = self._manifest.calibration
        frames = frames_of(self._network.logits(prepared.picture), calibration.temperature)
        best = max(n_best(frames), key=lambda one: one.probability * plausible(one.text))
        if not plausible(best.text):
            return None
        return StringReading(
            text=best.text,
            probability=calibrated(best.probability, calibration, left_out=prepared.left_out),
            symbols=tuple(
                replace(symbol, column=prepared.zoom * symbol.column + prepared.start)
                for symbol in locate(frames, best.text, prepared.picture.shape[1])
            ),
        )

    def spellings(self, cell: Grey, temperature: float = 1.0) -> list[Spelling] | None:
        """The uncalibrated n-best strings of one box, for calibration and evaluation; None where no ink was found."""
        picture = prepare(cell).picture
        return None if picture is None else n_best(frames_of(self._network.logits(picture), temperature))


def _boxes(cell: Grey, field: Field) -> list[Grey]:
    """The boxes of a field's crop: those of its comb, or the crop itself."""
    return [cell] if field.comb is None else comb.split(cell, field.comb)


def _read(boxes: Sequence[_Seen], field: Field, calibration: Calibration) -> Reading:
    if field.comb is None:
        return _reading(_meanings(boxes[0], field, calibration))
    one = replace(field, kind=FieldKind.DIGITS, length=1, comb=None)
    singles = [comb.single(_meanings(box, one, calibration)) for box in boxes]
    return replace(_reading(comb.join(singles)), boxes=tuple(map(_likely, singles)))


def _meanings(box: _Seen, field: Field, calibration: Calibration) -> list[Meaning]:
    """What one box may hold, calibrated, likeliest first."""
    if box.spellings is None:
        sure = calibration.doubtful_empty if box.left_out else calibration.empty
        return [
            Meaning(state=State.EMPTY, value="", probability=sure),
            Meaning(state=State.UNREADABLE, value="", probability=1.0 - sure),
        ]
    return sharpened(meanings(box.spellings, field), calibration, left_out=box.left_out)


def _reading(ranked: list[Meaning]) -> Reading:
    best, *others = ranked
    return Reading(
        value=best.value,
        state=best.state,
        probability=best.probability,
        alternatives=_likely(others)[:_ALTERNATIVES],
    )


def _likely(ranked: Iterable[Meaning]) -> tuple[Alternative, ...]:
    """What can be read and is not out of the question."""
    return tuple(
        Alternative(value=one.value, probability=one.probability)
        for one in ranked
        if one.state is not State.UNREADABLE and one.probability > _LEAST_ALTERNATIVE
    )
