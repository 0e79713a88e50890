"""Cells in, readings out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sheetwatch.domain import Alternative, Field, FieldKind, Reading, State
from sheetwatch.reader import comb
from sheetwatch.reader.calibrate import calibrated, is_fine, sharpened, smallest_threshold
from sheetwatch.reader.decode import Spelling, frames_of, n_best
from sheetwatch.reader.grammar import Meaning, meanings
from sheetwatch.reader.locate import Located, locate
from sheetwatch.reader.manifest import load_manifest, load_model_bytes
from sheetwatch.reader.network import Network
from sheetwatch.reader.normalise import prepare
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
        return [self._read(cell, field) for cell, field in zip(cells, each, strict=True)]

    def _read(self, cell: Grey, field: Field) -> Reading:
        known = self._manifest
        if field.comb is None:
            calibration = known.fine_calibration if is_fine(field) else known.calibration
            return _reading(self._meanings(cell, field, calibration))
        box = replace(field, kind=FieldKind.DIGITS, length=1, comb=None)
        parts = comb.split(cell, field.comb)
        boxes = [comb.single(self._meanings(part, box, known.box_calibration)) for part in parts]
        return replace(_reading(comb.join(boxes)), boxes=tuple(map(_likely, boxes)))

    def _meanings(self, cell: Grey, field: Field, calibration: Calibration) -> list[Meaning]:
        """What one box may hold, calibrated, likeliest first."""
        prepared = prepare(cell)
        if prepared.picture is None:
            sure = calibration.doubtful_empty if prepared.left_out else calibration.empty
            return [
                Meaning(state=State.EMPTY, value="", probability=sure),
                Meaning(state=State.UNREADABLE, value="", probability=1.0 - sure),
            ]
        frames = frames_of(self._network.logits(prepared.picture), calibration.temperature)
        return sharpened(meanings(n_best(frames), field), calibration, left_out=prepared.left_out)

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
